"""What a roof lease takes of the mesh: all of it or nothing, once, also where a process ends half-way."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from maillage.kernel.documents import CapacityPlanDocument
from maillage.kernel.errors import Invalid, NoCapacity, Refusal, SiteUnreachable
from maillage.kernel.sites import Site
from maillage.kernel.times import format_time, parse_time
from maillage.services.roof.leasing.applying import Applying
from maillage.services.roof.leasing.documents import NoticeWanted, SignWanted, TermsDocument
from maillage.services.roof.leasing.errors import MountTaken, RoofLeaseState
from maillage.services.roof.leasing.keeper import LeaseKeeper
from maillage.services.roof.leasing.model import RoofLease
from tests.unit.services.roof.leasing.leasing_world import (
    ACME,
    NOTHING,
    OPERATOR,
    OTHER,
    ROOF,
    START,
    RoofWorld,
    antenna,
    refusal_of,
    roof_world,
)

FEBRUARY = parse_time("2027-02-01T06:00:00Z", "at")


class Crash(Exception):
    """The process ended."""


def test_two_applications_for_a_mount_at_once_are_granted_to_one(world: RoofWorld) -> None:
    first, second = world.inquire("m1", actor=ACME), world.inquire("m1", "m2", actor=OTHER)
    other_desk = world.another_desk()

    async def both() -> list[object]:
        asked = world.desk.apply(ACME, first.id), other_desk.apply(OTHER, second.id)
        return list(await asyncio.gather(*asked, return_exceptions=True))

    answers = world.run(both())
    assert sorted(type(answer).__name__ for answer in answers) == ["MountTaken", "RoofLeaseDocument"]
    refusal = next(answer for answer in answers if isinstance(answer, MountTaken))
    assert (refusal.extra["mounts"], refusal.extra["from"]) == (["m1"], format_time(START))
    states = sorted(world.get(lease.id).state for lease in (first, second))
    assert states == ["application", "inquiry"]


def test_mounts_are_let_one_after_the_other(world: RoofWorld) -> None:
    short = TermsDocument(rent_per_month="1", term_years=1, renewals=0)
    world.apply(world.inquire("m1", terms=short).id)
    overlapping = world.inquire("m1", actor=OTHER, start="2027-12-31").id
    assert isinstance(refusal_of(lambda: world.apply(overlapping, OTHER)), MountTaken)
    assert world.apply(world.inquire("m1", actor=OTHER, start="2028-01-01").id, OTHER).state == "application"


def test_what_the_kernel_refuses_stays_an_inquiry_and_can_be_granted_later(world: RoofWorld) -> None:
    lease = world.inquire("m1", needs={"roof_power": 11}).id
    refusal = refusal_of(lambda: world.apply(lease))
    assert isinstance(refusal, NoCapacity)
    reason = refusal.extra["reasons"][0]
    assert (reason.kind, reason.available) == ("roof_power", 10)
    assert (world.get(lease).state, world.get(lease).lease) == ("inquiry", None)
    assert world.get(lease).history[-1].act == "refuse"
    assert world.committed() == 0, "the mount neither"
    world.run(world.office.set_capacity("wm-1", "roof_power", CapacityPlanDocument(size=11)))
    assert world.apply(lease).state == "application"


def test_a_structure_without_room_refuses_with_what_is_left(world: RoofWorld) -> None:
    world.apply(world.inquire("m1", "m2").id)
    refusal = refusal_of(lambda: world.apply(world.inquire("m3", actor=OTHER).id, OTHER))
    reason = refusal.extra["reasons"][0]
    assert (reason.kind, reason.available, reason.size) == ("roof_load", 20, 100)


def test_a_mount_that_is_gone_since_the_inquiry_is_not_let(world: RoofWorld) -> None:
    lease = world.inquire("m3").id
    world.roofs.put(msgspec.structs.replace(ROOF, mounts=ROOF.mounts[:2], revision=2))
    assert "m3" in refusal_of(lambda: world.apply(lease)).detail
    assert world.get(lease).state == "inquiry"


def test_without_a_pool_of_load_the_structure_is_for_a_person_to_judge(tmp_path: Path) -> None:
    with roof_world(tmp_path) as world:
        assert world.inquire().load == "leased"
        world.run(world.office.set_site(Site("wm-2", "Two", 36.0, -94.0, "America/Chicago")))
        world.roofs.put(msgspec.structs.replace(ROOF, site="wm-2"))
        bare = world.inquire(site="wm-2")
        assert (bare.load, "roof_load" in bare.needs) == ("reviewed", False)


def test_a_weight_is_counted_to_the_gram_and_never_less(world: RoofWorld) -> None:
    hung = [antenna(weight_kg=0.1), antenna(weight_kg=0.2), antenna(weight_kg=0.0014)]
    assert world.inquire("m3", antennas=hung).needs["roof_load"] == 0.302


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"mount": "m9"}, "antennas[0].mount"),
        ({"band": "B7"}, "antennas[0].band"),
        ({"band": "n078"}, "antennas[0].band"),
        ({"eirp_dbm": float("nan")}, "antennas[0].eirp_dbm"),
        ({"eirp_dbm": 101.0}, "antennas[0].eirp_dbm"),
        ({"height_m": 2.6}, "antennas[0].height_m"),
        ({"height_m": float("inf")}, "antennas[0].height_m"),
        ({"weight_kg": 60.5}, "antennas.weight_kg"),
        ({"weight_kg": 0.0}, "antennas[0].weight_kg"),
        ({"wind_area_m2": 1.3}, "antennas.wind_area_m2"),
        ({"azimuth_deg": 61.0}, "antennas[0].azimuth_deg"),
        ({"azimuth_deg": -1.0}, "antennas[0].azimuth_deg"),
        ({"azimuth_deg": None}, "antennas[0].azimuth_deg"),
        ({"tilt_deg": 91.0}, "antennas[0].tilt_deg"),
    ],
)
def test_an_antenna_that_can_not_hang_there_is_refused_by_its_field(
    world: RoofWorld, more: dict[str, object], field: str
) -> None:
    hung = {"mount": "m1", "azimuth_deg": 0.0, **more}
    refusal = refusal_of(lambda: world.inquire("m1", antennas=[antenna(**hung)]))  # type: ignore[arg-type]
    assert isinstance(refusal, Invalid)
    assert refusal.extra["field"] == field


def test_a_mount_bears_its_limit_in_all_and_looks_to_both_sides_of_north(world: RoofWorld) -> None:
    two = [antenna("m1", azimuth_deg=300.0, weight_kg=30.0), antenna("m1", azimuth_deg=60.0, weight_kg=30.0)]
    assert world.inquire("m1", antennas=two).state == "inquiry"
    three = [*two, antenna("m1", azimuth_deg=0.0, weight_kg=0.001)]
    assert refusal_of(lambda: world.inquire("m1", antennas=three)).extra["left"] == 60
    assert "twice" in refusal_of(lambda: world.inquire("m1", "m1")).detail
    assert "no mount 'm9'" in refusal_of(lambda: world.inquire("m9")).detail
    assert "there is none for m2" in refusal_of(lambda: world.inquire("m1", "m2", antennas=two)).detail


# -- a process that ends half-way ------------------------------------------------------------------------------------


def crash_before_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(*_: object) -> None:
        raise Crash

    monkeypatch.setattr(Applying, "_grant", crash)


def crash_after_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    grant = Applying._grant

    async def crash(*args: object) -> None:
        await grant(*args)  # type: ignore[arg-type]
        raise Crash

    monkeypatch.setattr(Applying, "_grant", crash)


@pytest.mark.parametrize("crashes", [crash_before_the_kernel, crash_after_the_kernel])
@pytest.mark.parametrize("after_s", [1, 40 * 3_600], ids=["at once", "after the key was forgotten"])
def test_an_application_that_was_left_half_done_is_completed_once(world: RoofWorld, crashes, after_s: int) -> None:  # type: ignore[no-untyped-def]
    lease = world.inquire("m1").id
    with pytest.MonkeyPatch.context() as patched:
        crashes(patched)
        with pytest.raises(Crash):
            world.apply(lease)
    assert world.get(lease).state == "application"
    assert world.get(lease).lease is None
    world.clock.advance(after_s)
    world.restart()
    world.tick()
    assert world.kernel_lease(lease).state == "confirmed"
    assert world.committed() == 1
    world.tick()
    assert world.committed() == 1


def test_the_same_application_again_is_the_answer_that_was_lost(world: RoofWorld) -> None:
    lease = world.inquire("m1").id
    with pytest.MonkeyPatch.context() as patched:
        crash_after_the_kernel(patched)
        with pytest.raises(Crash):
            world.apply(lease)
    assert world.apply(lease).lease is not None
    assert world.committed() == 1
    assert isinstance(refusal_of(lambda: world.apply(lease)), RoofLeaseState)


def test_one_that_was_left_half_done_can_be_withdrawn_and_leaves_nothing(world: RoofWorld) -> None:
    lease = world.inquire("m1").id
    with pytest.MonkeyPatch.context() as patched:
        crash_after_the_kernel(patched)
        with pytest.raises(Crash):
            world.apply(lease)
    assert world.run(world.desk.leave(ACME, lease, "withdraw", NOTHING)).state == "withdrawn"
    assert world.committed() == 0


def test_what_is_granted_to_an_application_that_was_taken_back_meanwhile_is_given_back(
    world: RoofWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease, grant = world.inquire("m1").id, Applying._grant

    async def late(applying: Applying, half_done: RoofLease) -> str | None:
        granted = await grant(applying, half_done)
        await applying._take_back(half_done, "another process was refused it")
        return granted

    with monkeypatch.context() as patched:
        patched.setattr(Applying, "_grant", late)
        assert isinstance(refusal_of(lambda: world.apply(lease)), RoofLeaseState)
    assert (world.get(lease).state, world.committed()) == ("inquiry", 0)
    assert world.apply(lease).state == "application"


def test_an_application_waits_while_the_site_is_out_of_reach_and_keeps_its_mounts(
    world: RoofWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = world.inquire("m1").id

    async def unreachable(*_: object) -> None:
        raise SiteUnreachable("wm-1 does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(world.office, "lease", unreachable)
        assert isinstance(refusal_of(lambda: world.apply(lease)), SiteUnreachable)
        world.tick()
        assert world.get(lease).state == "application"
        taken = refusal_of(lambda: world.apply(world.inquire("m1", actor=OTHER).id, OTHER))
        assert isinstance(taken, MountTaken)
    world.tick()
    assert world.get(lease).lease is not None


def test_what_could_not_be_given_back_at_once_is_given_back_later(
    world: RoofWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = world.permitted("m1")

    async def unreachable(*_: object) -> None:
        raise SiteUnreachable("wm-1 does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(world.office, "release", unreachable)
        assert world.run(world.desk.leave(ACME, lease, "withdraw", NOTHING)).state == "withdrawn"
        world.tick()
        assert world.committed() == 1
    world.tick()
    assert world.committed() == 0


# -- the clock ---------------------------------------------------------------------------------------------------------


def test_what_is_not_signed_at_its_start_lapses_and_costs_nothing(world: RoofWorld) -> None:
    inquiry, applied, permitted = world.inquire("m2").id, world.inquire("m1").id, world.permitted("m3")
    world.apply(applied)
    world.tick(START - 1)
    assert [world.get(lease).state for lease in (inquiry, applied, permitted)] == ["inquiry", "application", "permit"]
    world.tick(START)
    assert {world.get(lease).state for lease in (inquiry, applied, permitted)} == {"lapsed"}
    assert world.committed() == 0
    month = world.run(world.office.invoices("2027-01", ["acme"]))[0]
    assert month.lines == []
    assert isinstance(refusal_of(lambda: world.run(world.desk.sign(OPERATOR, permitted, SignWanted()))), RoofLeaseState)


def test_rent_is_charged_once_a_month_whatever_restarts_and_missed_months_are_made_up_for(world: RoofWorld) -> None:
    lease = world.signed("m1")
    for instant in (START, START + 60, FEBRUARY - 1):
        world.tick(instant)
        world.restart()
    assert list(world.charges(lease)) == ["roof rent 2027-01-01 to 2027-02-01"]
    world.tick(FEBRUARY)
    world.restart()
    world.tick(parse_time("2027-06-15T00:00:00Z", "at"))
    charges = world.charges(lease)
    assert len(charges) == 6 and list(charges)[-1] == "roof rent 2027-06-01 to 2027-07-01"
    assert world.get(lease).rent_paid_until == "2027-07-01T05:00:00Z"
    june = world.run(world.office.invoices("2027-06", ["acme"]))[0]
    assert june.amount == "4000.00", "four months were missed, and are charged when that is seen"


def test_rent_that_was_charged_when_the_process_ended_is_not_charged_again(
    world: RoofWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = world.signed("m1")

    def crash(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(world.records, "change", crash)
        world.tick(START)
    assert world.get(lease).rent_paid_until is None
    world.restart()
    world.tick()
    assert list(world.charges(lease).values()) == [1_000_000_000]
    assert world.get(lease).rent_paid_until == "2027-02-01T06:00:00Z"


def test_two_keepers_charge_once(world: RoofWorld) -> None:
    lease = world.signed("m1")
    world.clock.set(START)
    other = LeaseKeeper(world.another_desk(), world.clock)

    async def both() -> None:
        await asyncio.gather(world.keeper.tick(), other.tick())

    world.run(both())
    assert list(world.charges(lease).values()) == [1_000_000_000]
    assert [step.act for step in world.get(lease).history].count("sign") == 1


def test_a_tenant_can_not_give_its_capacity_back_to_be_rid_of_the_rent(world: RoofWorld) -> None:
    lease = world.signed("m1")
    granted = world.get(lease).lease or ""
    refused = refusal_of(lambda: world.run(world.office.release(granted, "acme")))
    assert f"a part of roof lease {lease}" in refused.detail
    world.run(world.office.release(granted, None))
    world.tick(START)
    world.tick(START + 60)
    assert len(world.charges(lease)) == 1


def test_one_lease_that_fails_does_not_hold_the_others_up(world: RoofWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = world.signed("m1"), world.signed("m2")
    failing, charge = world.get(first).lease, world.office.charge

    async def some(lease: str, line: str, amount: int) -> object:
        if lease == failing:
            raise SiteUnreachable("does not answer")
        return await charge(lease, line, amount)

    monkeypatch.setattr(world.office, "charge", some)
    world.tick(START)
    assert (world.get(first).rent_paid_until, len(world.charges(second))) == (None, 1)


def test_the_keeper_sleeps_until_something_is_due_and_a_minute_at_most(world: RoofWorld) -> None:
    world.signed("m1")
    world.tick()
    assert world.keeper.next_s() == 60
    world.clock.set(START - 20)
    assert world.keeper.next_s() == 20
    world.clock.set(START)
    assert world.keeper.next_s() == 60


def test_the_keeper_runs_and_stops(world: RoofWorld) -> None:
    lease = world.signed("m1")
    world.clock.set(START)

    async def run() -> None:
        await world.keeper.start()
        async with asyncio.timeout(10):
            while not (await world.desk.get(OPERATOR, lease)).rent_paid_until:
                await asyncio.sleep(0.01)
        await world.keeper.stop()
        await world.keeper.stop()

    world.run(run())
    assert len(world.charges(lease)) == 1


def test_a_lease_that_was_never_on_air_ends_too(world: RoofWorld) -> None:
    lease = world.signed("m1")
    world.run(world.desk.notice(ACME, lease, NoticeWanted(ends="2027-02-01T06:00:00Z")))
    assert isinstance(refusal_of(lambda: world.run(world.desk.decommission(ACME, lease, NOTHING))), Refusal)
    world.tick(START)
    world.tick(FEBRUARY)
    assert world.committed(at=FEBRUARY) == 0
    assert world.run(world.desk.decommission(OPERATOR, lease, NOTHING)).state == "decommissioned"
    assert world.run(world.desk.book.going_on()) == []
