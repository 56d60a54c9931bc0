"""How often one may ask."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.errors import Invalid, TooManyRequests
from maillage.tenancy.limits import Bucket, Rate, Sources, network_of, rate_from
from maillage.tenancy.principal import Principal


def test_a_bucket_starts_full_and_fills_at_its_rate() -> None:
    bucket = Bucket(per_s=2.0, burst=4)
    assert [bucket.take(1, 0.0) for _ in range(5)] == [0.0, 0.0, 0.0, 0.0, 0.5]
    assert bucket.take(1, 0.25) == 0.25
    assert bucket.take(1, 0.5) == 0.0
    assert bucket.take(3, 1.0) == 1.0
    assert bucket.take(3, 2.0) == 0.0


def test_a_long_pause_gives_no_more_than_the_burst() -> None:
    bucket = Bucket(per_s=1.0, burst=3)
    assert bucket.take(3, 0.0) == 0.0
    assert bucket.take(3, 1_000_000.0) == 0.0
    assert bucket.take(1, 1_000_000.0) == 1.0


@given(
    st.floats(0.1, 100),
    st.integers(1, 20),
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 20)), max_size=60),
)
def test_no_stretch_of_time_gets_more_than_the_burst_and_the_rate(
    per_s: float, burst: int, asked: list[tuple[float, int]]
) -> None:
    bucket, now, granted = Bucket(per_s, burst), 0.0, []
    for pause_s, amount in asked:
        now += pause_s
        amount = min(amount, burst)
        if bucket.take(amount, now) == 0.0:
            granted.append((now, amount))
    for first in range(len(granted)):
        for last in range(first, len(granted)):
            took = sum(amount for _, amount in granted[first : last + 1])
            assert took <= burst + per_s * (granted[last][0] - granted[first][0]) + 1e-6


def test_who_waits_as_long_as_told_is_let_in() -> None:
    bucket = Bucket(per_s=3.0, burst=5)
    bucket.take(5, 10.0)
    wait_s = bucket.take(4, 10.1)
    assert bucket.take(4, 10.1 + wait_s - 0.01) > 0
    assert bucket.take(4, 10.1 + wait_s + 1e-9) == 0.0


def test_a_principal_above_its_limit_is_told_when_to_come_back() -> None:
    principal = Principal("acme", "tenant", "key:1", bucket=Bucket(0.25, 2))
    principal.charge(1, 0.0)
    principal.charge(1, 0.0)
    with pytest.raises(TooManyRequests) as refused:
        principal.charge(1, 0.0)
    assert refused.value.extra == {"retry_after_s": 4}
    Principal("acme", "tenant").charge(1_000_000, 0.0)


def test_a_batch_that_could_never_pass_is_called_too_large_and_not_told_to_wait() -> None:
    principal = Principal("acme", "tenant", "key:1", bucket=Bucket(100.0, 10))
    principal.charge(1, 0.0)
    principal.charge(9, 0.0, counted=1)
    with pytest.raises(Invalid, match="at most 10"):
        principal.charge(10, 1_000.0, counted=1)


def test_each_source_pays_for_its_own() -> None:
    sources = Sources(per_s=1.0, burst=2)
    assert [sources.take("a", 0.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    assert sources.take("b", 0.0) == 0.0


def test_of_too_many_sources_the_one_that_was_quiet_longest_is_forgotten() -> None:
    sources = Sources(per_s=0.001, burst=1, most=2)
    for name in ("a", "b", "a", "c"):
        sources.take(name, 0.0)
    assert sources.take("a", 0.0) > 0
    assert sources.take("b", 0.0) == 0.0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_a_host_with_ipv6_is_its_network(address: str, network: str) -> None:
    assert network_of(address) in (network, "::ffff:a00:1")


def test_the_environment_sets_the_limit_of_keys_without_their_own() -> None:
    assert rate_from({}) == Rate() and Rate().bucket() is None
    assert rate_from({"MAILLAGE_RATE_PER_S": "2.5"}) == Rate(2.5)
    bucket = rate_from({"MAILLAGE_RATE_PER_S": "2.5"}).bucket()
    assert bucket is not None and bucket.burst == 3
    assert rate_from({"MAILLAGE_RATE_PER_S": "50", "MAILLAGE_RATE_BURST": "200"}) == Rate(50.0, 200)


@pytest.mark.parametrize(
    "environ",
    [
        {"MAILLAGE_RATE_PER_S": "fast"},
        {"MAILLAGE_RATE_PER_S": "0"},
        {"MAILLAGE_RATE_PER_S": "nan"},
        {"MAILLAGE_RATE_PER_S": "inf"},
        {"MAILLAGE_RATE_BURST": "10"},
        {"MAILLAGE_RATE_PER_S": "5", "MAILLAGE_RATE_BURST": "0"},
        {"MAILLAGE_RATE_PER_S": "5", "MAILLAGE_RATE_BURST": "1.5"},
    ],
)
def test_a_limit_in_the_environment_that_can_not_be_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="MAILLAGE_RATE"):
        rate_from(environ)
