"""The mirror of a hub: in the order of each node's journal, once, and nothing that can't be true."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from maillage.engines.memory_journal import MemoryJournal
from maillage.engines.memory_snapshots import MemorySnapshots
from maillage.kernel.announcer import Announcer
from maillage.kernel.calendars import CalendarDocument
from maillage.kernel.events import (
    Confirmed,
    Ended,
    Event,
    Expired,
    Extended,
    Leased,
    Measured,
    Reclaimed,
    Released,
    Resized,
    SiteSet,
    Voided,
    encode_events,
)
from maillage.kernel.ledger import Ledger
from maillage.kernel.ports import Batch
from maillage.kernel.recovery import recover, replay
from maillage.kernel.sites import Site
from maillage.kernel.snapshots import encode_ledger
from maillage.kernel.times import DAY_S, FOREVER, HOUR_S
from maillage.mesh.mirror import Mirror
from tests.kernel_world import NOW
from tests.mesh_world import until

END = NOW + HOUR_S


class FullDisk(MemoryJournal):
    """Takes nothing while it is ``full``."""

    full = False

    def append(self, *batches: Batch) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().append(*batches)


class MirrorWorld:
    """A mirror on its own: n1 owns wm-1, n2 owns wm-2."""

    def __init__(self) -> None:
        self.journal = FullDisk()
        self.owners = {"wm-1": "n1", "wm-2": "n2", "wm-1~h1": "~h1"}
        self.told: list[tuple[str, str]] = []
        self.refreshed: Callable[[], Awaitable[None]] | None = None
        self.positions: dict[str, int] = {}

    def open(self) -> None:
        self.mirror = Mirror(
            self.journal,
            MemorySnapshots(),
            Announcer(),
            lambda node, site: self.owners.get(site) == node,
            refresh=self._refresh,
            told=lambda node, why: self.told.append((node, why)),
        )
        self.mirror.start()

    async def _refresh(self) -> None:
        if self.refreshed is not None:
            await self.refreshed()

    def run(self, test: Callable[["MirrorWorld"], Awaitable[None]]) -> None:
        async def whole() -> None:
            self.open()
            try:
                await asyncio.wait_for(test(self), 20)
            finally:
                await self.mirror.stop()

        asyncio.run(whole())

    @property
    def snapshot(self) -> bytes:
        return encode_ledger(self.mirror.ledger)

    def batch(self, node: str, *events: Event) -> Batch:
        """The node's next batch."""
        pos = self.positions.get(node, 0)
        self.positions[node] = pos + len(events)
        return Batch(pos, len(events), encode_events(list(events)))

    async def take(self, node: str, *events: Event) -> None:
        batch = self.batch(node, *events)
        await self.mirror.offer(node, batch)
        assert await self.mirror.reach(node, batch.pos + batch.count, 5)

    async def settled(self) -> None:
        """Whatever waits has been looked at."""
        await until(self.mirror._queue.empty)
        await asyncio.sleep(0.05)

    def check_replay(self) -> None:
        ledger = Ledger()
        replay(ledger, self.journal)
        assert self.snapshot == encode_ledger(ledger) == encode_ledger(recover(self.journal, MemorySnapshots()))


def site(number: int, **changed: Any) -> Site:
    return msgspec.structs.replace(Site(f"wm-{number}", f"Store {number}", 36.0, -94.0, "America/Chicago"), **changed)


def site_set(seq: int = 1, number: int = 1) -> SiteSet:
    return SiteSet(f"wm-{number}", seq, NOW, site(number))


def resized(seq: int = 2, number: int = 1) -> Resized:
    return Resized(f"wm-{number}", seq, NOW, "cpu", 16_000, NOW)


def leased(seq: int, number: int = 1, **changed: Any) -> Leased:
    name = f"wm-{number}"
    event = Leased(name, seq, NOW, f"{name}~{seq}", "acme", {"cpu": 1_000}, NOW, END, "firm", 42, None, None, None)
    return msgspec.structs.replace(event, **changed)


async def stocked(world: MirrorWorld) -> None:
    """wm-1 has a site, a pool, and one lease in each state that matters: confirmed 3, held 4, spot 5, ended 6."""
    await world.take(
        "n1",
        site_set(),
        resized(),
        leased(3),
        leased(4, hold_until=NOW + 600),
        leased(5, cls="spot"),
        leased(6),
        Ended("wm-1", 7, NOW, "wm-1~6", 42),
    )
    await world.take("n2", site_set(1, 2), resized(2, 2))


