"""What the house of a store is kept: by its profile, at a surge, over a restart, and when nobody wants it any more."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from maillage.kernel.errors import Invalid, JournalUnavailable, NotFound
from maillage.kernel.times import DAY_S, HOUR_S, format_time
from maillage.services.compute.house.documents import HouseReport, NewHouse
from maillage.services.compute.model import Meters
from tests.kernel_world import SITE, at
from tests.unit.services.compute.house.house_world import HouseWorld, housed

MORNING = at("2026-12-01T13:30:00Z")
"""A Tuesday, 07:30 in Chicago."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[HouseWorld]:
    with housed(tmp_path / "house", now=MORNING) as one:
        yield one


def test_leases_stand_as_the_profile_of_two_weeks_says(world: HouseWorld) -> None:
    world.remember()
    world.set(horizon_h=24, headroom=1)
    found = world.show()
    assert (found.profile, found.weeks, found.short) == ("learnt", 2, 0)
    for hour in range(1, 24):
        local = (7 + hour) % 24  # neighbours of an hour count, so the edges of the day are as high as the day
        least = 10 if 7 <= local <= 20 else 2
        leased = world.leased(MORNING - 1_800 + hour * HOUR_S)
        assert least + 1 + found.margin <= leased < least + 1.3 + found.margin, local
    assert len(found.day) == 25
    assert [hour.expected for hour in found.day[:2]] == [10, 10]
    assert found.day[0].left == pytest.approx(64 - found.kept)


def test_before_there_are_two_weeks_the_highest_use_counts_and_a_quarter_of_the_store(world: HouseWorld) -> None:
    assert world.set().kept == 16
    world.uses(5)
    assert (world.leased(), world.show().profile) == (21, "learning")
    world.uses(3, seconds=300)
    for _ in range(13):  # an hour later it is no surge any more, and still the highest there ever was
        world.uses(3, seconds=300)
    assert world.leased() == 21


@pytest.mark.long
def test_two_weeks_of_looking_are_learnt_from(world: HouseWorld) -> None:
    world.set(on=False)
    for _ in range(14 * 24 * 12 + 12):
        world.uses(4, seconds=300)
    found = world.set()
    assert (found.profile, found.weeks) == ("learnt", 2)
    assert found.kept == 4.0 + found.margin == world.leased()


def test_a_surge_takes_spot_at_once_and_leaves_firm_alone(world: HouseWorld) -> None:
    world.remember()
    world.set()
    kept = world.leased()
    firm = world.kernel.lease({"cpu": 30}, end=MORNING + DAY_S)
    spot = [world.kernel.lease({"cpu": 5}, cls="spot") for _ in range(4)]
    world.uses(18)
    assert world.leased() == pytest.approx(18 + world.show().margin, abs=0.11)
    assert world.leased() > kept
    states = [world.kernel.known(lease).state for lease in spot]
    assert states == ["confirmed", "confirmed", "confirmed", "reclaimed"]  # the newest, and no more than it takes
    world.uses(40)
    found = world.show()
    assert world.kernel.known(firm).state == "confirmed"
    assert (world.leased(), found.short > 0, found.left) == (34, True, 0)
    assert {world.kernel.known(lease).state for lease in spot} == {"reclaimed"}


def test_what_the_house_has_is_renewed_before_the_hour_turns(world: HouseWorld) -> None:
    world.remember()
    world.set()
    for _ in range(6 * 60):
        world.kernel.clock.advance(30)
        assert world.leased() >= 2, format_time(world.kernel.now)
        world.run(world.keeper.tick())
        assert world.leased() >= 10 + world.show().margin - 0.01
    assert len(world.leases) <= 4
    world.kernel.tick(2 * HOUR_S)
    assert world.leases == []  # a keeper that stands still loses it all after the hour


def test_a_restart_finds_its_leases(world: HouseWorld) -> None:
    world.remember()
    world.set(horizon_h=12)
    world.uses(11)
    before = world.leases
    world.restart()
    assert world.keeper.houses[SITE].record.monitored
    world.uses(11)
    assert world.leases == before
    assert world.show().profile == "learnt"


