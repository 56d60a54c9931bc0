"""The life of a roof lease, on a real ledger: from the inquiry to the day when the roof is as it was."""

from decimal import Decimal

import msgspec
import pytest

from maillage.kernel.errors import NotAllowed, NotFound
from maillage.kernel.times import DAY_S, format_time, parse_time
from maillage.services.roof.leasing.documents import NoticeWanted, SignWanted, StepWanted, TermsDocument
from maillage.services.roof.leasing.errors import PaperMissing, RoofLeaseState
from maillage.services.roof.leasing.model import RoofLease, State
from maillage.services.roof.leasing.steps import ACTS, Actor, require_act
from maillage.services.roof.rent.terms import Terms
from tests.unit.services.roof.leasing.leasing_world import (
    ACME,
    NODE,
    NOTHING,
    OPERATOR,
    OTHER,
    START,
    RoofWorld,
    refusal_of,
    wanted,
)

ENDS = parse_time("2037-01-01T06:00:00Z", "ends")
LAST_MONTH = parse_time("2036-12-01T06:00:00Z", "at")
TERM_ENDS = "2032-01-01T06:00:00Z"


def at(text: str) -> int:
    return parse_time(text, "at")


def test_a_lease_goes_from_inquiry_to_decommission_and_pays_its_rent(world: RoofWorld) -> None:
    lease = world.inquire("m1", "m3")
    assert (lease.state, lease.start, lease.runs_until) == ("inquiry", format_time(START), format_time(ENDS))
    assert lease.needs == {"roof_power": 2, "roof_mount": 2, "roof_load": 80}
    assert (lease.lease, lease.load, world.committed()) == (None, "leased", 0)

    lease = world.apply(lease.id)
    assert (lease.state, world.committed(), world.committed("roof_load")) == ("application", 2, 80)
    assert world.committed(at=ENDS - DAY_S) == 2, "an option to renew can be kept"
    assert world.committed(at=ENDS) == 0
    assert world.kernel_lease(lease.id).price.per_hour == "0.00"

    assert world.run(world.desk.step(OPERATOR, lease.id, "review", NOTHING)).state == "structural_review"
    world.attach(lease.id, "structural_certificate", "permit", "agreement")
    assert world.run(world.desk.step(OPERATOR, lease.id, "approve", NOTHING)).state == "permit"
    assert world.run(world.desk.sign(OPERATOR, lease.id, SignWanted())).state == "signed"

    world.tick(START - 1)
    assert world.charges(lease.id) == {}
    world.tick(START)
    assert world.charges(lease.id) == {"roof rent 2027-01-01 to 2027-02-01": 1_000_000_000}
    on_air = world.run(world.desk.on_air(ACME, lease.id, NOTHING))
    assert (on_air.state, on_air.rent_paid_until) == ("on_air", "2027-02-01T06:00:00Z")

    world.tick(LAST_MONTH)
    world.tick(ENDS)
    assert world.get(lease.id).state == "on_air", "its antennas hang there still"
    assert sum(world.charges(lease.id).values()) == 137_566_550_000, "12,000 a year, 3 % more each of ten years"
    gone = world.run(world.desk.decommission(ACME, lease.id, StepWanted(note="two panels down, roof sealed")))
    assert (gone.state, gone.next, gone.due) == ("decommissioned", [], [])
    assert gone.history[-1].note == "two panels down, roof sealed"
    assert [step.act for step in gone.history] == [
        "inquire",
        "apply",
        "review",
        "approve",
        "sign",
        "on_air",
        "end",
        "decommission",
    ]
    assert world.told() == [f"roof.lease.{step.act}" for step in gone.history]


def test_the_operator_inquires_for_a_tenant_and_says_for_whom(world: RoofWorld) -> None:
    assert world.inquire(actor=OPERATOR, tenant="acme").tenant == "acme"
    assert "tenant" in refusal_of(lambda: world.inquire(actor=OPERATOR)).detail
    assert "somebody else" in refusal_of(lambda: world.inquire(actor=ACME, tenant="other")).detail
    assert isinstance(refusal_of(lambda: world.inquire(actor=NODE)), NotAllowed)


def test_a_tenant_sees_its_own_leases_only(world: RoofWorld) -> None:
    lease, theirs = world.inquire().id, world.inquire(actor=OTHER).id
    for asked in (world.desk.get(OTHER, lease), world.desk.rent(OTHER, lease), world.desk.apply(OTHER, lease)):
        assert isinstance(refusal_of(lambda work=asked: world.run(work)), NotFound)
    listed = world.run(world.desk.some(OTHER, "acme", None, None, None, 9))[0]
    assert [each.id for each in listed] == [theirs]
    assert {each.id for each in world.run(world.desk.some(NODE, None, None, None, None, 9))[0]} == {lease, theirs}


