"""Sessions as their devices report: late, silent, stray, and gone."""

import pytest

from maillage.kernel.errors import Invalid
from maillage.services.compute.errors import NoInstance
from maillage.services.compute.follow.policy import Rules
from tests.unit.services.compute.follow.follow_world import Faults, World, along, run


def test_a_silent_device_loses_its_session_and_its_next_report_begins_another() -> None:
    async def story() -> None:
        async with World() as world:
            before = await world.report(0)
            after = await world.report(9, after_s=601)
            assert after.id != before.id
            assert after.site == "s1"
            assert [lease.id for lease in world.active] == [after.lease]
            assert world.mover.counts.moves == 0

    run(story())


def test_a_sweep_ends_the_sessions_of_silent_devices_only() -> None:
    async def story() -> None:
        async with World() as world:
            await world.report(0, device="one")
            other = await world.report(0, after_s=400, device="two")
            world.clock.advance(300)
            await world.sessions.sweep(world.clock.now())
            assert [lease.id for lease in world.active] == [other.lease]
            with pytest.raises(NoInstance):
                async with world.doors.enter("one"):
                    pass

    run(story())


def test_a_report_that_a_newer_one_overtook_changes_nothing() -> None:
    async def story() -> None:
        async with World() as world:
            session = await world.report(0)
            late = await world.sessions.report("cab", world.clock.now() - 30, *along(9))
            assert late == session
            assert world.mover.counts.late == 1

    run(story())


def test_a_stray_position_is_not_followed_but_two_that_agree_are() -> None:
    async def story() -> None:
        async with World() as world:
            await world.report(0)
            assert (await world.report(30, after_s=60)).site == "s0"  # 500 m/s
            assert (await world.report(0.1, after_s=60)).site == "s0"
            assert (await world.report(30, after_s=60)).site == "s0"
            assert (await world.report(29.5, after_s=60)).site == "s3"
            assert world.mover.counts.disbelieved == 2

    run(story())


def test_a_store_that_wants_its_place_back_gets_it_and_the_session_goes_on_elsewhere() -> None:
    async def story() -> None:
        async with World() as world:
            await world.report(12)
            await world.write("seat", b"12A")
            session = await world.sessions.vacate("cab", world.clock.now())
            assert session is not None
            assert session.site == "s2"
            assert world.state(session) == {"seat": b"12A"}
            assert [lease.id for lease in world.active] == [session.lease]

    run(story())


def test_an_end_that_fails_halfway_is_finished_by_a_later_sweep() -> None:
    async def story() -> None:
        async with World() as world:
            await world.report(0)
            world.faults = Faults(always=("release",))
            await world.sessions.end("cab")
            assert len(world.active) == 1
            world.faults = Faults()
            world.clock.advance(601)
            await world.sessions.sweep(world.clock.now())
            assert world.active == []
            assert world.records.get("cab") is None

    run(story())


def test_after_a_restart_sessions_are_where_they_were_and_go_on() -> None:
    async def story() -> None:
        async with World() as world:
            before = await world.report(0)
            await world.write("seat", b"12A")
            world.begin()
            await world.sessions.recover(world.clock.now())
            async with world.doors.enter("cab") as lease:
                assert lease == before.lease
            moved = await world.report(9)
            assert (moved.id, moved.site, world.state(moved)) == (before.id, "s1", {"seat": b"12A"})

    run(story())


def test_after_a_restart_a_device_that_does_not_come_back_loses_its_session() -> None:
    async def story() -> None:
        async with World() as world:
            await world.report(0)
            world.begin()
            await world.sessions.recover(world.clock.now())
            world.clock.advance(601)
            await world.sessions.sweep(world.clock.now())
            assert world.active == []

    run(story())


@pytest.mark.parametrize(
    ("device", "t", "lat", "lon", "field"),
    [
        ("", 1, 0, 0, "device"),
        ("a b", 1, 0, 0, "device"),
        ("x" * 65, 1, 0, 0, "device"),
        ("cab", -1, 0, 0, "t"),
        ("cab", 1 << 60, 0, 0, "t"),
        ("cab", 1, 90.1, 0, "lat"),
        ("cab", 1, 0, float("nan"), "lon"),
    ],
)
def test_what_is_no_report_is_refused(device: str, t: int, lat: float, lon: float, field: str) -> None:
    async def story() -> None:
        async with World() as world:
            with pytest.raises(Invalid) as refused:
                await world.sessions.report(device, t, lat, lon)
            assert refused.value.extra["field"] == field
            assert world.active == []

    run(story())


@pytest.mark.parametrize(
    "wrong",
    [
        {"bound_km": 0.0},
        {"bound_km": float("inf")},
        {"hysteresis_km": -1.0},
        {"dwell_s": -1},
        {"predict_s": 601},
        {"speed_max_m_s": 0.0},
        {"silence_s": 0},
    ],
)
def test_rules_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(Invalid) as refused:
        Rules(**wrong)  # type: ignore[arg-type]
    assert refused.value.extra["field"] in wrong