def test_an_answer_that_is_lost_does_not_lease_twice(world: HouseWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.set()
    office, lease = world.office, world.office.lease

    async def lost(*args: object) -> None:
        await lease(*args)  # type: ignore[arg-type]
        raise JournalUnavailable("the answer was lost")

    with monkeypatch.context() as patch:
        patch.setattr(office, "lease", lost)
        world.uses(8)
    assert world.leased() == 24
    world.tick(1)
    assert world.leased() == 24


def test_what_can_not_be_leased_now_is_tried_again(world: HouseWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.set()

    async def refused(*_: object) -> None:
        raise JournalUnavailable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(world.office, "lease", refused)
        world.uses(8)
        assert world.leased() == 16
    world.tick(5)
    assert world.leased() == 24


def test_off_gives_back_and_goes_on_learning(world: HouseWorld) -> None:
    world.remember()
    world.set(horizon_h=6)
    assert world.leases
    found = world.set(on=False)
    assert (world.leases, found.kept, found.profile) == ([], 0, "learnt")
    world.uses(9)
    assert (world.leases, world.show().use.cpu) == ([], 9)


def test_a_shorter_horizon_gives_back_what_is_beyond_it(world: HouseWorld) -> None:
    world.remember()
    world.set(horizon_h=24)
    world.set(horizon_h=2)
    assert max(lease.end for lease in world.leases) == MORNING + 1_800 + HOUR_S


def test_dropped_is_forgotten(world: HouseWorld) -> None:
    world.remember()
    world.set()
    world.report(5)
    world.run(world.desk.drop(SITE))
    assert (world.leases, world.files.all(), world.files.slots(SITE)) == ([], [], [])
    with pytest.raises(NotFound):
        world.show()
    with pytest.raises(NotFound):
        world.run(world.desk.drop(SITE))
    world.restart()
    world.tick(60)
    assert world.leases == []
    assert world.set().use.reported is None


def test_without_news_the_profile_alone_counts(world: HouseWorld) -> None:
    world.remember()
    world.set()
    world.uses(30)
    high = world.leased()
    world.tick(59)
    assert world.leased() == high
    world.tick(1)
    found = world.show()
    assert (found.use.cpu, found.use.reported) == (None, 30)
    assert world.leased() == pytest.approx(10 + found.margin, abs=0.11)
    known = len(world.files.slots(SITE))
    world.tick(600)
    assert len(world.files.slots(SITE)) == known + 1  # of the rest nothing is known, which is not the same as nothing


def test_a_restart_does_not_take_silence_for_rest(world: HouseWorld) -> None:
    world.set()
    world.uses(30)
    world.restart()
    for _ in range(4):
        world.tick(300)
    assert world.files.slots(SITE) == []


def test_the_houses_own_apps_are_measured_and_their_leases_count(world: HouseWorld) -> None:
    app = world.kernel.lease({"cpu": 4}, cls="house", tenant="shop")
    firm = world.kernel.lease({"cpu": 4}, tenant="acme")
    world.totals_of = {app.id: Meters(), firm.id: Meters()}
    world.set()
    assert (world.leased(), world.show().leased, world.show().kept) == (12, 16, 16)
    world.tick(5)
    world.totals_of = {app.id: Meters(wall_us=7_500_000), firm.id: Meters(wall_us=20_000_000)}
    world.tick(5)
    found = world.show()
    assert (found.use.apps, found.use.reported, found.use.cpu) == (1.5, None, 1.5)
    assert (found.kept, found.leased) == (17.5, 17.5)
    world.totals_of = {app.id: Meters(wall_us=100_000_000), firm.id: Meters()}
    world.tick(5)
    assert world.show().use.apps == 4  # a request that took long is counted at its end; the lease is no larger
    world.uses(3, seconds=0)
    assert world.show().use.cpu == 7


def test_a_site_without_cpu_has_no_house(tmp_path: Path) -> None:
    with housed(tmp_path / "house", size=None) as world:
        with pytest.raises(Invalid, match="offers no cpu"):
            world.set()
        with pytest.raises(NotFound):
            world.run(world.desk.put("wm-none", NewHouse()))
        assert world.files.all() == []
        world.kernel.pool("cpu", 0)
        assert world.set().kept == 0
        world.kernel.pool("cpu", 8)
        world.uses(1)
        world.kernel.clock.advance(HOUR_S)
        world.tick()
        assert 1 < world.leased() <= 8


def test_a_report_that_can_not_be_is_refused(world: HouseWorld) -> None:
    with pytest.raises(NotFound):
        world.report(1)
    world.set()
    for wrong in (-1, 1e9, float("nan")):
        with pytest.raises(Invalid):
            world.report(wrong)
    for instant in (MORNING - 60, MORNING + 61):
        with pytest.raises(Invalid):
            world.report(1, format_time(instant))
    world.report(5, format_time(MORNING - 10))
    world.run(world.desk.report(SITE, HouseReport(3, format_time(MORNING - 20))))
    assert world.show().use.reported == 5  # the newest counts, not the last that came
    assert world.report(3.14159).cpu == 3.142  # as monitoring has it; rounded up


@pytest.mark.parametrize(
    ("tz", "day_before", "opens"),
    [
        ("America/Chicago", "2026-10-31T11:30:00Z", "2026-11-01T14:00:00Z"),
        ("America/Chicago", "2027-03-13T12:30:00Z", "2027-03-14T13:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T12:30:00Z", "2026-10-03T21:00:00Z"),
        ("Asia/Kolkata", "2026-12-01T00:30:00Z", "2026-12-02T02:30:00Z"),
    ],
)
def test_the_stores_own_clock_counts_also_on_the_day_it_changes(
    tmp_path: Path, tz: str, day_before: str, opens: str
) -> None:
    with housed(tmp_path / "house", tz=tz, now=at(day_before)) as world:
        world.remember()
        margin = world.set(horizon_h=30).margin
        first = at(opens) - HOUR_S  # an hour's neighbours count
        assert world.leased(first) >= 10 + margin
        assert world.leased(first - 60) < 3 + margin
        while world.kernel.now < first:
            world.tick(600)
            assert world.leased() >= 2 + margin
        assert world.leased() >= 10 + margin
