"""Tokens of an issuer: which hold, whom they stand for, and what happens when the issuer changes keys or is away."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from maillage.engines.clocks import ManualClock
from maillage.kernel.errors import Invalid, IssuerUnavailable, NotAllowed
from maillage.tenancy.limits import Rate
from maillage.tenancy.oidc.claims import TOKEN_MAX, TokenRefused
from maillage.tenancy.oidc.fetching import FetchFailed, fetch_json
from maillage.tenancy.oidc.keys import FRESH_S, REFETCH_S, STALE_S, IssuerKeys
from maillage.tenancy.oidc.settings import OidcSettings, oidc_from
from maillage.tenancy.oidc.tokens import REMEMBERED_S, Tokens
from maillage.tenancy.ports import Tenant
from maillage.tenancy.principal import Principal
from tests.kernel_world import NOW
from tests.unit.tenancy.issuer import AUDIENCE, Issuer, forged, issuing

TENANTS = {name: Tenant(name, name, role, 1) for name, role in (("acme", "tenant"), ("operator", "operator"))}
DIRECTORY, STRANGERS = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as one:
        yield one


class Door:
    """Tokens checked as a server does, with clocks that are set by hand."""

    def __init__(self, issuer: Issuer, rate: Rate = Rate(), **environ: str) -> None:  # noqa: B008
        given = {"ISSUER": issuer.url, "AUDIENCE": AUDIENCE, **environ}
        settings = oidc_from({f"MAILLAGE_OIDC_{name}": value for name, value in given.items()})
        assert settings is not None
        self.settings: OidcSettings = settings
        self.clock = ManualClock(NOW)
        self.seconds = 1_000.0
        self.tokens = Tokens(
            settings, IssuerKeys(settings, monotonic=lambda: self.seconds), TENANTS.get, self.clock, rate
        )
        self._runner = asyncio.Runner()

    def let_in(self, token: bytes) -> Principal:
        return self._runner.run(self.tokens.principal(token))

    def all_let_in(self, tokens: list[bytes]) -> list[Any]:
        async def together() -> list[Any]:
            return await asyncio.gather(*map(self.tokens.principal, tokens), return_exceptions=True)

        return self._runner.run(together())

    def settle(self) -> None:
        """Let what is fetched beside the work come in."""

        async def others() -> None:
            await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))

        self._runner.run(others())

    def pass_time(self, seconds: float) -> None:
        self.seconds += seconds
        self.clock.advance(int(seconds))

    def refusal(self, token: bytes) -> str:
        with pytest.raises(TokenRefused) as refused:
            self.let_in(token)
        assert not token or token.decode("latin-1") not in str(refused.value)
        return refused.value.reason


@pytest.fixture
def door(issuer: Issuer) -> Door:
    return Door(issuer)


# -- who it is ---------------------------------------------------------------------------------------------------------


def test_an_operator_is_known_by_its_role(issuer: Issuer, door: Door) -> None:
    found = door.let_in(issuer.token(NOW))
    assert (found.tenant, found.role, found.credential) == ("operator", "operator", "oidc:127.0.0.1:somebody")
    assert found.expires_at == NOW + 3_600 + 60


def test_a_tenant_is_known_by_its_claim(issuer: Issuer, door: Door) -> None:
    found = door.let_in(issuer.token(NOW, roles=["maillage.tenant"], tenant="acme"))
    assert (found.tenant, found.role, found.sees) == ("acme", "tenant", "acme")


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"roles": None}, "neither the role maillage.operator nor maillage.tenant"),
        ({"roles": []}, "neither the role"),
        ({"roles": ["admin", "MAILLAGE.OPERATOR"]}, "neither the role"),
        ({"roles": {"maillage.operator": True}}, "neither the role"),
        ({"roles": ["maillage.tenant"]}, "claim tenant does not name a tenant"),
        ({"roles": ["maillage.tenant"], "tenant": "nobody"}, "claim tenant does not name a tenant"),
        ({"roles": ["maillage.tenant"], "tenant": ["acme"]}, "claim tenant does not name a tenant"),
        ({"roles": ["maillage.tenant"], "tenant": "operator"}, "claim tenant does not name a tenant"),
    ],
)
def test_a_token_that_gives_no_right_is_told_what_is_missing(
    issuer: Issuer, door: Door, claims: dict[str, Any], told: str
) -> None:
    with pytest.raises(NotAllowed, match=told) as refused:
        door.let_in(issuer.token(NOW, **claims))
    assert refused.value.extra["holder"] == "oidc:127.0.0.1:somebody"


def test_claims_may_have_other_names_and_lie_within_others(issuer: Issuer) -> None:
    door = Door(issuer, ROLES_CLAIM="realm_access.roles", TENANT_CLAIM="org", SUBJECT_CLAIM="email")
    found = door.let_in(
        issuer.token(NOW, roles=None, realm_access={"roles": ["maillage.tenant"]}, org="acme", email="a@example.com")
    )
    assert (found.tenant, found.credential) == ("acme", "oidc:127.0.0.1:a@example.com")


def test_a_scope_that_is_asked_for_must_be_there(issuer: Issuer) -> None:
    door = Door(issuer, SCOPE="lease")
    assert door.let_in(issuer.token(NOW, scope="openid lease")).role == "operator"
    for scope in ("openid", "leases", None):
        with pytest.raises(NotAllowed, match="lacks the scope lease"):
            door.let_in(issuer.token(NOW, scope=scope))


def test_all_tokens_of_a_holder_share_one_allowance(issuer: Issuer) -> None:
    door = Door(issuer, Rate(1.0, 5))
    first, second = (door.let_in(issuer.token(NOW, jti=name)) for name in ("a", "b"))
    other = door.let_in(issuer.token(NOW, sub="another"))
    assert first.bucket is second.bucket is not None
    assert other.bucket is not first.bucket


# -- what does not hold ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "api://another"}, "audience"),
        ({"aud": None}, "audience"),
        ({"aud": ["api://another"]}, "audience"),
        ({"iss": "http://127.0.0.1:1"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"exp": NOW - 60}, "expired"),
        ({"exp": None}, "no-times"),
        ({"exp": "tomorrow"}, "no-times"),
        ({"exp": True}, "no-times"),
        ({"exp": 1e300}, "no-times"),
        ({"nbf": NOW + 61}, "not-yet"),
        ({"iat": NOW + 61}, "not-yet"),
        ({"iat": None}, "no-times"),
        ({"sub": None}, "subject"),
        ({"sub": "x" * 256}, "subject"),
    ],
)
def test_what_is_not_of_now_or_not_for_us_does_not_hold_and_nobody_is_asked(
    issuer: Issuer, door: Door, claims: dict[str, Any], reason: str
) -> None:
    # By hand, as the library would not sign all of these.
    whole = {"iss": issuer.url, "aud": AUDIENCE, "sub": "s", "iat": NOW, "exp": NOW + 60, **claims}
    token = forged(
        {"alg": "RS256", "kid": "key-1"}, {name: value for name, value in whole.items() if value is not None}
    )
    assert door.refusal(token) == reason
    assert issuer.asked == []


def test_clocks_may_be_a_minute_apart(issuer: Issuer, door: Door) -> None:
    assert door.let_in(issuer.token(NOW, exp=NOW - 59)).role == "operator"
    assert door.let_in(issuer.token(NOW, iat=NOW + 60, nbf=NOW + 60)).role == "operator"


def test_one_of_several_audiences_is_enough(issuer: Issuer) -> None:
    door = Door(issuer, AUDIENCE="api://first, api://second")
    assert door.let_in(issuer.token(NOW, aud=["api://else", "api://second"])).role == "operator"


def claims_of(issuer: Issuer) -> dict[str, Any]:
    return {
        "iss": issuer.url,
        "aud": AUDIENCE,
        "sub": "mallory",
        "iat": NOW,
        "exp": NOW + 60,
        "roles": ["maillage.operator"],
    }


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, "HS256", "RS1", ["RS256"], 7])
def test_what_is_not_signed_with_a_private_key_does_not_hold(issuer: Issuer, door: Door, algorithm: Any) -> None:
    assert door.refusal(forged({"alg": algorithm, "kid": "key-1"}, claims_of(issuer))) == "algorithm"
    assert issuer.asked == []


def test_the_public_key_is_no_shared_secret(issuer: Issuer, door: Door) -> None:
    door.let_in(issuer.token(NOW))
    pem = (
        issuer.keys["key-1"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    for algorithm, reason in (("HS256", "algorithm"), ("RS256", "signature")):
        head = forged({"alg": algorithm, "kid": "key-1"}, claims_of(issuer)).rpartition(b".")[0]
        mark = base64.urlsafe_b64encode(hmac.new(pem, head, hashlib.sha256).digest()).rstrip(b"=")
        assert door.refusal(head + b"." + mark) == reason


def test_a_changed_or_foreign_signature_does_not_hold(issuer: Issuer, door: Door) -> None:
    token = issuer.token(NOW, roles=["maillage.tenant"], tenant="acme")
    head, _, mark = token.split(b".")
    more = forged({}, claims_of(issuer)).split(b".")[1]
    assert door.refusal(b".".join((head, more, mark))) == "signature"
    with issuing() as stranger:
        assert door.refusal(stranger.token(NOW, iss=issuer.url)) == "signature"


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"ey",
        b"..",
        b"eyJ.eyJ.x",
        b"a.b.c.d",
        b"\xff.\xff.\xff",
        b"e30.W10.x",
        b"MQ.MQ.MQ",
        b"." * TOKEN_MAX,
        base64.urlsafe_b64encode(b"[" * 9_000).rstrip(b"=") + b".e30.x",
    ],
)
def test_what_is_no_token_does_not_hold(issuer: Issuer, door: Door, token: bytes) -> None:
    assert door.refusal(token) in ("not-a-token", "algorithm")
    assert issuer.asked == []


@pytest.mark.parametrize("header", [{"crit": ["b64"], "b64": False}, {"kid": 5}, {"kid": ["key-1"]}])
def test_headers_that_change_what_a_token_means_do_not_hold(issuer: Issuer, door: Door, header: dict[str, Any]) -> None:
    assert door.refusal(forged({"alg": "RS256", "kid": "key-1", **header}, claims_of(issuer))) == "header"


# -- keys --------------------------------------------------------------------------------------------------------------


def test_keys_are_fetched_once_for_many_tokens_that_come_at_once(issuer: Issuer, door: Door) -> None:
    found = door.all_let_in([issuer.token(NOW, sub=str(number)) for number in range(20)])
    assert {one.role for one in found} == {"operator"}
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


def test_a_token_is_checked_once_and_again_after_a_while(issuer: Issuer, door: Door) -> None:
    token = issuer.token(NOW)
    first = door.let_in(token)
    assert door.let_in(token) is first
    door.pass_time(REMEMBERED_S)
    assert door.let_in(token) is not first


def test_a_remembered_token_ends_when_it_ends(issuer: Issuer, door: Door) -> None:
    token = issuer.token(NOW, exp=NOW + 100)
    door.let_in(token)
    door.pass_time(159)
    assert door.let_in(token).role == "operator"
    door.pass_time(1)
    assert door.refusal(token) == "expired"


def test_a_key_that_is_not_known_makes_us_ask_but_not_at_every_turn(issuer: Issuer, door: Door) -> None:
    door.let_in(issuer.token(NOW))
    door.pass_time(REFETCH_S)
    unknown = [issuer.token(NOW, headers={"kid": f"no-{number}"}) for number in range(10)]
    assert [door.refusal(token) for token in unknown] == ["key"] * 10
    assert issuer.asked.count("/keys") == 2


def test_an_issuer_changes_its_keys_and_withdraws_the_old_one(issuer: Issuer, door: Door) -> None:
    old = issuer.token(NOW)
    door.let_in(old)
    issuer.new_key("key-2")
    door.pass_time(REFETCH_S)
    assert door.let_in(issuer.token(NOW, key="key-2")).role == "operator"
    door.pass_time(REMEMBERED_S)
    assert door.let_in(old).role == "operator"  # both are listed
    del issuer.keys["key-1"]
    door.pass_time(FRESH_S + 1)
    fresh = issuer.token(door.clock.now(), key="key-2")
    assert door.let_in(fresh).role == "operator"  # which has the keys fetched beside it
    door.settle()
    issuer.keys["key-1"] = issuer.keys["key-2"]
    assert door.refusal(issuer.token(door.clock.now(), key="key-1")) in ("key", "signature")


def test_while_the_issuer_is_down_known_keys_serve_and_others_are_503(issuer: Issuer, door: Door) -> None:
    door.let_in(issuer.token(NOW))
    issuer.down = True
    door.pass_time(FRESH_S + 1)
    assert door.let_in(issuer.token(door.clock.now(), sub="later")).role == "operator"
    door.settle()
    door.pass_time(REFETCH_S)
    issuer.new_key("key-2")
    with pytest.raises(IssuerUnavailable, match=r"127\.0\.0\.1 does not answer"):
        door.let_in(issuer.token(door.clock.now(), key="key-2"))
    assert door.let_in(issuer.token(door.clock.now(), sub="even later")).role == "operator"
    door.pass_time(STALE_S)  # keys of yesterday may have been withdrawn for a reason
    with pytest.raises(IssuerUnavailable):
        door.let_in(issuer.token(door.clock.now()))
    issuer.down = False
    door.pass_time(REFETCH_S)
    assert door.let_in(issuer.token(door.clock.now())).role == "operator"


def test_an_issuer_that_was_never_reached_is_asked_at_most_once_in_a_while(issuer: Issuer, door: Door) -> None:
    issuer.down = True
    for _ in range(5):
        with pytest.raises(IssuerUnavailable):
            door.let_in(issuer.token(NOW))
    assert issuer.asked == ["/.well-known/openid-configuration"]


def test_a_token_without_a_key_id_fits_an_issuer_with_one_key(issuer: Issuer, door: Door) -> None:
    assert door.let_in(issuer.token(NOW, headers={"kid": None})).role == "operator"
    issuer.new_key("key-2")
    again = Door(issuer)
    assert again.refusal(issuer.token(NOW, headers={"kid": None})) == "key"


@pytest.mark.parametrize(
    ("algorithm", "make"), [("PS256", "new_key"), ("RS512", "new_key"), ("ES256", "new_curve_key")]
)
def test_other_signatures_with_private_keys_hold(issuer: Issuer, door: Door, algorithm: str, make: str) -> None:
    getattr(issuer, make)("other")
    assert door.let_in(issuer.token(NOW, key="other", alg=algorithm)).role == "operator"


def test_a_key_is_for_what_it_says_it_is_for(issuer: Issuer, door: Door) -> None:
    issuer.new_key("weak", bits=1024)
    issuer.new_key("other")
    shared = {"kty": "oct", "kid": "shared", "k": base64.urlsafe_b64encode(b"x" * 32).decode(), "alg": "HS256"}
    issuer.listed = [
        issuer.jwk("key-1", use="enc"),
        issuer.jwk("other", alg="RS256"),
        issuer.jwk("weak"),
        shared,
        {"kty": "RSA", "kid": "broken", "n": "!", "e": "!"},
        {"kty": "EC", "crv": "P-999", "kid": "odd"},
        "no key at all",
        None,
    ]
    assert door.let_in(issuer.token(NOW, key="other")).role == "operator"
    assert door.refusal(issuer.token(NOW, key="other", alg="PS256")) == "key"
    for name in ("key-1", "weak"):
        assert door.refusal(forged({"alg": "RS256", "kid": name}, claims_of(issuer))) == "key"


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://elsewhere.example.com", "jwks_uri": "BASE/keys"},
        {"jwks_uri": "BASE/keys"},
        {"issuer": "BASE"},
        {"issuer": "BASE", "jwks_uri": "http://10.0.0.1/keys"},
        {"issuer": "BASE", "jwks_uri": "file:///etc/passwd"},
        {"issuer": "BASE", "jwks_uri": 5},
    ],
)
def test_an_issuer_that_does_not_describe_itself_right_is_not_trusted(
    issuer: Issuer, door: Door, document: dict[str, Any]
) -> None:
    issuer.document = json.loads(json.dumps(document).replace("BASE", issuer.base))
    with pytest.raises(IssuerUnavailable):
        door.let_in(issuer.token(NOW))


@pytest.mark.parametrize("listed", [[], [None], [{"kty": "oct", "k": "eA"}]])
def test_an_issuer_without_a_key_that_fits_is_as_good_as_away(issuer: Issuer, door: Door, listed: list[Any]) -> None:
    issuer.listed = listed
    with pytest.raises(IssuerUnavailable):
        door.let_in(issuer.token(NOW))


def test_fetching_holds_up_nothing_else(issuer: Issuer, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the keys are on their way the loop goes on turning."""
    began, go = asyncio.Event(), asyncio.Event()

    async def while_it_fetches() -> bool:
        loop = asyncio.get_running_loop()
        fetch = door.tokens._keys._fetch

        def slow(url: str) -> dict[str, Any]:
            loop.call_soon_threadsafe(began.set)
            asyncio.run_coroutine_threadsafe(go.wait(), loop).result(10)
            return fetch(url)

        monkeypatch.setattr(door.tokens._keys, "_fetch", slow)
        asking = loop.create_task(door.tokens.principal(issuer.token(NOW)))
        await began.wait()
        waited = not asking.done()
        go.set()
        return waited and (await asking).role == "operator"

    assert door._runner.run(while_it_fetches())


