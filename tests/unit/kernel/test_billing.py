"""Money: every lease adds up to its charge, to the last micro-unit."""

import itertools
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.billing import Invoice, billed_until, invoice, usage_line
from maillage.kernel.errors import Invalid, LeaseState
from maillage.kernel.grants import Order, grant
from maillage.kernel.leases import Lease, charge_micro
from maillage.kernel.prices import PriceBook, PriceEntry
from maillage.kernel.quantities import from_micro, to_micro
from maillage.kernel.times import DAY_S, FOREVER, HOUR_S, month_bounds, month_of
from maillage.verify import check_rows
from tests.kernel_world import NOW, SITE, World, ask_for, at


@pytest.fixture
def world() -> World:
    world = World(PriceBook(entries=[PriceEntry("cpu", "0.37"), PriceEntry("cpu", "0.37", "spot")]))
    world.pool("cpu", 8)
    return world


def invoice_of(world: World, month: str, tenant: str = "acme") -> Invoice:
    return invoice(world.ledger, tenant, month, "USD", world.now)


def months(first: int, last: int) -> list[str]:
    found = [month_of(first)]
    while month_bounds(found[-1])[1] <= last:
        found.append(month_of(month_bounds(found[-1])[1]))
    return found


@given(
    st.integers(0, 10**12),
    st.integers(0, 400 * DAY_S),
    st.lists(st.integers(0, 400 * DAY_S), max_size=20),
)
def test_however_a_lease_is_cut_into_pieces_they_add_up_to_its_charge(
    per_hour: int, seconds: int, cuts: list[int]
) -> None:
    lease = Lease("wm-1~1", "acme", "wm-1", {"cpu": 1_000}, NOW, NOW + seconds, "firm", "confirmed", per_hour)
    edges = sorted({NOW - 1, NOW + 401 * DAY_S, *(NOW + cut for cut in cuts)})
    pieces = [billed_until(lease, last) - billed_until(lease, first) for first, last in itertools.pairwise(edges)]
    assert all(piece >= 0 for piece in pieces)
    assert sum(pieces) == charge_micro(per_hour, seconds)


@pytest.mark.parametrize(
    ("per_hour", "seconds", "charge"), [(1, 1_799, 0), (1, 1_800, 1), (7, 3_600, 7), (10**6, 1, 278)]
)
def test_half_a_micro_unit_is_charged_as_one(per_hour: int, seconds: int, charge: int) -> None:
    assert charge_micro(per_hour, seconds) == charge


def test_the_invoices_of_all_months_add_up_to_the_charge(world: World) -> None:
    lease = world.lease({"cpu": 1.003}, NOW + 12_345, NOW + 100 * DAY_S + 7)
    world.tick(120 * DAY_S)
    invoices = [invoice_of(world, month) for month in months(NOW, world.now)]
    assert [made.status for made in invoices] == ["final"] * 3 + ["open"] * (len(invoices) - 3)
    assert sum(to_micro(made.total, "total") for made in invoices) == world.known(lease).charge
    assert sum(line.seconds for made in invoices for line in made.lines) == lease.end - lease.start


def test_an_invoice_of_the_running_month_goes_up_to_now(world: World) -> None:
    world.lease({"cpu": 1})
    world.tick(10 * HOUR_S)
    made = invoice_of(world, "2026-12")
    assert (made.status, made.amount, made.total, made.currency) == ("open", "3.70", "3.70", "USD")
    (line,) = made.lines
    assert (line.end, line.seconds, line.per_hour, line.needs) == (None, 10 * HOUR_S, "0.37", {"cpu": 1})


def test_a_month_that_is_over_does_not_change_when_the_lease_goes_on(world: World) -> None:
    lease = world.lease({"cpu": 1})
    world.clock.set(at("2027-01-10T00:00:00Z"))
    december = invoice_of(world, "2026-12")
    world.release(lease)
    assert invoice_of(world, "2026-12").total == december.total
    assert december.status == "final"


def test_a_month_with_a_hold_that_may_still_be_confirmed_is_not_final(world: World) -> None:
    world.clock.set(at("2026-12-31T12:00:00Z"))
    held = world.lease({"cpu": 1}, hold_s=2 * DAY_S)
    world.clock.set(at("2027-01-01T12:00:00Z"))
    assert (invoice_of(world, "2026-12").status, invoice_of(world, "2026-12").total) == ("open", "0.00")
    world.confirm(held)
    assert (invoice_of(world, "2026-12").status, invoice_of(world, "2026-12").total) == ("final", "4.44")


