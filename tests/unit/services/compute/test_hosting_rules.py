"""The rules behind an instance's life: how long a lease lets it run, and how soon it is started again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.errors import Invalid, LeaseState
from maillage.kernel.events import Ended, Event, Extended, Reclaimed, Released, Voided
from maillage.kernel.times import FOREVER
from maillage.services.compute.hosting.backoff import JITTER, LONGEST_S, delay_s
from maillage.services.compute.hosting.tenure import Tenure
from maillage.services.compute.limits import GIB, MIB, limits_of, require_memory
from maillage.services.compute.model import Settings, Version

NOW = 1_000_000
LEASE = Tenure("wm-1~7", "acme", "wm-1", {"cpu": 1_000}, NOW - 100, NOW + 100, "spot", "confirmed")
ABOUT = ("wm-1", 9, NOW)


@pytest.mark.parametrize(
    ("event", "live", "leaves_at"),
    [
        (Ended(*ABOUT, "wm-1~7"), False, None),
        (Released(*ABOUT, "wm-1~7", NOW), False, None),
        (Voided(*ABOUT, "acme", "key", "wm-1~7", NOW), False, None),
        (Extended(*ABOUT, "wm-1~7", NOW + 500), True, NOW + 500),
        (Extended(*ABOUT, "wm-1~7", FOREVER), True, None),
        (Reclaimed(*ABOUT, "wm-1~7", NOW, "house"), False, None),
        (Reclaimed(*ABOUT, "wm-1~7", NOW + 60, "firm"), True, NOW + 60 - 5 - 1),
    ],
)
def test_what_becomes_of_a_lease(event: Event, live: bool, leaves_at: int | None) -> None:
    after = LEASE.after(event)
    assert after.is_live(NOW) is live
    if live:
        assert after.leaves_at(5) == leaves_at


def test_a_reclaim_can_come_sooner_than_the_first_one_said() -> None:
    first = LEASE.after(Reclaimed(*ABOUT, "wm-1~7", NOW + 60, "firm"))
    second = first.after(Reclaimed(*ABOUT, "wm-1~7", NOW, "house"))
    assert first.is_live(NOW) and not second.is_live(NOW)
    assert second.grace_left_s(5, NOW) == 5


@given(st.integers(1, 3_600), st.floats(0, 30), st.integers(0, 3_700))
def test_a_noticed_instance_is_gone_by_its_end(notice_s: int, grace_s: float, passed_s: int) -> None:
    noticed = LEASE.after(Reclaimed(*ABOUT, "wm-1~7", NOW + notice_s, "firm"))
    leaves_at = noticed.leaves_at(grace_s)
    assert leaves_at is not None
    now = max(NOW + passed_s, int(leaves_at))
    assert now + noticed.grace_left_s(grace_s, now) <= max(noticed.end, now)


def test_nothing_new_goes_on_a_lease_that_is_held_over_or_reclaimed() -> None:
    LEASE.require_room(NOW)
    reclaimed = LEASE.after(Reclaimed(*ABOUT, "wm-1~7", NOW + 60, "firm"))
    held = Tenure("wm-1~8", "acme", "wm-1", {}, NOW, FOREVER, "firm", "held")
    for tenure, now, word in ((reclaimed, NOW, "reclaimed"), (held, NOW, "confirm"), (LEASE, NOW + 100, "ended")):
        with pytest.raises(LeaseState, match=word):
            tenure.require_room(now)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_pauses_grow_to_a_minute_and_a_bit_and_never_shrink(failures: int, chance: float) -> None:
    assert 1 <= delay_s(failures, chance) <= LONGEST_S * (1 + JITTER)
    assert delay_s(failures + 1, chance) >= delay_s(failures, chance)


# -- what an instance may use -----------------------------------------------------------------------------------------


def test_limits_follow_from_the_lease() -> None:
    limits = limits_of({"cpu": 2_500, "memory": 500, "disk": 2_000}, Settings(request_s=4), "component")
    assert (limits.cpu, limits.memory_bytes, limits.stored_bytes) == (2_500, GIB // 2, 2 * GIB)
    assert (limits.concurrency, limits.request_s) == (3, 4)
    assert limits.fuel_per_request == 60_000_000_000  # of one core: a request has one thread


def test_a_lease_without_memory_or_disk_has_a_little_of_both() -> None:
    limits = limits_of({"cpu": 100}, Settings(), "component")
    assert (limits.memory_bytes, limits.stored_bytes, limits.concurrency) == (64 * MIB, 4 * MIB, 1)
    assert limits.fuel_per_request == 15_000_000_000  # a tenth of a core for ten seconds


@given(
    st.dictionaries(st.sampled_from(["memory", "disk", "gpu"]), st.integers(1, 10**9)),
    st.integers(1, 10**9),
    st.sampled_from(["component", "command", "image"]),
)
def test_every_lease_with_cpu_makes_limits_that_can_work(needs: dict[str, int], cpu: int, kind: str) -> None:
    limits = limits_of({**needs, "cpu": cpu}, Settings(), kind)  # type: ignore[arg-type]
    assert limits.concurrency >= 1 and limits.fuel_per_request > 0 and limits.waiting >= 1
    if kind != "image":
        assert limits.request_bytes < limits.memory_bytes and limits.response_bytes < limits.memory_bytes


@pytest.mark.parametrize("needs", [{}, {"memory": 1_000}, {"pallet_chilled": 2_000}])
def test_a_lease_without_cpu_runs_nothing(needs: dict[str, int]) -> None:
    with pytest.raises(Invalid, match=r"needs a lease that has cpu.*would work"):
        limits_of(needs, Settings(), "component")


def test_a_version_has_to_fit_into_the_memory() -> None:
    version = Version("acme.shop", "sha256:" + "ab" * 32, "component", 1, 0, needs_memory_bytes=100 * MIB)
    require_memory(version, limits_of({"cpu": 1_000, "memory": 98}, Settings(), "component"))
    with pytest.raises(Invalid, match=r"'memory': 0\.098 would work"):
        require_memory(version, limits_of({"cpu": 1_000, "memory": 97}, Settings(), "component"))