# -- Entra -------------------------------------------------------------------------------------------------------------


def entra_token(issuer: Issuer, **claims: Any) -> bytes:
    whole = {"tid": DIRECTORY, "oid": "user-1", "azp": "app-1", "scp": "lease", "ver": "2.0", **claims}
    return issuer.token(NOW, **whole)


def test_entra_names_the_holder_by_oid_and_the_tenant_by_tid(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TENANTS, DIRECTORY, Tenant(DIRECTORY, "Contoso", "tenant", 1))
    issuer.path = f"/{DIRECTORY}/v2.0"
    door = Door(issuer, PRESET="entra", SCOPE="lease")
    found = door.let_in(entra_token(issuer, roles=["maillage.tenant"]))
    assert (found.tenant, found.role, found.credential) == (DIRECTORY, "tenant", "oidc:127.0.0.1:user-1")
    assert issuer.asked[0] == f"/{DIRECTORY}/v2.0/.well-known/openid-configuration"
    assert door.let_in(entra_token(issuer)).role == "operator"
    assert door.let_in(entra_token(issuer, scp=None)).role == "operator"  # an application by itself has roles only
    with pytest.raises(NotAllowed, match="scope lease"):
        door.let_in(entra_token(issuer, scp="User.Read"))
    assert door.refusal(entra_token(issuer, azp=None)) == "not-an-access-token"
    assert door.let_in(entra_token(issuer, azp=None, appid="app-1")).role == "operator"