def test_leases_are_listed_in_pages_the_newest_first(world: RoofWorld) -> None:
    made = []
    for _ in range(3):
        made.append(world.inquire().id)
        world.clock.advance(1)
    first, following = world.run(world.desk.some(OPERATOR, "acme", "wm-1", "inquiry", None, 2))
    rest, end = world.run(world.desk.some(OPERATOR, "acme", "wm-1", "inquiry", following, 2))
    assert ([each.id for each in first + rest], end) == (made[::-1], None)
    assert world.run(world.desk.some(OPERATOR, None, None, "signed", None, 2)) == ([], None)
    assert following is not None
    for actor, cursor in ((OPERATOR, "made-up"), (OTHER, following)):
        refusal = refusal_of(lambda who=actor, what=cursor: world.run(world.desk.some(who, None, None, None, what, 2)))
        assert refusal.extra["field"] == "cursor"


ROLES: tuple[Actor, ...] = (ACME, OPERATOR, NODE, Actor("clock", "clock"))
STATES: tuple[State, ...] = State.__args__  # type: ignore[attr-defined]


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("actor", ROLES, ids=lambda actor: actor.role)
def test_each_step_is_taken_by_its_roles_from_its_states_with_its_documents_and_no_other(
    any_lease: RoofLease, act: str, state: State, actor: Actor
) -> None:
    lease, rule = msgspec.structs.replace(any_lease, state=state), ACTS[act]
    if actor.role not in rule.roles:
        assert isinstance(refusal_of(lambda: require_act(lease, act, actor)), NotAllowed)
    elif state not in rule.before:
        refusal = refusal_of(lambda: require_act(lease, act, actor))
        assert isinstance(refusal, RoofLeaseState)
        allowed = {name for name, each in ACTS.items() if state in each.before and each.roles != ("clock",)}
        assert {each["act"] for each in refusal.extra["can"]} == allowed
        assert all(each["by"] == list(ACTS[each["act"]].roles) for each in refusal.extra["can"])
    elif rule.papers:
        refusal = refusal_of(lambda: require_act(lease, act, actor))
        assert isinstance(refusal, PaperMissing)
        assert refusal.extra["missing"] == list(rule.papers)
    else:
        assert require_act(lease, act, actor) == rule


@pytest.fixture(scope="module")
def any_lease() -> RoofLease:
    return RoofLease(
        id="rl_1",
        tenant="acme",
        site="wm-1",
        state="inquiry",
        mounts=("m1",),
        needs={},
        antennas=(),
        terms=Terms(rent_per_month=Decimal(1)),
        start=START,
        runs_until=ENDS,
        created_at=0,
    )


def test_a_document_that_a_step_takes_is_named(world: RoofWorld) -> None:
    lease = world.inquire().id
    world.apply(lease)
    world.run(world.desk.step(OPERATOR, lease, "review", NOTHING))
    missing = refusal_of(lambda: world.run(world.desk.step(OPERATOR, lease, "approve", NOTHING)))
    assert missing.extra["missing"] == ["structural_certificate"]
    world.attach(lease, "structural_certificate", "permit")
    world.run(world.desk.step(OPERATOR, lease, "approve", NOTHING))
    unsigned = refusal_of(lambda: world.run(world.desk.sign(OPERATOR, lease, SignWanted())))
    assert unsigned.extra["missing"] == ["agreement"]


def test_what_was_not_signed_can_be_withdrawn_or_declined_and_holds_nothing_then(world: RoofWorld) -> None:
    first, second = world.inquire("m1").id, world.permitted("m2")
    world.apply(first)
    assert world.committed() == 2
    assert world.run(world.desk.leave(ACME, first, "withdraw", NOTHING)).state == "withdrawn"
    empty = refusal_of(lambda: world.run(world.desk.leave(OPERATOR, second, "decline", StepWanted(note=" "))))
    assert "why" in empty.detail
    declined = world.run(world.desk.leave(OPERATOR, second, "decline", StepWanted(note="roof is to be renewed")))
    assert (declined.state, declined.history[-1].note) == ("declined", "roof is to be renewed")
    assert world.committed() == 0
    assert world.kernel_lease(second).state == "released"
    signed = world.signed("m1")
    assert isinstance(
        refusal_of(lambda: world.run(world.desk.leave(ACME, signed, "withdraw", NOTHING))), RoofLeaseState
    )