# -- order -----------------------------------------------------------------------------------------------------------


def test_batches_of_several_nodes_make_one_journal_that_replays_to_the_same() -> None:
    async def test(world: MirrorWorld) -> None:
        await stocked(world)
        await world.take("n2", leased(3, 2, at=NOW - 500))
        await world.take("n1", Released("wm-1", 8, NOW + 5, "wm-1~3", NOW + 5, 1))
        assert world.journal.sources() == {"n1": 8, "n2": 3}
        world.check_replay()

    MirrorWorld().run(test)


def test_a_batch_that_was_here_changes_nothing() -> None:
    async def test(world: MirrorWorld) -> None:
        first = world.batch("n1", site_set(), resized())
        for _ in range(3):
            assert await world.mirror.offer("n1", first)
        assert await world.mirror.reach("n1", 2, 5)
        await world.settled()
        before = world.snapshot
        assert await world.mirror.offer("n1", first)
        await world.settled()
        assert world.snapshot == before and world.journal.end() == 2

    MirrorWorld().run(test)


def test_a_batch_that_leaves_a_gap_is_turned_away_until_the_gap_is_filled() -> None:
    async def test(world: MirrorWorld) -> None:
        first, second = world.batch("n1", site_set()), world.batch("n1", resized())
        assert not await world.mirror.offer("n1", second)
        assert await world.mirror.offer("n1", first)
        assert await world.mirror.offer("n1", second)
        assert await world.mirror.reach("n1", 2, 5)
        world.check_replay()

    MirrorWorld().run(test)


def test_of_a_batch_that_overlaps_the_rest_is_taken() -> None:
    async def test(world: MirrorWorld) -> None:
        await world.take("n1", site_set(), resized())
        whole = Batch(0, 3, encode_events([site_set(), resized(), leased(3)]))
        assert await world.mirror.offer("n1", whole)
        assert await world.mirror.reach("n1", 3, 5)
        assert await world.mirror.offer("n1", Batch(3, 1, encode_events([leased(4)])))
        assert await world.mirror.reach("n1", 4, 5)
        assert list(world.mirror.ledger.leases) == ["wm-1~3", "wm-1~4"] and world.mirror.set_aside == {}
        world.check_replay()

    MirrorWorld().run(test)


def test_events_known_from_a_former_owner_are_not_entered_twice() -> None:
    async def test(world: MirrorWorld) -> None:
        await stocked(world)
        before = [batch.count for batch in world.journal.read()]
        world.owners["wm-2"] = "n3"
        await world.take("n3", site_set(1, 2), resized(2, 2), leased(3, 2))
        assert [batch.count for batch in world.journal.read()] == [*before, 1]
        world.check_replay()

    MirrorWorld().run(test)


@pytest.mark.parametrize(
    "other",
    [
        leased(3, 2, tenant="other"),
        leased(3, 2, needs={"cpu": 2_000}),
        Measured("wm-2", 3, NOW, "wm-2~9", {"cpu_s": 1}),
    ],
    ids=lambda event: type(event).__name__,
)
def test_an_owner_whose_past_is_another_than_this_hub_knows_is_set_aside(other: Event) -> None:
    """It replaced a node whose last events had come here and not to the hub that told it the past."""

    async def test(world: MirrorWorld) -> None:
        await stocked(world)
        await world.take("n2", leased(3, 2), leased(4, 2))
        before = world.snapshot
        world.owners["wm-2"] = "n3"
        await world.mirror.offer("n3", world.batch("n3", site_set(1, 2), resized(2, 2), other))
        await until(lambda: "n3" in world.mirror.set_aside)
        assert "its past was changed" in world.mirror.set_aside["n3"] and world.snapshot == before

    MirrorWorld().run(test)


def test_a_hub_that_starts_again_goes_on_where_its_journal_ends() -> None:
    async def test(world: MirrorWorld) -> None:
        await stocked(world)
        before = world.snapshot
        await world.mirror.stop()
        world.open()
        assert world.snapshot == before
        assert (world.mirror.position("n1"), world.mirror.expected("n2")) == (7, 2)
        await world.take("n2", leased(3, 2))
        world.check_replay()

    MirrorWorld().run(test)