@pytest.mark.parametrize("any_directory", ["organizations", "common"])
def test_where_any_directory_may_issue_the_issuer_follows_the_token_and_operators_come_from_one(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, any_directory: str
) -> None:
    monkeypatch.setitem(TENANTS, STRANGERS, Tenant(STRANGERS, "Fabrikam", "tenant", 1))
    issuer.path = f"/{any_directory}/v2.0"
    door = Door(issuer, PRESET="entra", OPERATOR_DIRECTORY=DIRECTORY)
    template = f"{issuer.base}/{{tenantid}}/v2.0"
    issuer.document = {"issuer": template, "jwks_uri": f"{issuer.base}/keys"}
    issuer.listed = [issuer.jwk("key-1", issuer=template)]

    def token(directory: str, said: str | None = None, **claims: Any) -> bytes:
        return entra_token(issuer, tid=directory, iss=f"{issuer.base}/{said or directory}/v2.0", **claims)

    assert door.let_in(token(DIRECTORY)).role == "operator"
    assert door.let_in(token(STRANGERS, roles=["maillage.tenant"])).tenant == STRANGERS
    with pytest.raises(NotAllowed, match="operators come from one directory only"):
        door.let_in(token(STRANGERS))
    assert door.refusal(token(STRANGERS, said=DIRECTORY)) == "issuer"
    with pytest.raises(NotAllowed, match="one directory only"):
        unset = Door(issuer, PRESET="entra")
        unset.let_in(token(DIRECTORY))


