"""Stores whose clocks are wrong: the mesh grants once, sells nothing twice, and shows how far each clock is off.

In one process, where each member has a clock that is set by hand: the product takes its time from the machine alone.
"""

from pathlib import Path
from random import Random

import pytest

from maillage.engines.clocks import ManualClock
from maillage.kernel.asks import Near
from maillage.kernel.documents import LeaseDocument
from maillage.kernel.errors import Invalid, NoCapacity
from maillage.kernel.events import Leased, Voided
from maillage.kernel.ports import Batch
from maillage.mesh import hub as hub_room
from maillage.mesh import node as node_room
from maillage.verify import check_rows
from tests.kernel_world import NOW, ask_for
from tests.mesh_world import HubWorld, MeshWorld, NodeWorld, until

NEAR_1 = Near(36.1, -94.0)
HOUR_S, DAY_S = 3_600, 86_400


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MeshWorld:
    monkeypatch.setattr(node_room, "ALIVE_EVERY_S", 0.05)
    monkeypatch.setattr(hub_room, "ESCROW_EVERY_S", 0.05)
    return MeshWorld(tmp_path)


@pytest.mark.parametrize("skew_s", [-DAY_S, -HOUR_S, -30, 30, HOUR_S, DAY_S])
def test_asks_through_the_hub_are_granted_once_whatever_a_stores_clock_shows(world: MeshWorld, skew_s: int) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        clock = ManualClock(NOW + skew_s)
        wrong = await world.node("n1", ["wm-1"], cpu=6, clock=clock)
        right = await world.node("n2", ["wm-2"], cpu=6)
        await until(lambda: [state.skew_s for state in hub.hub.nodes()] == [skew_s, 0], "the skew is shown")
        hold = ask_for({"cpu": 1}, None, None, "house", site="wm-1", hold_s=60)
        held = await wrong.office.lease("acme", hold, "h", "d")
        clock.advance(61)
        await until(lambda: wrong.keeper.ledger.leases[held.id].state == "expired", "a hold ends by its owner's clock")

        granted: dict[str, LeaseDocument] = {}
        random = Random(skew_s)
        for number in range(60):
            for each in (world.clock, clock):
                each.advance(60)
            if number == 30:
                clock.set(NOW + random.choice((-HOUR_S, HOUR_S)))  # somebody mends it, and errs again
            later = random.choice((True, True, False))
            start = world.clock.now() + (2 * DAY_S if later else 0)
            cpu = {"cpu": random.choice((1, 2, 4))}
            ask = ask_for(cpu, start if later else None, start + HOUR_S, near=NEAR_1)
            key = f"k{number}"
            try:
                granted[key] = await hub.office.lease("acme", ask, key, "d")
            except (NoCapacity, Invalid):
                continue
            assert (await hub.office.lease("acme", ask, key, "d")).id == granted[key].id
        assert len(granted) > 5
        await world.settled()
        assert_books_right(hub, wrong, right)
        for key, lease in granted.items():
            assert leased_by(key, wrong, right) == {lease.id}

    world.run(test)


def assert_books_right(hub: HubWorld, *nodes: NodeWorld) -> None:
    """Mirror and stores have the same events, and the checker finds no fault in any."""
    for node in nodes:
        for site in node.sites:
            assert hub.events_of(site) == [event for event in node.events if event.site == site]
    for journal in (hub.journal, *(node.journal for node in nodes)):
        report = check_rows(row(batch) for batch in journal.read())
        assert report.ok, [str(fault) for fault in report.faults[:5]]


def leased_by(key: str, *nodes: NodeWorld) -> set[str]:
    """The leases that an ask with this key was ever granted, but for those that were made void again."""
    events = [event for node in nodes for event in node.events]
    void = {event.lease for event in events if isinstance(event, Voided)}
    granted = {event.lease for event in events if isinstance(event, Leased) and (event.key or "").startswith(f"{key}@")}
    return granted - void


def row(batch: Batch) -> tuple[int, int, bytes, str, int]:
    return batch.pos, batch.count, batch.body, batch.source, batch.source_end
