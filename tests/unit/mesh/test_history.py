"""The past of a store, handed to the node that owns it from now on: whole, whoever answers and however long it is."""

from random import Random

import msgspec
import pytest

from maillage.engines.memory_journal import MemoryJournal
from maillage.kernel.asks import Near
from maillage.kernel.documents import CapacityPlanDocument
from maillage.kernel.events import Event, Measured, SiteSet, decode_events, encode_events
from maillage.kernel.ports import Batch
from maillage.kernel.sites import Site
from maillage.kernel.snapshots import encode_ledger
from maillage.kernel.times import HOUR_S
from maillage.mesh import history
from maillage.mesh.history import PAGE_BYTES, history_page, sites_page
from maillage.mesh.messages import HistoryGiven, HistoryWanted, SitesGiven, SitesWanted, hub_subject
from maillage.mesh.parcels import unpacked
from maillage.mesh.ports import Unreachable
from tests.kernel_world import NOW, ask_for
from tests.mesh_world import MeshWorld, NodeWorld, until

END = NOW + 10 * HOUR_S


def journal_of(*batches: list[Event]) -> MemoryJournal:
    journal = MemoryJournal()
    for events in batches:
        journal.append(Batch(journal.end(), len(events), encode_events(events), "n1"))
    return journal


def measured(site: str, seq: int, meter: str = "cpu_s") -> Measured:
    return Measured(site, seq, NOW, f"{site}~1", {meter: 1})


def read_all(journal: MemoryJournal, sites: set[str]) -> tuple[list[Event], int]:
    """All pages, and how many they were."""
    events: list[Event] = []
    pos: int | None = 0
    pages = 0
    while pos is not None:
        body, pos = history_page(journal, pos, frozenset(sites))
        assert len(body) < 1 << 20
        events += decode_events(unpacked(body))
        pages += 1
    return events, pages


def test_a_page_holds_the_events_of_the_sites_that_were_asked_for() -> None:
    batches = [[measured("wm-1", n), measured("wm-2", n)] for n in range(1, 6)]
    events, pages = read_all(journal_of(*batches), {"wm-2"})
    assert [(event.site, event.seq) for event in events] == [("wm-2", n) for n in range(1, 6)] and pages == 1
    assert read_all(journal_of(), {"wm-1"}) == ([], 1)


def test_long_histories_come_in_pages_that_a_message_takes() -> None:
    """Also one whose events don't pack, and one that is a single batch."""
    random = Random(3)
    events: list[Event] = [measured("wm-1", n, random.randbytes(16).hex()) for n in range(1, 30_000)]
    for cut in (len(events), 100):
        journal = journal_of(*(events[start : start + cut] for start in range(0, len(events), cut)))
        found, pages = read_all(journal, {"wm-1"})
        assert found == events and pages > 3


def test_a_journal_of_very_many_batches_is_looked_through_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "PAGE_BATCHES", 10)
    journal = journal_of(*([measured("wm-1" if n % 50 == 0 else "wm-2", n)] for n in range(1, 201)))
    events, pages = read_all(journal, {"wm-1"})
    assert [event.seq for event in events] == [50, 100, 150, 200] and pages == 20


def test_records_of_very_many_sites_come_in_pages_too() -> None:
    records = [Site(f"wm-{n}", "x" * 200, 36.0, -94.0, "America/Chicago") for n in range(20_000)]
    found: list[Site] = []
    while True:
        given = sites_page(records, found[-1].id if found else "")
        assert isinstance(given, SitesGiven) and len(msgspec.msgpack.encode(given)) < PAGE_BYTES
        found += given.sites
        if not given.more:
            break
    assert sorted(found, key=lambda site: site.id) == found and len(found) == 20_000


