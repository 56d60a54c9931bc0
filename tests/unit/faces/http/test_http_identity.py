"""Keys that end and are replaced, limits of keys and of addresses, tokens of an issuer."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from maillage.bootstrap import ManualClock
from maillage.tenancy.access import Access
from maillage.tenancy.limits import FAILURES_BURST
from tests.unit.faces.http.api import NOW, Api, ask, assert_problem, opened
from tests.unit.tenancy.issuer import AUDIENCE, Issuer, issuing
from tests.unit.tenancy.records import records_in

ENDS_AT = "2026-11-01T13:00:00Z"


# -- keys --------------------------------------------------------------------------------------------------------------


def test_a_key_can_be_given_an_end_and_a_rate(api: Api) -> None:
    api.ok("POST", "/v1/tenants", {"id": "acme"})
    wanted = {"name": "vans", "expires_at": "2026-11-01T14:00:00+01:00", "per_s": 50, "burst": 100}
    issued = api.ok("POST", "/v1/tenants/acme/keys", wanted)
    assert issued["expires_at"] == ENDS_AT
    (listed,) = api.ok("GET", "/v1/tenants/acme/keys")["items"]
    assert (listed["expires_at"], listed["per_s"], listed["burst"]) == (ENDS_AT, 50, 100)
    api.clock.advance(3_599)
    assert api.call("GET", "/v1/leases", key=issued["key"]).status_code == 200
    api.clock.advance(1)
    assert_problem(api.call("GET", "/v1/leases", key=issued["key"]), 401, "no-key")
    assert api.ok("GET", "/v1/tenants/acme/keys")["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"expires_at": "2026-11-01T12:00:00Z"},
        {"expires_at": "2026-11-01T13:00:00"},
        {"expires_at": "soon"},
        {"per_s": 0},
        {"per_s": "5"},
        {"burst": 5},
        {"per_s": 1, "burst": 0},
        {"colour": "red"},
    ],
)
def test_a_key_that_can_not_be_is_422(api: Api, body: dict[str, Any]) -> None:
    assert_problem(api.call("POST", "/v1/tenants/operator/keys", body), 422, "invalid")
    assert len(api.ok("GET", "/v1/tenants/operator/keys")["items"]) == 1


def test_a_rotated_key_and_its_successor_overlap(api: Api) -> None:
    api.ok("POST", "/v1/tenants", {"id": "acme"})
    old = api.ok("POST", "/v1/tenants/acme/keys", {"name": "vans"})
    response = api.call("POST", f"/v1/keys/{old['id']}/rotate", {"overlap_s": 600})
    assert response.status_code == 201
    new = response.json()
    assert (new["tenant"], new["replaces"], new["replaced_ends_at"]) == ("acme", old["id"], "2026-11-01T12:10:00Z")
    for seconds, opens in ((599, 200), (1, 401)):
        api.clock.advance(seconds)
        assert api.call("GET", "/v1/leases", key=old["key"]).status_code == opens
        assert api.call("GET", "/v1/leases", key=new["key"]).status_code == 200


def test_an_overlap_is_an_hour_unless_said_and_a_month_at_most(api: Api) -> None:
    key = api.ok("GET", "/v1/tenants/operator/keys")["items"][0]["id"]
    for body in ({"overlap_s": -1}, {"overlap_s": 30 * 86_400 + 1}, {"overlap_s": "60"}, {"overlap": 60}):
        assert_problem(api.call("POST", f"/v1/keys/{key}/rotate", body), 422, "invalid")
    assert api.ok("POST", f"/v1/keys/{key}/rotate")["replaced_ends_at"] == ENDS_AT
    assert_problem(api.call("POST", "/v1/keys/0123456789abcdef/rotate"), 404, "not-found")


def test_what_another_process_does_to_keys_holds_here_within_a_second(tmp_path: Path) -> None:
    with opened(tmp_path) as api:
        acme = api.tenant("acme")
        elsewhere = Access(records_in(tmp_path), ManualClock(NOW))
        made = elsewhere.add_key("acme", "made elsewhere")[1]
        assert _becomes(api, made, 200)
        for key in elsewhere.keys("acme"):
            elsewhere.revoke_key(key.id)
        assert _becomes(api, acme, 401) and _becomes(api, made, 401)


def _becomes(api: Api, key: str, status: int) -> bool:
    """Within what is promised, and as much again for a slow machine."""
    ends_at = time.monotonic() + 15  # the machine may be busy
    while time.monotonic() < ends_at:
        if api.call("GET", "/v1/leases", key=key).status_code == status:
            return True
    return False


# -- limits ------------------------------------------------------------------------------------------------------------


def slow_key(api: Api, burst: int) -> str:
    """A key that may ask some times, and then practically never again."""
    api.ok("POST", "/v1/tenants", {"id": "acme"})
    key: str = api.ok("POST", "/v1/tenants/acme/keys", {"per_s": 0.001, "burst": burst})["key"]
    return key


def test_above_its_rate_a_key_is_told_when_to_come_back(api: Api) -> None:
    key = slow_key(api, burst=2)
    assert api.call("GET", "/v1/leases", key=key).status_code == 200
    assert api.call("POST", "/v1/leases", ask(), key).status_code == 201
    for method, path, body in (("GET", "/v1/leases", None), ("POST", "/v1/leases", ask()), ("GET", "/v1/no", None)):
        response = api.call(method, path, body, key)
        problem = assert_problem(response, 429, "too-many-requests")
        assert 900 < problem["retry_after_s"] <= 1_000
        assert response.headers["retry-after"] == str(problem["retry_after_s"])
    assert api.call("GET", "/v1/leases").status_code == 200, "each key has its own allowance"
    assert api.call("GET", "/healthz", key=key).status_code == 200


def test_a_batch_counts_as_many_as_it_has(api: Api) -> None:
    key = slow_key(api, burst=4)
    assert_problem(api.call("POST", "/v1/leases/batch", {"leases": [ask()] * 5}, key), 422, "invalid")
    assert api.call("POST", "/v1/leases/batch", {"leases": [ask()] * 3}, key).status_code == 200
    assert_problem(api.call("GET", "/v1/leases", key=key), 429, "too-many-requests")
    again = api.ok("POST", "/v1/tenants/acme/keys", {"per_s": 0.001, "burst": 3})["key"]
    assert api.call("GET", "/v1/leases", key=again).status_code == 200
    assert_problem(api.call("POST", "/v1/leases/batch", {"leases": [ask()] * 3}, again), 429, "too-many-requests")
    assert len(api.ok("GET", "/v1/leases?tenant=acme")["items"]) == 3


def test_the_environment_limits_keys_without_a_rate_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILLAGE_RATE_PER_S", "0.001")
    monkeypatch.setenv("MAILLAGE_RATE_BURST", "5")
    with opened(tmp_path) as api:
        own = api.ok("POST", "/v1/tenants/operator/keys", {"per_s": 1_000, "burst": 1_000})["key"]
        statuses = [api.call("GET", "/v1/kinds").status_code for _ in range(6)]
        assert statuses == [200, 200, 200, 200, 429, 429]
        assert {api.call("GET", "/v1/kinds", key=own).status_code for _ in range(20)} == {200}


def test_an_address_that_guesses_is_told_to_wait_while_right_keys_pass(api: Api) -> None:
    statuses = [
        api.call("GET", "/v1/leases", key=f"guess-{number}").status_code for number in range(FAILURES_BURST + 5)
    ]
    assert statuses[:FAILURES_BURST] == [401] * FAILURES_BURST
    assert statuses[-1] == 429
    response = api.call("GET", "/v1/leases", key="guess")
    assert_problem(response, 429, "too-many-requests")
    assert int(response.headers["retry-after"]) >= 1
    assert api.call("GET", "/v1/leases").status_code == 200
    assert_problem(api.call("GET", "/v1/leases", key=""), 401, "no-key")


# -- tokens ------------------------------------------------------------------------------------------------------------


@contextmanager
def trusting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Api, Issuer]]:
    with issuing() as issuer:
        monkeypatch.setenv("MAILLAGE_OIDC_ISSUER", issuer.url)
        monkeypatch.setenv("MAILLAGE_OIDC_AUDIENCE", AUDIENCE)
        with opened(tmp_path) as api:
            yield api, issuer


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Api, Issuer]]:
    with trusting(tmp_path, monkeypatch) as both:
        yield both


def test_tokens_open_what_keys_do(trusted: tuple[Api, Issuer]) -> None:
    api, issuer = trusted
    api.site("wm-1", cpu=8)
    acme = api.tenant("acme")
    operator = issuer.token(NOW).decode()
    tenant = issuer.token(NOW, roles=["maillage.tenant"], tenant="acme", sub="driver").decode()
    assert api.ok("PUT", "/v1/kinds/drone_pad", {"unit": "pad"}, operator)["name"] == "drone_pad"
    lease = api.ok("POST", "/v1/leases", ask(), tenant)
    assert lease["tenant"] == "acme"
    assert api.ok("GET", f"/v1/leases/{lease['id']}", key=acme)["id"] == lease["id"]
    assert_problem(api.call("PUT", "/v1/kinds/drone_pad", {"unit": "pad"}, tenant), 403, "not-allowed")
    assert_problem(api.call("POST", "/v1/leases", ask(**{"class": "house"}), tenant), 403, "not-allowed")
    done = api.ok("GET", "/v1/audit?action=kind.set")["items"]
    assert [entry["credential"] for entry in done] == ["oidc:127.0.0.1:somebody"]


def test_what_does_not_hold_is_401_and_what_gives_no_right_403(trusted: tuple[Api, Issuer]) -> None:
    api, issuer = trusted
    for wrong in (issuer.token(NOW, aud="else"), issuer.token(NOW, exp=NOW - 61), b"eyJ.eyJ.x", b"ey"):
        response = api.call("GET", "/v1/kinds", key=wrong.decode())
        assert_problem(response, 401, "no-key")
        assert response.headers["www-authenticate"] == "Bearer"
    for right in (issuer.token(NOW, roles=[]), issuer.token(NOW, roles=["maillage.tenant"], tenant="nobody")):
        problem = assert_problem(api.call("GET", "/v1/kinds", key=right.decode()), 403, "not-allowed")
        assert "maillage.tenant" in problem["detail"] or "tenant" in problem["detail"]
    api.run(api.chain.audit.stop())
    reasons = [entry["outcome"] for entry in api.ok("GET", "/v1/audit?action=sign-in")["items"]]
    assert reasons == [
        "token-audience",
        "token-expired",
        "token-not-a-token",
        "token-not-a-token",
        "not-allowed",
        "not-allowed",
    ]


def test_an_issuer_that_is_away_is_503_for_tokens_and_nothing_to_keys(trusted: tuple[Api, Issuer]) -> None:
    api, issuer = trusted
    issuer.down = True
    assert_problem(api.call("GET", "/v1/kinds", key=issuer.token(NOW).decode()), 503, "issuer-unavailable")
    assert api.call("GET", "/v1/kinds").status_code == 200


def test_without_an_issuer_a_token_is_a_wrong_key(api: Api) -> None:
    with issuing() as issuer:
        assert_problem(api.call("GET", "/v1/kinds", key=issuer.token(NOW).decode()), 401, "no-key")
        assert issuer.asked == []


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_no_proof_that_was_sent_is_told_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in the log, the audit, an answer or a file: neither those that hold nor those that don't."""
    admin = "an-admin-key-that-nobody-may-see"
    told: list[str] = []
    caplog.set_level(logging.DEBUG)
    with trusting(tmp_path, monkeypatch) as (api, issuer):
        api.chain.access.first_key(admin)
        acme = api.tenant("acme")
        rotated = api.ok("POST", f"/v1/keys/{api.ok('GET', '/v1/tenants/acme/keys')['items'][0]['id']}/rotate")["key"]
        tokens = [issuer.token(NOW), issuer.token(NOW, aud="else"), issuer.token(NOW, roles=[])]
        proofs = [admin, acme, rotated, "a-guess-that-is-wrong", *(token.decode() for token in tokens)]
        for proof in proofs:
            for method, path, body in (
                ("GET", "/v1/tenants", None),
                ("PUT", "/v1/kinds/x", {"unit": 5}),
                ("POST", "/v1/leases", ask("nowhere")),
                ("DELETE", "/v1/keys/unknown", None),
                ("GET", "/v1/audit", None),
            ):
                response = api.call(method, path, body, proof)
                told += [response.text, str(response.headers)]
        issuer.down = True
        told.append(
            api.call("GET", "/v1/kinds", key=issuer.token(NOW, key="key-1", headers={"kid": "x"}).decode()).text
        )
        api.run(api.chain.audit.stop())
        told.append(api.call("GET", "/v1/audit?limit=1000").text)
    told.append(caplog.text)
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "sign-in" in told[-2] and len(caplog.text) > 0
    for proof in proofs:
        for part in (proof, proof.rpartition(".")[2], proof.split("_", 2)[-1]):
            assert not [text for text in told if part in text]
            assert part.encode() not in files