def test_who_waits_for_events_in_vain_is_not_made_to_wait_again() -> None:
    async def test(world: MirrorWorld) -> None:
        await stocked(world)
        ends = {"n1": 99, "n2": 2, "n9": 1}
        clock = asyncio.get_running_loop().time
        began = clock()
        await world.mirror.reach_all(ends, 0.2)
        assert 0.15 < clock() - began < 1 and ends == {}
        await world.mirror.reach_all(ends, 5)
        assert clock() - began < 1.5

    MirrorWorld().run(test)


# -- a disk that is full ---------------------------------------------------------------------------------------------


def test_a_full_disk_loses_nothing() -> None:
    async def test(world: MirrorWorld) -> None:
        await stocked(world)
        before = world.snapshot
        world.journal.full = True
        batch = world.batch("n2", leased(3, 2))
        await world.mirror.offer("n2", batch)
        await until(lambda: world.mirror.expected("n2") == 2)
        assert world.snapshot == before and world.mirror.position("n2") == 2 and world.mirror.set_aside == {}
        world.journal.full = False
        assert await world.mirror.offer("n2", batch)
        assert await world.mirror.reach("n2", 3, 5)
        world.check_replay()

    MirrorWorld().run(test)


# -- what can't be true ----------------------------------------------------------------------------------------------

HUGE = 1 << 70
LATE = 300_000_000_000
"""A second after the year 9999: it can't be written down for people."""

POISONED: list[Event] = [
    # whose, and which
    leased(3, 2),
    leased(9),
    leased(8, at=-1),
    leased(8, at=LATE),
    SiteSet("wm-1", 8, HUGE, site(1)),
    # sites
    SiteSet("wm-1", 8, NOW, site(2)),
    SiteSet("wm-1", 8, NOW, site(1, lat=91.0)),
    SiteSet("wm-1", 8, NOW, site(1, tz="Nowhere/At_All")),
    SiteSet("wm-1", 8, NOW, site(1, name="")),
    SiteSet("wm-1", 8, NOW, site(1, attributes={"n": HUGE})),
    SiteSet("wm-1", 8, NOW, site(1, attributes={f"a{n}": 1 for n in range(99)})),
    # pools
    Resized("wm-1", 8, NOW, "cpu", -1, NOW),
    Resized("wm-1", 8, NOW, "cpu", HUGE, NOW),
    Resized("wm-1", 8, NOW, "cpu", 1, -1),
    Resized("wm-1", 8, NOW, "cpu", 1, LATE),
    Resized("wm-1", 8, NOW, "cpu", 1, NOW, -1),
    Resized("wm-1", 8, NOW, "no kind's name\n", 1, NOW),
    Resized("wm-1", 8, NOW, "cpu", 1, NOW, 0, CalendarDocument(mon=[("20:00", "08:00")])),
    # grants
    leased(8, lease="wm-1~3"),
    leased(8, lease="wm-2~8"),
    leased(8, start=END, end=END),
    leased(8, start=-5),
    leased(8, start=LATE, end=FOREVER),
    leased(8, end=LATE),
    leased(8, end=FOREVER + 1),
    leased(8, per_hour=-1),
    leased(8, per_hour=HUGE),
    leased(8, hold_until=-1),
    leased(8, hold_until=LATE),
    leased(8, needs={}),
    leased(8, needs={"gpu": 1_000}),
    leased(8, needs={"cpu": 0}),
    leased(8, needs={"cpu": -1_000}),
    leased(8, needs={"cpu": HUGE}),
    leased(8, tenant=""),
    leased(8, tenant="acme\nk"),
    leased(8, key="k\nl", digest="d"),
    leased(8, key="k" * 2_000, digest="d"),
    # steps
    Confirmed("wm-1", 8, NOW, "wm-1~3"),
    Confirmed("wm-1", 8, NOW, "wm-1~99"),
    Confirmed("wm-1", 8, NOW, "wm-1~6"),
    Extended("wm-1", 8, NOW, "wm-1~3", END),
    Extended("wm-1", 8, NOW, "wm-1~3", NOW),
    Extended("wm-1", 8, NOW, "wm-1~3", LATE),
    Extended("wm-1", 8, NOW, "wm-1~3", HUGE),
    Extended("wm-1", 8, NOW, "wm-1~6", END + 1),
    Released("wm-1", 8, NOW, "wm-1~3", NOW - 1),
    Released("wm-1", 8, NOW, "wm-1~3", END + 1),
    Released("wm-1", 8, NOW, "wm-1~3", NOW, -1),
    Released("wm-1", 8, NOW, "wm-1~3", NOW, HUGE),
    Released("wm-1", 8, NOW, "wm-1~6", NOW),
    Expired("wm-1", 8, NOW, "wm-1~3", NOW),
    Expired("wm-1", 8, NOW, "wm-1~4", NOW - 1),
    Reclaimed("wm-1", 8, NOW, "wm-1~3", NOW, "wm-1~9"),
    Reclaimed("wm-1", 8, NOW, "wm-1~5", END + 1, "wm-1~9"),
    Reclaimed("wm-1", 8, NOW, "wm-1~5", NOW, "wm-1~9", 0, -1),
    Reclaimed("wm-1", 8, NOW, "wm-1~5", NOW, "wm-1~9", 0, 0, HUGE),
    Reclaimed("wm-1", 8, NOW, "wm-1~5", NOW, "x" * 2_000),
    Ended("wm-1", 8, NOW, "wm-1~4"),
    Ended("wm-1", 8, NOW, "wm-1~6"),
    Ended("wm-1", 8, NOW, "wm-1~3", -1),
    Voided("wm-1", 8, NOW, "", "k"),
    Voided("wm-1", 8, NOW, "acme", "k\nl"),
    Voided("wm-1", 8, NOW, "other", "k", "wm-1~3", NOW),
    Voided("wm-1", 8, NOW, "acme", "k", "wm-1~3", NOW - 1),
    Voided("wm-1", 8, NOW, "acme", "k", "wm-1~99", NOW),
    Measured("wm-1", 8, NOW, "wm-1~99", {"cpu_s": 1}),
    Measured("wm-1", 8, NOW, "wm-1~3", {"cpu_s": HUGE}),
    Measured("wm-1", 8, NOW, "wm-1~3", {"": 1}),
    Measured("wm-1", 8, NOW, "wm-1~3", {f"m{n}": 1 for n in range(99)}),
]


