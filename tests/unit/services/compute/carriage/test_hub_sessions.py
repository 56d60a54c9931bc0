"""Sessions at a hub: their instances and state are in stores of other nodes, and every step goes over a bus that loses
answers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from maillage.engines.inproc_bus import InprocBus
from maillage.kernel.documents import CapacityPlanDocument
from maillage.kernel.errors import Invalid, LeaseState, NotFound
from maillage.kernel.readings import LeaseFilter
from maillage.services.compute.carriage import remote, remote_notes, states
from maillage.services.compute.carriage.messages import (
    DropState,
    Piece,
    ReadState,
    StateGiven,
    WriteState,
    answer_of,
    compute_subject,
    packed,
)
from maillage.services.compute.errors import SessionElsewhere
from maillage.services.compute.live import keepers
from maillage.services.compute.live.documents import NewSession, PositionDocument, PositionsDocument, SessionDocument
from maillage.services.compute.model import Instance
from maillage.services.compute.ports import Inbound
from tests.mesh_world import refusal_in
from tests.unit.services.compute.carriage.carried_world import ACME, AT, CarriedWorld, Desk, Store
from tests.unit.services.compute.deployments_world import get

LARGE = 800_000
"""Bytes of one value: more than a message takes."""
EVERY_OTHER = [pytest.param(nth, marks=[pytest.mark.long] if nth % 2 else []) for nth in range(14)]


@pytest.fixture(autouse=True)
def soon_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepers, "GONE_AFTER_S", 0.3)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for an answer."""
    for module in (remote, remote_notes):
        monkeypatch.setattr(module, "ASK_TIMEOUT_S", 0.4)
    monkeypatch.setattr(states, "TIMEOUT_S", 0.4)


@pytest.fixture
def world(world: CarriedWorld) -> CarriedWorld:
    """``count`` answers with how often it was asked, which it keeps beside a large value."""

    async def count(_: Inbound, instance: Instance) -> tuple[int, bytes]:
        values = next(store.values for store in world.stores.values() if instance.site in store.node.sites)
        served = int(values.get(instance.lease, "served") or b"0") + 1
        assert values.put(instance.lease, "served", str(served).encode(), instance.limits.stored_bytes)
        assert values.put(instance.lease, "large", bytes([served % 256]) * LARGE, instance.limits.stored_bytes)
        return 200, str(served).encode()

    world.code["count"] = count
    return world


async def begun(world: CarriedWorld) -> tuple[Desk, Store, Store, SessionDocument]:
    """A session at wm-1, asked once."""
    desk, one, two = await world.two_stores()
    await desk.upload("count")
    session = await begin(desk)
    assert (session.site, session.state) == ("wm-1", "ready")
    assert await call(desk, session) == b"1"
    return desk, one, two, session


async def begin(desk: Desk, device: str = "cab") -> SessionDocument:
    lat, lon = AT["wm-1"]
    fields: dict[str, Any] = {"app": "acme.web", "device": device, "position": {"lat": lat, "lon": lon}}
    more = {"needs": {"cpu": 1, "memory": 1}, "within_km": 25, "dwell_s": 0, "hysteresis_km": 0, "silence_s": 86_400}
    return await desk.sessions.create(msgspec.convert(fields | more, NewSession), "acme")


async def report(world: CarriedWorld, desk: Desk, session: SessionDocument, site: str) -> SessionDocument:
    """Its device is at a store, some minutes later."""
    world.clock.advance(300)
    await world.settled()
    return await desk.sessions.report(session.id, PositionsDocument([PositionDocument(*AT[site])]), "acme")


async def call(desk: Desk, session: SessionDocument) -> bytes:
    answer = await desk.invocations.invoke("acme.web", get("/"), None, ACME, session.id)
    return b"".join([chunk async for chunk in answer.body])


async def active(desk: Desk) -> list[str]:
    states = ("held", "confirmed")
    pages = [await desk.hub_world.office.list_leases(LeaseFilter(state=state), None, 100) for state in states]
    return [lease.id for page in pages for lease in page.items]


async def until_whole(world: CarriedWorld, desk: Desk, session: SessionDocument) -> SessionDocument:
    """One lease, one instance, state at that one; whatever else there was is given back."""
    seen: Any = None
    for _ in range(300):
        await desk.sessions._sessions.sweep(world.clock.now())
        now = desk.sessions.here(session.id, None)
        running = [name for store in world.stores.values() for name in store.runtime.running()]
        kept = [lease for store in world.stores.values() for lease in store.values.leases()]
        seen = (now.state, [now.instance], await active(desk), running, kept)
        if now.state == "ready" and all(each == [now.instance] for each in seen[2:]):
            return now
        await asyncio.sleep(0.02)
    raise AssertionError(seen)