def test_signing_may_fix_other_terms_that_run_as_long(world: RoofWorld) -> None:
    lease = world.permitted()
    longer = SignWanted(terms=TermsDocument(rent_per_month="1200", term_years=5, renewals=2))
    assert "terms" in refusal_of(lambda: world.run(world.desk.sign(OPERATOR, lease, longer))).detail
    agreed = SignWanted(terms=TermsDocument(rent_per_month="1200", term_years=10, renewals=0))
    assert world.run(world.desk.sign(OPERATOR, lease, agreed)).terms.rent_per_month == "1200.00"


def test_a_lease_is_not_signed_at_its_start_nor_once_its_capacity_is_gone(world: RoofWorld) -> None:
    late, gone = world.permitted("m1"), world.permitted("m2")
    world.run(world.office.release(world.get(gone).lease or "", None))
    assert "is over" in refusal_of(lambda: world.run(world.desk.sign(OPERATOR, gone, SignWanted()))).detail
    world.clock.set(START)
    assert "before it was signed" in refusal_of(lambda: world.run(world.desk.sign(OPERATOR, late, SignWanted()))).detail


def test_it_is_on_air_from_the_start_on_and_once_those_before_it_are_gone(world: RoofWorld) -> None:
    lease = world.signed("m3", terms=TermsDocument(rent_per_month="10", term_years=1, renewals=0))
    early = refusal_of(lambda: world.run(world.desk.on_air(ACME, lease, NOTHING)))
    assert "it can be on air from 2027-01-01" in early.detail
    world.clock.set(START)
    world.run(world.desk.on_air(ACME, lease, NOTHING))
    world.clock.set(at("2027-12-01T06:00:00Z"))
    following = world.signed("m3", actor=OTHER, start="2028-01-01")
    world.tick(at("2028-01-01T06:00:00Z"))
    held = refusal_of(lambda: world.run(world.desk.on_air(OTHER, following, NOTHING)))
    assert "m3" in held.detail and held.extra["state"] == "signed"
    world.run(world.desk.decommission(OPERATOR, lease, NOTHING))
    assert world.run(world.desk.on_air(OTHER, following, NOTHING)).state == "on_air"


def test_each_lease_tells_what_is_next_and_what_is_due(world: RoofWorld) -> None:
    inquiry = world.inquire()
    assert [(each.act, each.by) for each in inquiry.next] == [
        ("apply", ["tenant"]),
        ("withdraw", ["tenant"]),
        ("decline", ["operator"]),
    ]
    assert [(due.what, due.at) for due in inquiry.due] == [("lapses", "2027-01-01T06:00:00Z")]
    lease = world.get(world.signed("m1"))
    assert [(due.what, due.at) for due in lease.due] == [
        ("starts", "2027-01-01T06:00:00Z"),
        ("rent", "2027-01-01T06:00:00Z"),
        ("notice_by", "2031-01-01T06:00:00Z"),
        ("term_ends", TERM_ENDS),
        ("ends", format_time(ENDS)),
    ]


def test_notice_in_time_ends_it_with_the_term_and_too_late_with_the_next(world: RoofWorld) -> None:
    intime, late = world.signed("m1"), world.signed("m2")
    world.clock.set(at("2031-01-01T06:00:00Z"))
    noticed = world.run(world.desk.notice(OPERATOR, intime, NoticeWanted()))
    assert (noticed.ends, noticed.fee) == (TERM_ENDS, "0.00")
    again = refusal_of(lambda: world.run(world.desk.notice(ACME, intime, NoticeWanted())))
    assert "it ends on 2032-01-01" in again.detail
    world.clock.advance(1)
    assert "2037" in refusal_of(lambda: world.run(world.desk.notice(ACME, late, NoticeWanted()))).detail


