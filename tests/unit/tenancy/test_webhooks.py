"""The parts of webhooks that need no network: types, delays, secrets, signatures, addresses."""

import asyncio
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from maillage.kernel.errors import Invalid, NoMasterSecret
from maillage.tenancy.webhooks.master import master_secret
from maillage.tenancy.webhooks.schedule import DELAYS_S, next_delay_s, pause_s, retry_after_s
from maillage.tenancy.webhooks.signing import Secrets, signed_headers
from maillage.tenancy.webhooks.targets import Resolve, Target, is_public, parse_target, resolved
from maillage.tenancy.webhooks.types import ALL_TYPES, KNOWN, TYPES_MAX, checked_types, matches

MASTER = b"a master secret of the tests, long enough"
NOW = 1_793_534_400


# -- types -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "event_type", "expected"),
    [
        ("maillage.lease.granted", "maillage.lease.granted", True),
        ("maillage.lease.granted", "maillage.lease.granted.twice", False),
        ("maillage.lease.*", "maillage.lease.granted", True),
        ("maillage.lease.*", "maillage.pool.resized", False),
        ("maillage.lease.re*", "maillage.lease.released", True),
        ("maillage.*", "maillage.site.set", True),
        ("*", "maillage.site.set", True),
    ],
)
def test_a_pattern_is_a_type_or_its_beginning(pattern: str, event_type: str, expected: bool) -> None:
    assert matches([pattern], event_type) is expected
    assert matches(["maillage.other", pattern], event_type) is expected


def test_no_pattern_at_all_means_everything() -> None:
    assert checked_types([]) == ALL_TYPES
    assert all(matches(ALL_TYPES, known) for known in KNOWN)
    assert checked_types(["maillage.lease.*", "maillage.lease.*"]) == ["maillage.lease.*"]


@pytest.mark.parametrize("pattern", ["maillage.lease", "lease.*", "maillage.*.granted", "maillage.leases.*", "", "**"])
def test_a_pattern_that_no_event_could_match_is_refused(pattern: str) -> None:
    with pytest.raises(Invalid, match=r"maillage\.lease\.granted"):
        checked_types(["maillage.*", pattern])


def test_patterns_are_bounded() -> None:
    with pytest.raises(Invalid, match="at most 32"):
        checked_types(["maillage.*"] * (TYPES_MAX + 1))


# -- delays ----------------------------------------------------------------------------------------------------------


def test_delays_grow_over_three_days_and_then_there_is_none() -> None:
    delays = [next_delay_s(failed, 0.0, None) for failed in range(1, len(DELAYS_S) + 2)]
    assert delays == [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400, None]


def test_jitter_only_adds_and_the_receivers_wish_counts_where_it_is_longer() -> None:
    assert (next_delay_s(2, 1.0, None), next_delay_s(2, 0.5, None)) == (360, 330)
    assert (next_delay_s(1, 0.0, 120), next_delay_s(2, 0.0, 120)) == (120, 300)
    assert next_delay_s(len(DELAYS_S) + 1, 0.0, 120) is None


def test_a_pause_grows_with_the_time_of_failing_up_to_five_minutes() -> None:
    assert [pause_s(failing, None) for failing in (0, 20, 40, 1_200, 9_999_999)] == [5, 5, 10, 300, 300]
    assert (pause_s(0, 60), pause_s(0, 86_400)) == (60, 3_600)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("120", 120),
        (" 0 ", 0),
        ("99999999999999999999", 86_400),
        ("Sun, 01 Nov 2026 12:02:00 GMT", 120),
        ("Sun, 01 Nov 2026 11:00:00 GMT", 0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 86_400),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_of_at_most_a_day(header: str | None, expected: int | None) -> None:
    assert retry_after_s(header, NOW) == expected


# -- secrets ---------------------------------------------------------------------------------------------------------


def test_a_secret_is_that_of_rfc_5869_for_its_webhook_and_number() -> None:
    hkdf = HKDF(SHA256(), length=32, salt=b"maillage webhooks", info=b"wh_1 2")
    assert Verifier(Secrets(lambda: MASTER).of("wh_1", 2))._whsecret == hkdf.derive(MASTER)


def test_every_webhook_number_and_master_has_a_secret_of_its_own() -> None:
    one, other = Secrets(lambda: MASTER), Secrets(lambda: MASTER + b"!")
    secrets = [one.of("wh_1", 1), one.of("wh_1", 2), one.of("wh_2", 1), one.of("wh_1", 12), other.of("wh_1", 1)]
    assert len(set(secrets)) == 5
    assert all(secret.startswith("whsec_") for secret in secrets)
    assert Secrets(lambda: MASTER).of("wh_1", 1) == secrets[0]


def test_the_librarys_verifier_takes_a_signature_by_either_secret() -> None:
    secrets, body = Secrets(lambda: MASTER), '{"città": 1}'.encode()
    headers = signed_headers([secrets.of("wh_1", 2), secrets.of("wh_1", 1)], "msg_1", int(time.time()), body)
    assert headers["webhook-id"] == "msg_1"
    assert len(headers["webhook-signature"].split(" ")) == 2
    for number in (1, 2):
        assert Verifier(secrets.of("wh_1", number)).verify(body, headers) == {"città": 1}
    with pytest.raises(WebhookVerificationError):
        Verifier(secrets.of("wh_1", 3)).verify(body, headers)


@pytest.mark.parametrize(
    "change",
    [
        lambda headers, body: (headers, body.replace(b"1", b"2")),
        lambda headers, body: (headers | {"webhook-id": "msg_2"}, body),
        lambda headers, body: (headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}, body),
        lambda headers, body: (headers | {"webhook-signature": "v1," + "A" * 43 + "="}, body),
        lambda headers, body: (headers | {"webhook-signature": ""}, body),
    ],
)
def test_what_was_tampered_with_does_not_verify(change: Callable[..., tuple[dict[str, str], bytes]]) -> None:
    secret = Secrets(lambda: MASTER).of("wh_1", 1)
    body = b'{"n":1}'
    headers, body = change(signed_headers([secret], "msg_1", int(time.time()), body), body)
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(body, headers)