def test_a_key_that_is_for_another_issuer_signs_nothing_here(issuer: Issuer) -> None:
    issuer.path = f"/{DIRECTORY}/v2.0"
    door = Door(issuer, PRESET="entra")
    issuer.listed = [issuer.jwk("key-1", issuer=f"{issuer.base}/{STRANGERS}/v2.0")]
    assert door.refusal(entra_token(issuer)) == "key"


# -- settings ----------------------------------------------------------------------------------------------------------


def test_without_an_issuer_there_are_no_tokens() -> None:
    assert oidc_from({}) is None
    assert oidc_from({"MAILLAGE_OIDC_ISSUER": "", "MAILLAGE_HOME": "x"}) is None


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"ISSUER": "https://login.example.com"}, "AUDIENCE go together"),
        ({"AUDIENCE": "x"}, "AUDIENCE go together"),
        ({"ISSUER": "https://login.example.com", "AUDIENCE": " , "}, "AUDIENCE go together"),
        ({"ISSUER": "http://login.example.com", "AUDIENCE": "x"}, "should be an address"),
        ({"ISSUER": "login.example.com", "AUDIENCE": "x"}, "should be an address"),
        ({"ISSUER": "https://[", "AUDIENCE": "x"}, "should be an address"),
        ({"ISSUER": "https://login.example.com", "AUDIENCE": "x", "PRESET": "okta"}, "PRESET"),
        ({"ISSUER": "https://login.example.com", "AUDIENCE": "x", "ROLE_CLAIM": "groups"}, "ROLE_CLAIM: is no setting"),
    ],
)
def test_settings_that_can_not_be_meant_so_are_named(environ: dict[str, str], told: str) -> None:
    with pytest.raises(Invalid, match=told):
        oidc_from({f"MAILLAGE_OIDC_{name}": value for name, value in environ.items()})