def test_a_session_moves_to_a_store_of_another_node_with_all_that_it_kept(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, one, two, session = await begun(world)
        for number, site in enumerate(("wm-2", "wm-1", "wm-2"), 2):
            assert (await report(world, desk, session, site)).site == site
            assert await call(desk, session) == str(number).encode()
        now = await until_whole(world, desk, session)
        assert two.values.get(now.instance or "", "large") == bytes([4]) * LARGE
        for store, instance, told in ((two, now.instance, "came here from wm-1"), (one, session.instance, "moved on")):
            await told_in_log(store, instance, told)
        await desk.sessions.end(session.id, "acme")
        assert (await active(desk), one.values.leases(), two.values.leases()) == ([], [], [])

    world.play(story)


async def told_in_log(store: Store, instance: str | None, text: str) -> None:
    for _ in range(100):
        lines = store.logs.read(instance or "", None, 100).items
        if any(text in line.text for line in lines):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{text!r} is not in {[line.text for line in lines]}")


def test_who_asks_while_it_moves_waits_and_is_answered(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, *_, session = await begun(world)
        counts: list[int] = []
        stopping = asyncio.Event()

        async def ask() -> None:
            while not stopping.is_set():
                counts.append(int(await call(desk, session)))

        asking = asyncio.create_task(ask())
        for site in ("wm-2", "wm-1", "wm-2", "wm-1"):
            assert (await report(world, desk, session, site)).site == site
        stopping.set()
        await asking
        assert counts == list(range(2, len(counts) + 2))
        await until_whole(world, desk, session)

    world.play(story)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("nth", EVERY_OTHER)
@pytest.mark.parametrize("node", ["n1", "n2"])
def test_whichever_answer_is_lost_in_a_move_the_session_is_whole_and_counts_on(
    world: CarriedWorld, node: str, nth: int
) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, *_, session = await begun(world)
        lose(world, node, nth)
        await report(world, desk, session, "wm-2")
        world.nodes[node].bus.losing = 0
        await world.heard(desk, "n1", "n2")
        now = await until_whole(world, desk, session)
        assert await call(desk, session) == b"2"
        if now.site == "wm-1":
            assert (await report(world, desk, session, "wm-2")).site == "wm-2"
        assert await call(desk, session) == b"3"
        await until_whole(world, desk, session)

    world.play(story)


def lose(world: CarriedWorld, node: str, nth: int) -> None:
    """Have the nth answer of a node about its site get lost, from now on."""
    bus = world.nodes[node].bus
    before = len(bus.heard)

    class Nth:
        """Counts as true for the one answer."""

        def __init__(self) -> None:
            self.left = True

        def __bool__(self) -> bool:
            due = self.left and len(bus.heard) - before > nth
            if due:
                self.left = False
            return due

        def __isub__(self, _: int) -> "Nth":
            return self

    bus.losing = Nth()  # type: ignore[assignment]


def test_a_session_whose_lease_is_given_back_goes_on_elsewhere_with_what_it_kept(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, one, _, session = await begun(world)
        await one.node.office.set_capacity("wm-1", "cpu", CapacityPlanDocument(1))
        await desk.hub_world.office.release(session.instance or "", "acme")
        await eventually(lambda: desk.sessions.here(session.id, None).site == "wm-2")
        assert await call(desk, session) == b"2"
        await until_whole(world, desk, session)

    world.play(story)


async def eventually(holds: Callable[[], bool]) -> None:
    for _ in range(300):
        if holds():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come about")


@pytest.mark.parametrize("what", ["hub", "store", "both"])
def test_a_session_goes_on_after_a_restart(world: CarriedWorld, what: str) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, one, _, session = await begun(world)
        if what != "store":
            await world.restart_desk(desk)
        if what != "hub":
            await one.restart()
        await world.heard(desk, "n1", "n2")
        await eventually(lambda: one.runtime.running() == [session.instance])
        await eventually(lambda: desk.known.position("n1")[0] == one.reporting.boot)
        await eventually(lambda: desk.sessions.here(session.id, None).state == "ready")
        assert await call(desk, session) == b"2"
        assert (await report(world, desk, session, "wm-2")).site == "wm-2"
        assert await call(desk, session) == b"3"
        await until_whole(world, desk, session)

    world.play(story)


def test_a_store_that_lost_an_instance_is_told_again(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, one, _, session = await begun(world)
        await one.host.drop(session.instance or "")
        one.reporting.changed(session.instance or "")
        await eventually(lambda: one.runtime.running() == [session.instance])
        await eventually(lambda: desk.sessions.here(session.id, None).state == "ready")
        assert await call(desk, session) == b"2"

    world.play(story)


def test_a_session_whose_store_is_dark_stays_there_and_its_device_may_come_back(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, one, two, session = await begun(world)
        await one.service.stop()
        stayed = await report(world, desk, session, "wm-2")
        assert stayed.site == "wm-1"
        await one.service.start()
        await world.heard(desk, "n1", "n2")
        assert (await until_whole(world, desk, session)).site == "wm-1"
        assert await call(desk, session) == b"2"
        assert two.values.leases() == []

    world.play(story)


def test_instances_of_sessions_answer_nobody_else(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, *_, session = await begun(world)
        assert desk.hosts.ready("acme.web") == []
        status = desk.hosts.status(session.instance or "")
        assert status is not None and status.state == "ready"

    world.play(story)


# -- several hubs ----------------------------------------------------------------------------------------------------


async def two_hubs(world: CarriedWorld) -> tuple[Desk, Desk, SessionDocument]:
    desk, _, _, session = await begun(world)
    other = await world.desk("h2")
    await other.upload("count")
    await world.heard(other, "n1", "n2", "~h1")
    await eventually(lambda: other.hosts.status(session.instance or "") is not None)
    return desk, other, session


def test_another_hub_sees_a_session_and_does_not_touch_it(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, other, session = await two_hubs(world)
        seen = await other.sessions.get(session.id, "acme")
        assert (seen.site, seen.instance) == ("wm-1", session.instance)
        assert [each.id for each in (await other.sessions.some("acme", None, None, 10))[0]] == [session.id]
        assert (await other.sessions.some("other", None, None, 10))[0] == []
        attempts: list[Awaitable[Any]] = [
            report(world, other, session, "wm-2"),
            other.sessions.end(session.id, "acme"),
            call(other, session),
            other.invocations.is_public("acme.web", session.id),
        ]
        for attempt in attempts:
            refusal = await refusal_in(attempt)  # type: ignore[arg-type]
            assert isinstance(refusal, SessionElsewhere) and refusal.extra["hub"] == "h1", refusal
        assert isinstance(await refusal_in(other.sessions.end(session.id, "other")), NotFound)
        await other.sessions._hands.look()
        await other.sessions._sessions.sweep(world.clock.now())
        assert await call(desk, session) == b"2"

    world.play(story)


def test_a_session_whose_hub_is_gone_is_another_hubs_and_the_first_lets_it_go(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, other, session = await two_hubs(world)
        up = other.sessions._hands._keepers
        assert up is not None
        up._up = lambda: ["h2"]  # nobody hears the first one any more, and it goes on
        assert isinstance(await refusal_in(call(other, session)), SessionElsewhere)
        await asyncio.sleep(0.35)
        assert await call(other, session) == b"2"
        assert (await report(world, other, session, "wm-2")).site == "wm-2"
        assert await call(other, session) == b"3"
        assert isinstance(await refusal_in(report(world, desk, session, "wm-2")), NotFound)
        await desk.sessions._hands.look()
        assert isinstance(await refusal_in(call(desk, session)), SessionElsewhere)
        now = await until_whole(world, other, session)
        assert now.site == "wm-2"
        await other.sessions.end(session.id, "acme")
        assert await active(other) == []

    world.play(story)


# -- what is asked of nodes, and what they answer ----------------------------------------------------------------------


def test_a_node_gives_and_takes_state_of_its_own_sites_only_and_for_no_lease_that_is_over(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, one, _, session = await begun(world)
        bus, lease = desk.hub_world.bus, session.instance or ""
        pieces = [Piece("k", b"v", 0, 1)]
        for request in (ReadState(lease, "x", "", 0), WriteState(lease, pieces, 100), DropState(lease)):
            with pytest.raises(Invalid):
                answer_of(await bus.request(compute_subject("wm-2"), packed(request), 1.0), StateGiven)
        assert "served" in one.values.keys(lease)
        await desk.sessions.end(session.id, "acme")
        late = packed(WriteState(lease, pieces, 100))
        with pytest.raises(LeaseState):
            answer_of(await bus.request(compute_subject("wm-1"), late, 1.0), StateGiven)
        assert one.values.leases() == []

    world.play(story)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        packed("what?"),
        packed([1]),
        packed(StateGiven("m", 5, 5, 0, 0, [Piece("k", b"v" * 9, 3, 12)], False)),
        packed(StateGiven("m", 5, 5, 0, 0, [Piece("k", b"v", 0, 1)] * 3, False)),
        packed(StateGiven("m", 10**15, 5, 0, 0, [], True)),
        packed(StateGiven("m", 10**15, 5, 0, 0, [Piece("k", b"v", 0, 1)], True)),
    ],
)
def test_what_a_store_says_of_state_harms_its_own_sessions_at_most(
    world: CarriedWorld, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: CarriedWorld) -> None:
        monkeypatch.setattr(states, "COPY_MAX_S", 0.3)
        desk, _, two, session = await begun(world)
        await world.stores.pop("n1").service.stop()
        bus = InprocBus(world.exchange)

        async def answer(_: Any) -> bytes:
            return said

        await bus.serve(compute_subject("wm-1"), answer)
        assert (await report(world, desk, session, "wm-2")).site in ("wm-1", "wm-2")
        kept = [two.values.get(lease, "k") for lease in two.values.leases()]
        assert kept in ([], [None], [b"v"]), "whole values only, and of its own lease"

    world.play(story)
