"""From what the house should have to what it leases, extends and releases."""

from hypothesis import given
from hypothesis import strategies as st

from maillage.bootstrap.replay import replay_ledger
from maillage.kernel.asks import Ask
from maillage.kernel.capacity import PoolPlan, set_capacity, set_site
from maillage.kernel.grants import Order, grant
from maillage.kernel.leases import Lease
from maillage.kernel.scribe import Scribe
from maillage.kernel.sites import Site
from maillage.kernel.times import FOREVER, HOUR_S
from maillage.services.compute.harvest.rolling import RENEW_S, Moves, Stretch, carry_out, fitted, plan, stretches

NOW = 1_000 * HOUR_S + 600
TURN = 1_001 * HOUR_S


def house(name: str, quantity: int, end: int = TURN, start: int = NOW - 600) -> Lease:
    return Lease(name, "house", "s", {"cpu": quantity}, start, end, "house", "confirmed", 0)


def test_the_next_hour_is_leased_shortly_before_it() -> None:
    assert stretches(NOW, 5_000, 7_000, 0) == [Stretch(NOW, TURN, 5_000)]
    late = TURN - RENEW_S
    assert stretches(late, 5_000, 7_000, 0) == [Stretch(late, TURN, 5_000), Stretch(TURN, TURN + HOUR_S, 7_000)]


def test_what_the_next_hour_has_more_is_leased_as_early_as_others_take_to_go() -> None:
    late = TURN - RENEW_S
    more, less = stretches(late, 5_000, 7_000, 30), stretches(late, 5_000, 3_000, 30)
    assert more == [
        Stretch(late, TURN - 30, 5_000),
        Stretch(TURN - 30, TURN, 7_000),
        Stretch(TURN, TURN + HOUR_S, 7_000),
    ]
    assert [part.quantity for part in less] == [5_000, 3_000]
    assert stretches(TURN - 10, 5_000, 7_000, 30) == [
        Stretch(TURN - 10, TURN, 7_000),
        Stretch(TURN, TURN + HOUR_S, 7_000),
    ]


def test_what_is_missing_is_leased_beside_what_stands() -> None:
    assert plan([Stretch(NOW, TURN, 5_000)], [house("a", 3_000)]) == Moves([], [], [Stretch(NOW, TURN, 2_000)])


def test_what_is_too_much_is_released_newest_first() -> None:
    moves = plan([Stretch(NOW, TURN, 3_000)], [house("a", 3_000), house("b", 1_000), house("c", 1_000)])
    assert moves == Moves(["c", "b"], [], [])


def test_a_lease_that_is_too_large_is_replaced_by_a_smaller_one() -> None:
    moves = plan([Stretch(NOW, TURN, 3_500)], [house("a", 3_000), house("b", 1_000)])
    assert moves == Moves(["b"], [], [Stretch(NOW, TURN, 500)])


def test_before_the_hour_leases_are_extended_as_far_as_they_are_needed() -> None:
    later = TURN + HOUR_S
    wanted = [Stretch(NOW, TURN, 4_000), Stretch(TURN, later, 3_500)]
    moves = plan(wanted, [house("a", 3_000), house("b", 1_000)])
    assert moves == Moves([], [("a", later)], [Stretch(TURN, later, 500)])
    assert plan(wanted, [house("a", 3_000, later), house("b", 1_000), house("c", 500, later, TURN)]) == Moves(
        [], [], []
    )


leases = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from([TURN, TURN + HOUR_S]), st.sampled_from([NOW - 600, TURN])).filter(
        lambda parts: parts[2] < parts[1]
    ),
    max_size=6,
)


@given(leases, st.integers(0, 12), st.integers(0, 12), st.booleans())
def test_afterwards_the_house_has_exactly_enough(
    standing: list[tuple[int, int, int]], first: int, second: int, late: bool
) -> None:
    held = [house(str(number), quantity, end, start) for number, (quantity, end, start) in enumerate(standing)]
    wanted = [Stretch(NOW, TURN, first)] + ([Stretch(TURN, TURN + HOUR_S, second)] if late else [])
    moves = plan(wanted, held)
    extended = dict(moves.extend)
    after = [
        (max(lease.start, NOW), extended.get(lease.id, lease.end), lease.needs["cpu"])
        for lease in held
        if lease.id not in moves.release
    ] + list(moves.lease)
    for stretch in wanted:
        has = sum(quantity for start, end, quantity in after if start <= stretch.start < end)
        assert has >= stretch.quantity
    for start, end, _ in after:  # no lease could be smaller over all of its time
        over = [s for s in wanted if start < s.end and s.start < end]
        spare = [sum(q for a, b, q in after if a <= s.start < b) - s.quantity for s in over]
        assert not spare or min(spare) <= 0


def test_the_ledger_reclaims_spot_for_it_in_the_same_commit_and_firm_leases_stay() -> None:
    keeper, clock = replay_ledger()
    clock.set(NOW)

    def sell(scribe: Scribe) -> None:
        set_site(scribe, Site("s", "s", 0.0, 0.0, "UTC"))
        set_capacity(scribe, "s", PoolPlan("cpu", 10_000))
        grant(scribe, Order("x", Ask({"cpu": 6_000}, None, FOREVER, "s", None, "firm"), ("s",)))
        for _ in range(4):
            grant(scribe, Order("x", Ask({"cpu": 1_000}, None, FOREVER, "s", None, "spot"), ("s",)))

    keeper.run(sell)
    short: list[int] = []

    def want(quantity: int) -> None:
        def decide(scribe: Scribe) -> None:
            ledger = scribe.ledger
            pool = ledger.pools["s"]["cpu"]
            standing = [lease for lease in ledger.leases_of_tenant.get("house", []) if lease.is_active]
            wanted = plan(stretches(scribe.now, quantity, quantity, 5), standing)
            moves, missing = fitted(wanted, standing, pool, scribe.now)
            carry_out(scribe, "s", "house", moves)
            short.append(missing)

        keeper.run(decide)

    want(1_500)
    spot = [lease for lease in keeper.ledger.leases.values() if lease.cls == "spot"]
    assert [lease.state for lease in spot] == ["confirmed", "confirmed", "reclaimed", "reclaimed"]
    want(5_000)
    assert short == [0, 1_000]
    assert keeper.ledger.pools["s"]["cpu"].all.peak(NOW, TURN) == 10_000
    assert [lease.state for lease in keeper.ledger.leases.values() if lease.cls == "firm"] == ["confirmed"]
    clock.set(TURN - 60)
    want(2_000)
    assert keeper.ledger.pools["s"]["cpu"].committed.peak(TURN, TURN + 1) == 8_000
