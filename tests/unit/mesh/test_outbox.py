"""The outbox of a node: every commit reaches every hub, however large it is and whatever the line does."""

from random import Random

import pytest

from maillage.kernel.events import decode_events
from maillage.kernel.times import HOUR_S
from maillage.mesh import outbox
from maillage.mesh.messages import PARCEL_BYTES
from maillage.mesh.parcels import parcels_of
from tests.kernel_world import NOW, ask_for
from tests.mesh_world import MeshWorld, NodeWorld, until

END = NOW + 10 * HOUR_S


async def large_commit(node: NodeWorld, leases: int = 3_000) -> None:
    """One commit of events that hardly pack: every lease has a random key and digest."""
    random = Random(leases)
    asks = [ask_for({"cpu": 0.001}, None, END, site="wm-1") for _ in range(leases)]
    digests: list[str | None] = [random.randbytes(400).hex() for _ in asks]
    await node.office.lease_batch("local", asks, random.randbytes(100).hex(), digests)
    last = list(node.journal.read())[-1]
    assert last.count == leases and len(list(parcels_of(last))) > 2


def test_a_commit_that_is_larger_than_a_message_reaches_the_hub_in_parts(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        await large_commit(node)
        await world.settled()
        assert hub.events_of("wm-1") == node.events and hub.refused == []

    world.run(test)


def test_a_hub_that_missed_it_gets_it_in_parts_from_the_node(world: MeshWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(world: MeshWorld) -> None:
        await world.hub("h1")
        node = await world.node("n1", ["wm-1"])
        carriage = world.exchange.carriage
        monkeypatch.setattr(carriage, "put", lambda *_: None)  # as if the carrier had lost all that it was given
        await large_commit(node)
        await node.office.lease("local", ask_for({"cpu": 1}, None, END, site="wm-1"), None, None)
        other = await world.hub("h2")
        await world.settled()
        assert all(hub.events_of("wm-1") == node.events for hub in (world.hubs[0], other))

    world.run(test)


def test_one_part_that_the_carrier_lost_is_fetched(world: MeshWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        putting, count = world.exchange.carriage.put, 0

        def put(*arguments: object) -> None:
            nonlocal count
            count += 1
            if count != 2:
                putting(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(world.exchange.carriage, "put", put)
        await large_commit(node)
        await world.settled()
        assert count > 2 and hub.events_of("wm-1") == node.events and hub.refused == []

    world.run(test)


def test_what_is_committed_while_the_line_is_cut_is_carried_later(
    world: MeshWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "RETRY_S", 0.05)

    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        node.bus.cut()
        for number in range(40):
            await node.office.lease("local", ask_for({"cpu": 0.1}, None, END, site="wm-1"), str(number), "d")
        assert node.node.outbox.waiting == 40
        node.bus.restore()
        await until(lambda: node.node.outbox.waiting == 0)
        await world.settled()
        assert hub.events_of("wm-1") == node.events

    world.run(test)


def test_a_carrier_that_brings_everything_twice_and_late_adds_nothing(
    world: MeshWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        putting, held = world.exchange.carriage.put, []

        def put(message: object, message_id: str) -> None:
            held.append((message, message_id))
            putting(message, message_id)  # type: ignore[arg-type]

        monkeypatch.setattr(world.exchange.carriage, "put", put)
        for number in range(30):
            await node.office.lease("local", ask_for({"cpu": 0.1}, None, END, site="wm-1"), str(number), "d")
        await world.settled()
        shuffled = held.copy()
        Random(5).shuffle(shuffled)
        for number, (message, _) in enumerate(shuffled):
            putting(message, f"again-{number}")
        await node.office.release("wm-1~3", None)
        await world.settled()
        entered = [event for batch in hub.journal.read() for event in decode_events(batch.body)]
        assert hub.events_of("wm-1") == node.events and len(entered) == len(node.events) and hub.refused == []

    world.run(test)


def test_no_message_is_larger_than_the_bus_takes() -> None:
    assert PARCEL_BYTES * 2 <= 1 << 20