@pytest.mark.parametrize("event", POISONED, ids=lambda event: repr(event)[:90])
@pytest.mark.parametrize("head", [0, 1], ids=["alone", "after a good one"])
def test_what_no_honest_owner_sends_sets_its_node_aside_and_changes_nothing(event: Event, head: int) -> None:
    async def test(world: MirrorWorld) -> None:
        await stocked(world)
        before, end = world.snapshot, world.journal.end()
        good: list[Event] = [Measured("wm-1", 8, NOW, "wm-1~3", {"cpu_s": 1})] * head
        bad = msgspec.structs.replace(event, seq=event.seq + head)
        if isinstance(bad, Leased) and bad.lease == f"wm-1~{event.seq}":
            bad = msgspec.structs.replace(bad, lease=f"wm-1~{bad.seq}")
        batch = world.batch("n1", *good, bad)
        await world.mirror.offer("n1", batch)
        await until(lambda: "n1" in world.mirror.set_aside)
        await world.settled()
        assert world.snapshot == before and world.journal.end() == end and world.mirror.position("n1") == 7
        assert [node for node, _ in world.told] == ["n1"]
        await world.mirror.offer("n2", Batch(2, 1, encode_events([leased(3, 2)])))
        assert await world.mirror.reach("n2", 3, 5)
        world.check_replay()

    MirrorWorld().run(test)


@pytest.mark.parametrize(
    "batch",
    [
        Batch(7, 1, b"no json"),
        Batch(7, 1, b'[{"type":"no such event"}]'),
        Batch(7, 1, b"[" * 100_000),
        Batch(7, 1, b'[{"type":"confirmed","site":"\xff","seq":8,"at":1,"lease":"x"}]'),
        Batch(7, 2, encode_events([leased(8)])),
        Batch(7, 1, encode_events([leased(8), leased(9)])),
        Batch(7, 1, b'[{"type":"confirmed","site":"wm-1","seq":8.0,"at":1,"lease":"wm-1~4"}]'),
        Batch(7, 1, b'[{"type":"confirmed","site":"wm-1","seq":"8","at":1,"lease":"wm-1~4"}]'),
    ],
    ids=lambda batch: repr(batch.body)[:40],
)
def test_a_batch_that_can_not_be_read_sets_its_node_aside(batch: Batch) -> None:
    async def test(world: MirrorWorld) -> None:
        await stocked(world)
        before = world.snapshot
        await world.mirror.offer("n1", batch)
        await until(lambda: "n1" in world.mirror.set_aside)
        await world.settled()
        assert world.snapshot == before
        await world.take("n2", leased(3, 2))

    MirrorWorld().run(test)