def test_a_month_to_come_is_empty(world: World) -> None:
    world.lease({"cpu": 1}, NOW, NOW + 90 * DAY_S)
    made = invoice_of(world, "2027-02")
    assert (made.status, made.lines, made.total) == ("open", [], "0.00")


def test_a_month_that_is_none_is_refused(world: World) -> None:
    with pytest.raises(Invalid, match="month"):
        invoice_of(world, "2026-13")


def test_a_tenant_pays_for_its_own_only(world: World) -> None:
    world.hour({"cpu": 1}, tenant="acme")
    world.hour({"cpu": 2}, tenant="other")
    world.tick(HOUR_S)
    assert [invoice_of(world, "2026-12", tenant).total for tenant in ("acme", "other", "nobody")] == [
        "0.37",
        "0.74",
        "0.00",
    ]


def test_a_hold_is_free_and_once_confirmed_is_paid_from_its_start(world: World) -> None:
    expired, released, confirmed = (world.hour({"cpu": 1}, hold_s=1_800) for _ in range(3))
    world.tick(900)
    assert invoice_of(world, "2026-12").lines == []
    world.release(released)
    world.confirm(confirmed)
    world.tick(HOUR_S)
    (line,) = invoice_of(world, "2026-12").lines
    assert (line.lease, line.amount) == (confirmed.id, "0.37")
    assert (world.known(expired).charge, world.known(released).charge) == (0, 0)


def test_what_never_began_costs_nothing(world: World) -> None:
    world.release(world.hour({"cpu": 1}, in_s=HOUR_S))
    world.tick(DAY_S)
    assert invoice_of(world, "2026-12").lines == []


@pytest.mark.parametrize(
    ("ran_s", "charge", "credit"),
    [(600, "0.061667", "0.061667"), (HOUR_S, "0.37", "0.37"), (10 * HOUR_S, "3.70", "0.37"), (0, "0.00", "0.00")],
)
def test_of_a_reclaimed_lease_the_last_hour_is_given_back(world: World, ran_s: int, charge: str, credit: str) -> None:
    spot = world.lease({"cpu": 1}, cls="spot")
    world.clock.advance(ran_s)
    world.hour({"cpu": 8}, "house", tenant="shop")
    made = invoice_of(world, "2026-12")
    assert (made.amount, made.credit) == (charge, credit)
    assert world.known(spot).credit == to_micro(credit, "credit")


def test_a_credit_is_given_when_the_lease_has_stopped_and_not_before(world: World) -> None:
    world.pool("cpu", 8, notice_s=7_200)
    world.lease({"cpu": 1}, cls="spot")
    world.hour({"cpu": 8}, in_s=7_200, tenant="shop")
    world.tick(HOUR_S)
    assert (invoice_of(world, "2026-12").amount, invoice_of(world, "2026-12").credit) == ("0.37", "0.00")
    world.tick(HOUR_S)
    assert (invoice_of(world, "2026-12").amount, invoice_of(world, "2026-12").credit) == ("0.74", "0.37")


def test_what_was_reclaimed_twice_is_charged_and_credited_once(world: World) -> None:
    world.pool("cpu", 8, notice_s=7_200)
    spot = world.lease({"cpu": 1}, cls="spot")
    world.hour({"cpu": 8}, in_s=7_200, tenant="shop")
    world.tick(1_800)
    world.hour({"cpu": 8}, "house", tenant="shop")
    known = world.known(spot)
    assert (known.end, known.charge, known.credit) == (NOW + 1_800, 185_000, 185_000)


def test_usage_is_what_was_reserved_within_the_window_and_what_was_measured(world: World) -> None:
    lease = world.lease({"cpu": 2}, NOW, NOW + 10 * HOUR_S)
    world.measure(lease, {"cpu_hours": 1_250})
    line = usage_line(world.ledger, world.known(lease), NOW + HOUR_S, NOW + 4 * HOUR_S)
    assert line is not None
    assert (line.seconds, line.reserved, line.measured, line.amount) == (
        3 * HOUR_S,
        {"cpu": 6.0},
        {"cpu_hours": 1.25},
        "2.22",
    )
    assert usage_line(world.ledger, world.known(lease), NOW - DAY_S, NOW) is None
    assert usage_line(world.ledger, world.known(lease), lease.end, FOREVER) is None