def test_a_node_of_very_many_sites_gets_all_their_records(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        sites = [Site(f"s-{n}", "x" * 200, 36.0, -94.0, "America/Chicago") for n in range(6_000)]
        hub = await world.hub(sites=sites)
        node = await world.joined("n1", [site.id for site in sites])
        assert len(node.keeper.ledger.sites) == 6_000
        await until(lambda: len(hub.ledger.sites) == 6_000)

    world.run(test)


def test_a_new_node_gets_the_past_from_several_hubs_that_answer_in_turn(
    world: MeshWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each hub has the events in a journal of its own, at other positions."""
    monkeypatch.setattr(history, "PAGE_BATCHES", 3)

    async def test(world: MeshWorld) -> None:
        await world.hub("h1")
        first = await world.node("n1", ["wm-1", "wm-2"])
        for number in range(10):
            await first.office.lease("local", ask_for({"cpu": 0.1}, None, END, site="wm-2"), f"a{number}", "d")
        await world.hub("h2")
        other = await world.node("n2", ["wm-3"])
        for number in range(10):
            await other.office.lease("local", ask_for({"cpu": 0.1}, None, END, site="wm-3"), f"b{number}", "d")
            await first.office.lease("local", ask_for({"cpu": 0.1}, None, END, site="wm-1"), f"c{number}", "d")
        await world.settled()
        dead = world.nodes.pop("n1")
        await dead.stop()
        fresh = await world.joined("n1b", ["wm-1", "wm-2"])
        for site in ("wm-1", "wm-2"):
            past = [event for event in dead.events if event.site == site]
            assert [event for event in fresh.events if event.site == site] == past and len(past) == 12
        await world.settled()
        for hub in world.hubs:
            assert hub.hub.mirror.set_aside == {}

    world.run(test)


def test_what_one_hub_lacks_another_gives(world: MeshWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what follows on without a gap is taken over."""

    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        await world.joined("n1", ["wm-1"])
        await world.settled()
        asked: list[bytes] = []
        events: list[Event] = [SiteSet("wm-2", 1, NOW, msgspec.structs.replace(hub.ledger.sites["wm-1"], id="wm-2"))]
        events += [msgspec.structs.replace(events[0], seq=seq) for seq in range(2, 7)]
        none = history_page(journal_of([]), 0, frozenset())[0]
        parts = events[:2], events[1:4] + events[5:]
        some, rest = (history_page(journal_of(part), 0, frozenset({"wm-2"}))[0] for part in parts)
        pages = [
            HistoryGiven("h1", some, None, ["h1", "h2"]),
            HistoryGiven("h1", none, None, ["h1", "h2"]),
            HistoryGiven("h2", none, 7, ["h1", "h2"]),
            HistoryGiven("h2", rest, None, ["h2"]),
        ]

        async def request(_: str, body: bytes, __: float) -> bytes:
            asked.append(body)
            if b'"sites"' in body:
                return msgspec.msgpack.encode(SitesGiven([], False))
            return msgspec.msgpack.encode(pages[len(asked) - 1])

        reader = world.nodes["n1"].node._history
        monkeypatch.setattr(world.nodes["n1"].bus, "request", request)
        await reader.fetch(["wm-2"])
        assert b'"pos":{}' in asked[0] and b'"pos":{"h2":7}' in asked[3]
        assert [event for event in world.nodes["n1"].events if event.site == "wm-2"] == events[:4]

    world.run(test)


def test_a_past_that_only_one_of_the_hubs_knows_is_found(world: MeshWorld) -> None:
    """The other was made after the store's node had died, and has never heard of what happened there."""

    async def test(world: MeshWorld) -> None:
        one = await world.hub("h1")
        dead = await world.node("n1", ["wm-1"])
        await one.office.lease("acme", ask_for({"cpu": 1}, None, END, site="wm-1"), "k", "d")
        await world.settled()
        await world.nodes.pop("n1").stop()
        for hub_id in ("h2", "h3", "h4"):
            await world.hub(hub_id)
        await until(lambda: all(len(hub.hub.directory.hubs()) == 4 for hub in world.hubs))
        fresh = await world.joined("n1b", ["wm-1"])
        assert fresh.events == dead.events
        await world.settled()
        assert all(hub.events_of("wm-1") == dead.events for hub in world.hubs)

    world.run(test)


def test_a_node_that_owns_nothing_is_told_nothing(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        await world.node("n1", ["wm-1"])
        await hub.enrolments.revoke("n1")
        for node in ("n1", "n9"):
            for wanted in (HistoryWanted({}), SitesWanted("")):
                with pytest.raises(Unreachable):
                    await hub.bus.request(hub_subject(node), msgspec.json.encode(wanted), 0.1)

    world.run(test)


def test_a_replaced_node_is_replaced_again_with_all_that_happened(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        for generation in range(3):
            lease = await hub.office.lease(
                "acme", ask_for({"cpu": 1}, None, END, near=Near(36.1, -94.0)), f"k{generation}", "d"
            )
            await world.settled()
            await world.nodes.pop(node.id).stop()
            fresh = await world.joined(f"n1-{generation}", ["wm-1"])
            assert fresh.events == node.events
            await world.settled()
            assert (await hub.office.get_lease(lease.id, "acme")).state == "confirmed"
            node = fresh
        assert (await hub.office.release(lease.id, "acme")).state == "released"
        await world.settled()
        assert hub.events_of("wm-1") == node.events and hub.hub.mirror.set_aside == {}

    world.run(test)


def test_a_node_that_joins_while_no_hub_answers_begins_when_one_does(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        _, token = await hub.enrolments.invite("n1", ["wm-1"])
        await hub.enrolments.join(token, "U" + "A" * 55, ["wm-1"])
        hub.bus.cut()
        node = world.nodes["n1"] = NodeWorld("n1", ["wm-1"], world.exchange, world.clock)
        await node.start()
        assert "wm-1" not in node.keeper.ledger.sites
        hub.bus.restore()
        await until(lambda: "wm-1" in node.keeper.ledger.sites)
        await node.office.set_capacity("wm-1", "cpu", CapacityPlanDocument(4))
        await world.settled()
        assert (await hub.office.lease("acme", ask_for({"cpu": 4}, None, END, site="wm-1"), None, None)).site == "wm-1"

    world.run(test)


def test_a_mirror_that_is_made_anew_gets_all_from_the_nodes(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        for number in range(20):
            await node.office.lease("local", ask_for({"cpu": 0.1}, None, END, site="wm-1"), f"a{number}", "d")
        await world.settled()
        before = encode_ledger(hub.ledger)
        await hub.restart()
        assert encode_ledger(hub.ledger) == before
        hub.journal = MemoryJournal()
        await hub.restart()
        await world.settled()
        assert encode_ledger(hub.ledger) == before

    world.run(test)
