"""A key is made void when its answer was lost and the ask went elsewhere: what it was granted ends, for nothing."""

import pytest

from maillage.kernel.billing import invoice
from maillage.kernel.errors import KeyVoid, UnknownSite
from maillage.kernel.events import Voided
from maillage.kernel.ledger import KEY_WINDOW_S
from maillage.kernel.moves import void
from maillage.kernel.prices import PriceBook, PriceEntry
from maillage.kernel.times import HOUR_S
from tests.kernel_world import NOW, SITE, World, refusal_of


@pytest.fixture
def world() -> World:
    world = World(PriceBook(entries=[PriceEntry("cpu", "1")]))
    world.pool("cpu", 4)
    return world


def make_void(world: World, key: str = "order-7", tenant: str = "acme", site: str = SITE) -> list[Voided]:
    """What that enters in the journal."""
    before = len(world.events)
    world.do(lambda scribe: void(scribe, site, tenant, key))
    world.check_replay()
    return [event for event in world.events[before:] if isinstance(event, Voided)]


def owed(world: World) -> str:
    return invoice(world.ledger, "acme", "2026-12", "USD", world.now).total


@pytest.mark.parametrize("hold_s", [None, 600])
def test_a_lease_of_the_key_stops_at_once_and_costs_nothing(world: World, hold_s: int | None) -> None:
    lease = world.hour({"cpu": 4}, key="order-7", hold_s=hold_s)
    world.clock.advance(300)
    (event,) = make_void(world)
    assert (event.lease, event.end) == (lease.id, NOW + 300)
    known = world.known(lease)
    assert (known.state, known.end, known.charge, known.hold_until) == ("released", NOW + 300, 0, None)
    assert world.free("cpu") == 4 and owed(world) == "0.00"


def test_a_lease_that_has_not_begun_is_gone_whole(world: World) -> None:
    world.hour({"cpu": 4}, in_s=HOUR_S, key="order-7")
    (event,) = make_void(world)
    assert event.end == NOW + HOUR_S
    assert world.free("cpu", NOW + HOUR_S) == 4


@pytest.mark.parametrize("body", ["body", "another"])
def test_the_key_is_granted_nothing_for_a_day_to_the_second(world: World, body: str) -> None:
    world.hour({"cpu": 1}, key="order-7")
    world.clock.advance(60)
    make_void(world)
    world.clock.set(NOW + 60 + KEY_WINDOW_S - 1)
    assert isinstance(refusal_of(lambda: world.lease({"cpu": 1}, key="order-7", body=body)), KeyVoid)
    world.clock.advance(1)
    assert world.lease({"cpu": 1}, key="order-7").state == "confirmed"


def test_a_key_that_was_granted_nothing_yet_is_marked(world: World) -> None:
    (event,) = make_void(world)
    assert (event.lease, event.end) == (None, 0)
    assert isinstance(refusal_of(lambda: world.hour({"cpu": 1}, key="order-7")), KeyVoid)


@pytest.mark.parametrize("with_snapshot", [False, True])
def test_it_stays_void_through_a_restart(world: World, with_snapshot: bool) -> None:
    make_void(world)
    if with_snapshot:
        world.take_snapshot()
    world.restart()
    assert isinstance(refusal_of(lambda: world.hour({"cpu": 1}, key="order-7")), KeyVoid)


def test_twice_is_the_same_as_once(world: World) -> None:
    world.hour({"cpu": 1}, key="order-7")
    assert len(make_void(world)) == 1
    world.clock.advance(60)
    assert make_void(world) == []


def test_what_the_tenant_gave_back_itself_stays_as_it_was(world: World) -> None:
    lease = world.hour({"cpu": 1}, key="order-7")
    world.clock.advance(1_800)
    world.release(lease)
    assert make_void(world) == []
    assert world.known(lease).charge == 500_000


def test_a_lease_that_has_run_its_time_since_costs_nothing_after_all(world: World) -> None:
    lease = world.hour({"cpu": 1}, key="order-7")
    world.tick(2 * HOUR_S)
    assert (world.known(lease).state, owed(world)) == ("ended", "1.00")
    (event,) = make_void(world)
    assert (event.lease, event.end) == (lease.id, NOW + HOUR_S)
    assert (world.known(lease).charge, owed(world)) == (0, "0.00")
    assert make_void(world) == []


@pytest.mark.parametrize("runs_on_s", [0, 600])
def test_a_lease_that_was_reclaimed_since_costs_nothing_and_gives_nothing_back(runs_on_s: int) -> None:
    world = World(PriceBook(entries=[PriceEntry("cpu", "1", "spot")]))
    world.pool("cpu", 4, notice_s=runs_on_s)
    lease = world.lease({"cpu": 4}, cls="spot", key="order-7")
    world.clock.advance(1_800)
    world.hour({"cpu": 4}, in_s=runs_on_s)
    assert world.known(lease).charge > 0 and world.known(lease).credit > 0
    (event,) = make_void(world)
    assert event.end == NOW + 1_800
    assert (world.known(lease).charge, world.known(lease).credit, owed(world)) == (0, 0, "0.00")


def test_a_lease_that_the_ledger_has_forgotten_the_key_of_is_found_by_its_name(world: World) -> None:
    lease = world.lease({"cpu": 4}, key="order-7")
    world.clock.set(NOW + KEY_WINDOW_S)
    world.do(lambda scribe: void(scribe, SITE, "acme", "order-7", lease.id))
    assert (world.known(lease).state, world.known(lease).end, owed(world)) == ("released", NOW + KEY_WINDOW_S, "0.00")
    world.check_replay()


def test_another_tenants_key_of_that_name_is_let_be(world: World) -> None:
    lease = world.hour({"cpu": 1}, key="order-7", tenant="other")
    assert make_void(world)[0].lease is None
    assert world.known(lease).state == "confirmed"


def test_a_lease_at_another_site_of_the_same_owner_stops_in_the_sequence_of_its_own(world: World) -> None:
    world.pool("cpu", 4, "wm-2")
    lease = world.hour({"cpu": 1}, site="wm-2", key="order-7")
    (event,) = make_void(world, site=SITE)
    assert (event.site, event.lease, event.seq) == ("wm-2", lease.id, 4)
    assert world.known(lease).state == "released"


def test_a_site_that_is_not_here_is_refused(world: World) -> None:
    assert isinstance(refusal_of(lambda: make_void(world, site="nowhere")), UnknownSite)


def test_a_key_that_was_granted_and_made_void_within_one_second_is_forgotten_in_time(world: World) -> None:
    world.hour({"cpu": 1}, key="order-7")
    make_void(world)
    world.clock.set(NOW + KEY_WINDOW_S)
    world.hour({"cpu": 1}, key="another")
    assert len(world.ledger.keys) == 1
    world.check_replay()