def measured_of(world: World, month: str) -> dict[str, dict[str, int | float]]:
    return {line.lease: line.measured for line in invoice_of(world, month).lines}


def test_an_invoice_tells_of_each_lease_what_was_measured_in_its_month(world: World) -> None:
    lease, other = world.lease({"cpu": 1}), world.lease({"cpu": 1})
    world.measure(lease, {"cpu_hours": 1_250, "requests": 3_000})
    world.clock.set(at("2026-12-31T23:59:59Z"))
    world.measure(lease, {"cpu_hours": 1})
    world.clock.set(at("2027-01-01T00:00:00Z"))
    world.measure(lease, {"cpu_hours": 2_000})
    assert measured_of(world, "2026-12") == {lease.id: {"cpu_hours": 1.251, "requests": 3}, other.id: {}}
    world.tick(HOUR_S)
    assert measured_of(world, "2027-01") == {lease.id: {"cpu_hours": 2}, other.id: {}}
    assert world.ledger.measured[lease.id] == {"cpu_hours": 3_251, "requests": 3_000}


def test_a_measurement_that_comes_after_the_month_counts_in_the_month_in_which_it_comes(world: World) -> None:
    lease = world.lease({"cpu": 1}, NOW, at("2026-12-31T12:00:00Z"))
    world.measure(lease, {"requests": 5_000})
    world.clock.set(at("2027-01-01T00:00:01Z"))
    world.tick()
    final = invoice_of(world, "2026-12")
    world.measure(lease, {"requests": 2_000})
    assert final.status == "final"
    assert invoice_of(world, "2026-12") == final
    (line,) = invoice_of(world, "2027-01").lines
    assert (line.lease, line.seconds, line.amount, line.measured) == (lease.id, 0, "0.00", {"requests": 2})


def test_what_costs_nothing_is_on_the_invoice_where_it_was_measured() -> None:
    world = World()
    world.pool("cpu", 8)
    lease, _ = world.lease({"cpu": 1}), world.lease({"cpu": 1})
    world.tick(HOUR_S)
    world.measure(lease, {"requests": 1_000})
    assert measured_of(world, "2026-12") == {lease.id: {"requests": 1}}
    assert invoice_of(world, "2026-12").total == "0.00"


@given(
    st.lists(
        st.tuples(st.integers(0, 20 * DAY_S), st.integers(0, 2), st.sampled_from(["a", "b", "c"]), st.integers(0, 9)),
        max_size=30,
    ),
    st.integers(0, 30),
)
def test_the_months_add_up_to_the_whole_also_after_a_restart_and_for_the_independent_reader(
    reports: list[tuple[int, int, str, int]], restart_at: int
) -> None:
    world = World()
    world.pool("cpu", 8)
    leases = [world.lease({"cpu": 1}, tenant=tenant) for tenant in ("acme", "acme", "other")]
    for number, (seconds, which, meter, amount) in enumerate(reports):
        if number == restart_at:
            world.take_snapshot()
            world.restart()
        world.clock.advance(seconds)
        world.measure(leases[which], {meter: amount})
    world.check_replay()
    said = check_rows((batch.pos, batch.count, batch.body) for batch in world.journal.read())
    assert said.ok
    told: dict[str, Counter[str]] = {}
    by_lease: dict[str, Counter[str]] = {}
    for month in months(NOW, world.now):
        for line in (line for who in ("acme", "other") for line in invoice_of(world, month, who).lines):
            amounts = {meter: round(amount * 1_000) for meter, amount in line.measured.items()}
            told.setdefault(month, Counter()).update(amounts)
            by_lease.setdefault(line.lease, Counter()).update(amounts)
    assert told == said.measured
    assert by_lease == world.ledger.measured