# -- fetching ----------------------------------------------------------------------------------------------------------


def test_only_a_json_object_of_a_bearable_size_is_taken(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    cases: list[tuple[Callable[[str], Any], str]] = [
        (lambda _: ["a list"], "no JSON object"),
        (lambda _: {"too": "x" * (1 << 20)}, "too much"),
    ]
    for answer, told in cases:
        monkeypatch.setattr(issuer, "answer", answer)
        with pytest.raises(FetchFailed, match=told):
            fetch_json(issuer.url)
    monkeypatch.setattr(issuer, "down", True)
    with pytest.raises(FetchFailed, match="answers 500"):
        fetch_json(issuer.url)
    with pytest.raises(FetchFailed, match="ConnectError"):
        fetch_json("http://127.0.0.1:1/")
    with pytest.raises(FetchFailed):
        fetch_json("http://[")


# -- scopes and devices ------------------------------------------------------------------------------------------------


def test_scopes_and_the_device_of_a_token_are_the_principal_s(issuer: Issuer) -> None:
    door = Door(issuer, DEVICE_CLAIM="device_address")
    known = door.let_in(issuer.token(NOW, scope="a:read b:write", device_address="198.51.100.7"))
    assert (known.scopes, known.device) == (frozenset({"a:read", "b:write"}), "198.51.100.7")
    plain = door.let_in(issuer.token(NOW, device_address=7))
    assert (plain.scopes, plain.device) == (frozenset(), "")
    assert Door(issuer).let_in(issuer.token(NOW, device_address="198.51.100.7")).device == ""


def test_what_an_entra_application_gets_for_itself_has_its_scopes_among_its_roles(issuer: Issuer) -> None:
    claims = {"oid": "app", "azp": "app", "tid": "acme", "roles": ["maillage.tenant", "a:read"]}
    door = Door(issuer, PRESET="entra")
    assert "a:read" in (door.let_in(issuer.token(NOW, **claims)).scopes or ())
    assert door.let_in(issuer.token(NOW, scp="b:read", **claims)).scopes == frozenset({"b:read"})