def test_an_event_that_breaks_the_ledger_sets_its_node_aside_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inspection overlooked something: the mirror is rebuilt, and does not take the same in again and again."""

    async def test(world: MirrorWorld) -> None:
        await stocked(world)
        before = world.snapshot
        monkeypatch.setattr("maillage.mesh.mirror.inspect", lambda *_: True)
        await world.mirror.offer("n1", world.batch("n1", Confirmed("wm-1", 8, NOW, "wm-1~99")))
        await until(lambda: "n1" in world.mirror.set_aside)
        await world.settled()
        assert world.snapshot == before and len(world.told) == 1
        monkeypatch.undo()
        await world.take("n2", leased(3, 2))

    MirrorWorld().run(test)


def test_a_node_that_is_readmitted_is_heard_from_where_it_stopped() -> None:
    async def test(world: MirrorWorld) -> None:
        await stocked(world)
        await world.mirror.offer("n1", Batch(7, 1, b"damaged"))
        await until(lambda: "n1" in world.mirror.set_aside)
        assert await world.mirror.offer("n1", Batch(7, 1, encode_events([leased(8)])))
        await world.settled()
        assert world.mirror.position("n1") == 7
        world.mirror.readmit("n1")
        assert world.mirror.expected("n1") == 7
        await world.mirror.offer("n1", Batch(7, 1, encode_events([leased(8)])))
        assert await world.mirror.reach("n1", 8, 5)

    MirrorWorld().run(test)


def test_a_new_owner_that_this_hub_has_not_heard_of_is_not_blamed() -> None:
    async def test(world: MirrorWorld) -> None:
        await stocked(world)

        async def learn() -> None:
            world.owners["wm-2"] = "n3"

        world.refreshed = learn
        await world.take("n3", site_set(1, 2), resized(2, 2), leased(3, 2))
        assert world.mirror.set_aside == {}

    MirrorWorld().run(test)


def test_while_the_directory_can_not_be_read_nobody_is_blamed() -> None:
    async def test(world: MirrorWorld) -> None:
        await stocked(world)

        async def fail() -> None:
            raise OSError("no records")

        world.refreshed = fail
        batch = world.batch("n3", site_set(1, 2), resized(2, 2), leased(3, 2))
        await world.mirror.offer("n3", batch)
        await until(lambda: world.mirror.expected("n3") == 0)
        assert world.mirror.set_aside == {}
        world.owners["wm-2"] = "n3"
        assert await world.mirror.offer("n3", batch)
        assert await world.mirror.reach("n3", 3, 5)

    MirrorWorld().run(test)


def test_keys_are_forgotten_the_same_after_a_restart_though_clocks_are_not_in_step() -> None:
    """A key of a store that is ahead stands before older ones of another, and was granted anew since."""

    async def test(world: MirrorWorld) -> None:
        await stocked(world)
        ahead, void = NOW + 5_000, NOW + 6_000
        await world.take("n1", leased(8, at=ahead, key="k1", digest="d"), Voided("wm-1", 9, void, "acme", "k1"))
        await world.take("n2", leased(3, 2, at=NOW, key="k2", digest="d"))
        snapshots = MemorySnapshots()
        snapshots.save(world.mirror.ledger.pos, world.snapshot)
        await world.take("n2", leased(4, 2, at=NOW + DAY_S, key="k3", digest="d"))
        assert world.snapshot == encode_ledger(recover(world.journal, snapshots))
        assert sorted(world.mirror.ledger.keys) == ["acme\nk1", "acme\nk3"]
        world.check_replay()

    MirrorWorld().run(test)


def test_a_clock_that_is_years_ahead_does_not_keep_keys_for_ever() -> None:
    async def test(world: MirrorWorld) -> None:
        await stocked(world)
        await world.take("n1", leased(8, at=NOW + 9_000 * DAY_S, key="far", digest="d"))
        for day in range(5):
            await world.take("n2", leased(3 + day, 2, at=NOW + day * DAY_S, key=f"k{day}", digest="d"))
        assert sorted(world.mirror.ledger.keys) == ["acme\nfar", "acme\nk4"]

    MirrorWorld().run(test)