def test_a_charge_is_on_the_invoice_of_its_month_beside_what_the_time_cost(world: World) -> None:
    lease = world.lease({"cpu": 1}, NOW, at("2027-03-01T00:00:00Z"))
    world.charge(lease, "roof rent 2026-12", "1000.01")
    world.clock.set(at("2027-01-01T00:00:00Z"))
    world.tick()
    world.charge(lease, "roof rent 2027-01", "1000")
    december, january = invoice_of(world, "2026-12"), invoice_of(world, "2027-01")
    assert [(each.line, each.amount) for each in december.lines[0].charges] == [("roof rent 2026-12", "1000.01")]
    assert [(each.line, each.amount) for each in january.lines[0].charges] == [("roof rent 2027-01", "1000.00")]
    assert to_micro(december.total, "total") == to_micro("1000.01", "amount") + charge_micro(
        lease.per_hour, at("2027-01-01T00:00:00Z") - NOW
    )
    assert invoice_of(world, "2027-02").lines == []


def test_the_same_charge_comes_once_also_after_a_restart_from_a_snapshot(world: World) -> None:
    lease = world.lease({"cpu": 1})
    world.charge(lease, "a fee", "5")
    world.take_snapshot()
    world.restart()
    world.charge(lease, "a fee", "5")
    world.check_replay()
    assert len(invoice_of(world, "2026-12").lines[0].charges) == 1
    with pytest.raises(Invalid, match="another amount"):
        world.charge(lease, "a fee", "6")


@given(st.lists(st.tuples(st.integers(0, 20 * DAY_S), st.integers(1, 10**9)), max_size=20))
def test_what_is_charged_once_is_what_the_independent_reader_sums_up(charges: list[tuple[int, int]]) -> None:
    world = World()
    world.pool("cpu", 8)
    lease = world.lease({"cpu": 1})
    for number, (seconds, amount) in enumerate(charges):
        world.clock.advance(seconds)
        world.charge(lease, f"fee {number}", from_micro(amount))
    billed = sum(to_micro(invoice_of(world, month).total, "total") for month in months(NOW, world.now))
    report = check_rows((batch.pos, batch.count, batch.body) for batch in world.journal.read())
    assert report.ok
    assert billed == report.charged_micro.get("acme", 0) == sum(amount for _, amount in charges)


def test_a_lease_that_is_over_is_charged_what_is_still_owed(world: World) -> None:
    lease = world.lease({"cpu": 1}, NOW, NOW + HOUR_S)
    world.tick(HOUR_S)
    world.charge(lease, "a fee", "5")
    assert invoice_of(world, "2026-12").total == "5.37"


def test_what_belongs_to_something_greater_is_not_the_tenant_s_to_give_back_or_prolong(world: World) -> None:
    ask = msgspec.structs.replace(ask_for({"cpu": 1}, NOW, NOW + HOUR_S), kept_by="roof lease rl_1")
    lease: Lease = world.do(lambda scribe: grant(scribe, Order("acme", ask, (SITE,))))
    world.take_snapshot()
    world.restart()
    for move in (lambda: world.release(lease, "acme"), lambda: world.extend(lease, NOW + 2 * HOUR_S, "acme")):
        with pytest.raises(LeaseState, match="a part of roof lease rl_1"):
            move()
    assert world.release(lease).state == "released"


def test_a_lease_that_was_never_confirmed_is_charged_nothing(world: World) -> None:
    held, forgotten = world.hour({"cpu": 1}, hold_s=60), world.hour({"cpu": 1}, hold_s=1)
    world.tick(1)
    for lease in (held, forgotten):
        with pytest.raises(LeaseState):
            world.charge(lease, "a fee", "5")
    with pytest.raises(Invalid, match="on one line"):
        world.charge(world.hour({"cpu": 1}), "two\nlines", "5")
    with pytest.raises(Invalid, match="goes from"):
        world.charge(world.hour({"cpu": 1}), "nothing", "0")


def test_a_price_that_was_agreed_stands_in_the_place_of_the_book_s(world: World) -> None:
    ask = msgspec.structs.replace(ask_for({"cpu": 1}), agreed_per_hour=7)
    granted: Lease = world.do(lambda scribe: grant(scribe, Order("acme", ask, (SITE,))))
    assert granted.per_hour == 7


def test_a_hold_is_no_usage(world: World) -> None:
    held = world.hour({"cpu": 1}, hold_s=60)
    assert usage_line(world.ledger, held, NOW, NOW + HOUR_S) is None
    world.tick(60)
    assert usage_line(world.ledger, world.known(held), NOW, NOW + HOUR_S) is None