def test_a_signature_is_good_for_minutes_only() -> None:
    secret = Secrets(lambda: MASTER).of("wh_1", 1)
    with pytest.raises(WebhookVerificationError, match="too old"):
        Verifier(secret).verify(b"{}", signed_headers([secret], "msg_1", int(time.time()) - 600, b"{}"))


# -- the master secret -----------------------------------------------------------------------------------------------


def test_the_master_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    made = master_secret(lambda: None, tmp_path)
    file = tmp_path / "secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(made) >= 32
    assert master_secret(lambda: None, tmp_path) == made == file.read_bytes().strip()
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    assert master_secret(lambda: None, _folder(tmp_path, "other")) != made


def test_a_secret_that_was_cut_off_while_it_was_made_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "secret.new").write_text("hal")
    assert len(master_secret(lambda: None, tmp_path)) >= 32


def test_a_master_secret_that_is_given_counts_and_leaves_no_file(tmp_path: Path) -> None:
    assert master_secret(MASTER.decode, tmp_path) == MASTER
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_it_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(NoMasterSecret, match=r"MAILLAGE_SECRET.*the same for all servers"):
        master_secret(lambda: None, None)


def test_a_short_master_secret_is_refused_without_being_told(tmp_path: Path) -> None:
    with pytest.raises(NoMasterSecret, match="MAILLAGE_SECRET holds 7 characters") as refused:
        master_secret(lambda: "hush-me", None)
    assert "hush-me" not in refused.value.detail
    (tmp_path / "secret").write_text("")
    with pytest.raises(NoMasterSecret, match="secret holds 0 characters"):
        master_secret(lambda: None, tmp_path)


def _folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


# -- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "target", "host_header"),
    [
        ("https://Hooks.Example.com", Target("https", "hooks.example.com", 443, "/"), "hooks.example.com"),
        ("https://a.b:8443/x/y?z=%20", Target("https", "a.b", 8_443, "/x/y?z=%20"), "a.b:8443"),
        ("https://[2600::1]:443/", Target("https", "2600::1", 443, "/"), "[2600::1]"),
        (
            "HTTPS://xn--bcher-kva.example/?",
            Target("https", "xn--bcher-kva.example", 443, "/"),
            "xn--bcher-kva.example",
        ),
    ],
)
def test_a_url_is_taken_apart(url: str, target: Target, host_header: str) -> None:
    assert parse_target(url, False) == target
    assert target.host_header == host_header


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com",
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user@hooks.example.com/",
        "https://user:word@hooks.example.com/",
        "https://hooks.example.com@evil.example/",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:65536/",
        "https://hooks.example.com:x/",
        "https://hooks.example.com/#part",
        "https://hooks.example.com/#",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\r\nHost: evil",
        "https://hooks.example.com\\@evil.example/",
        "https://hööks.example.com/",
        "https://hooks.exa%6dple.com/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://[hooks]/",
        "https://hooks.example.com/" + "a" * 2_048,
    ],
)
def test_what_is_no_plain_https_url_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match=r"^url: "):
        parse_target(url, False)


# fmt: off
NOT_PUBLIC = [
    "0.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.8.8.8",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1",
    "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "168.63.129.16", "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
    "2002:a9fe:a9fe::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1",
    "ff02::1", "ff0e::1", "localhost", "hooks.example.com",
]
# fmt: on


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_inside_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "172.15.0.1", "172.32.0.1", "2600:1f18::1", "2a00:1450::8a", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


def resolving(*addresses: str) -> Resolve:
    async def resolve(host: str, port: int) -> list[str]:
        if not addresses:
            raise OSError("no such name")
        return list(addresses)

    return resolve


HTTPS, HTTP = Target("https", "hooks.example.com", 443, "/"), Target("http", "hooks.example.com", 80, "/")


@pytest.mark.parametrize(
    ("target", "allow_local", "addresses"),
    [
        (HTTPS, False, ("8.8.8.8",)),
        (HTTPS, False, ("2600:1f18::1", "8.8.8.8")),
        (HTTPS, True, ("8.8.8.8",)),
        (HTTPS, True, ("127.0.0.1",)),
        (HTTP, True, ("127.0.0.1", "::1")),
    ],
)
def test_a_name_that_leads_to_the_public_is_taken(target: Target, allow_local: bool, addresses: tuple[str]) -> None:
    assert asyncio.run(resolved(target, allow_local, resolving(*addresses))) == list(addresses)


@pytest.mark.parametrize(
    ("target", "allow_local", "addresses", "told"),
    [
        (HTTPS, False, (), "can't be resolved"),
        (HTTPS, False, ("127.0.0.1",), "not public"),
        (HTTPS, False, ("8.8.8.8", "10.0.0.1"), "not public"),
        (HTTPS, True, ("10.0.0.1",), "not public"),
        (HTTPS, True, ("169.254.169.254",), "not public"),
        (HTTP, True, ("8.8.8.8",), "loopback addresses only"),
        (HTTP, True, ("10.0.0.1",), "loopback addresses only"),
        (HTTP, True, ("127.0.0.1", "8.8.8.8"), "loopback addresses only"),
    ],
)
def test_a_name_that_leads_inside_is_refused(
    target: Target, allow_local: bool, addresses: tuple[str], told: str
) -> None:
    with pytest.raises(Invalid, match=told):
        asyncio.run(resolved(target, allow_local, resolving(*addresses)))