def test_ending_early_is_the_tenants_to_say_and_costs_a_fee_on_the_invoice(world: RoofWorld) -> None:
    lease = world.on_air("m1")
    soon = NoticeWanted(ends="2028-03-01T06:00:00Z")
    world.tick(at("2028-01-15T00:00:00Z"))
    assert isinstance(refusal_of(lambda: world.run(world.desk.notice(OPERATOR, lease, soon))), NotAllowed)
    amiss = refusal_of(lambda: world.run(world.desk.notice(ACME, lease, NoticeWanted(ends="2028-03-02T06:00:00Z"))))
    assert amiss.extra["field"] == "ends"
    noticed = world.run(world.desk.notice(ACME, lease, soon))
    assert (noticed.ends, noticed.fee) == (soon.ends, "12360.00")
    tooearly = refusal_of(lambda: world.run(world.desk.decommission(ACME, lease, NOTHING)))
    assert "its rent runs on until 2028-03-01" in tooearly.detail

    world.tick(at("2028-02-01T06:00:00Z"))
    world.tick(at("2028-03-01T06:00:00Z"))
    charges = world.charges(lease)
    assert list(charges)[-1] == "roof lease ended early on 2028-03-01"
    assert list(charges.values())[-1] == 12_360_000_000
    assert len(charges) == 14 + 1
    assert world.kernel_lease(lease).end == soon.ends
    assert world.committed(at=at("2028-03-01T06:00:00Z")) == 0
    rent = world.run(world.desk.rent(ACME, lease))
    assert (len(rent.periods), rent.fee, rent.total) == (14, "12360.00", "26420.00")
    assert all(period.charged for period in rent.periods)


def test_antennas_can_be_taken_down_in_the_last_month_and_everything_is_charged_then(world: RoofWorld) -> None:
    lease = world.on_air("m1")
    world.clock.set(at("2027-01-10T00:00:00Z"))
    world.run(world.desk.notice(ACME, lease, NoticeWanted(ends="2027-02-01")))
    gone = world.run(world.desk.decommission(ACME, lease, NOTHING))
    assert gone.state == "decommissioned"
    assert list(world.charges(lease).values()) == [1_000_000_000, 12_000_000_000]
    assert world.committed(at=at("2027-01-11T00:00:00Z")) == 0


def test_what_an_inquiry_leaves_out_is_filled_in(world: RoofWorld) -> None:
    lease = world.inquire("m1", "m3", terms=TermsDocument())
    assert lease.terms.rent_per_month == "1500.00", "what the chain asks for two mounts"
    assert lease.interference_clause.startswith("First in time")
    assert lease.exclusion_zone_m == 7.09
    given = world.inquire(exclusion_zone_m=12.5, interference_clause="as agreed")
    assert (given.exclusion_zone_m, given.interference_clause) == (12.5, "as agreed")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"start": "2026-11-01"}, "start"),
        ({"start": "soon"}, "start"),
        ({"start": "2027-13-01"}, "start"),
        ({"start": "2027-W01-1"}, "start"),
        ({"start": "2077-01-01"}, "start"),
        ({"start": "9990-01-01"}, "start"),
        ({"start": "9999-12-31"}, "start"),
        ({"start": "2070-01-01"}, "terms.renewals"),
        ({"needs": {"roof_mount": 1}}, "needs.roof_mount"),
        ({"needs": {"roof_load": 1}}, "needs.roof_load"),
        ({"needs": {"cpu": "0.0001"}}, "needs.cpu"),
        ({"terms": TermsDocument(rent_per_month="NaN")}, "terms.rent_per_month"),
        ({"terms": TermsDocument(rent_per_month="much")}, "terms.rent_per_month"),
        ({"terms": TermsDocument(rent_per_month="1_000")}, "terms.rent_per_month"),
        ({"terms": TermsDocument(rent_per_month=" 5")}, "terms.rent_per_month"),
        ({"terms": TermsDocument(rent_per_month="\uff11\uff12")}, "terms.rent_per_month"),
        ({"terms": TermsDocument(rent_per_month="0." + "0" * 80 + "1")}, "terms.rent_per_month"),
        ({"terms": TermsDocument(rent_per_month=1e30)}, "terms.rent_per_month"),
        ({"terms": TermsDocument(rent_per_month="1", escalator_percent="1e999")}, "terms.escalator_percent"),
        ({"terms": TermsDocument(rent_per_month="1", term_years=30, renewals=5)}, "terms.renewals"),
    ],
)
def test_what_can_not_be_let_so_is_refused_by_its_field(world: RoofWorld, more: dict[str, object], field: str) -> None:
    assert refusal_of(lambda: world.inquire(**more)).extra["field"] == field  # type: ignore[arg-type]
    assert world.run(world.desk.some(OPERATOR, None, None, None, None, 9))[0] == []


def test_there_is_nothing_to_let_where_the_catalogue_has_no_roof(world: RoofWorld) -> None:
    assert isinstance(refusal_of(lambda: world.run(world.desk.inquire(ACME, wanted(site="wm-2")))), NotFound)
    world.roofs.drop("wm-1")
    assert isinstance(refusal_of(world.inquire), NotFound)
