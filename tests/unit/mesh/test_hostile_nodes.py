"""Nodes that lie, and strangers: what they say changes nothing but what is thought of them."""

import asyncio
import zlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from maillage.engines.inproc_bus import InprocBus
from maillage.kernel.asks import Ask, Near
from maillage.kernel.documents import CapacityPlanDocument
from maillage.kernel.errors import Invalid, LeaseState, NoCapacity, NotFound, SiteUnreachable
from maillage.kernel.events import Leased, Resized, encode_events
from maillage.kernel.readings import LeaseFilter
from maillage.kernel.snapshots import encode_ledger
from maillage.kernel.times import FOREVER, HOUR_S
from maillage.mesh.messages import (
    Alive,
    EventsGiven,
    ExtendLease,
    GrantAsk,
    MeasureLease,
    Parcel,
    PutSite,
    RecallKey,
    Refused,
    ReleaseLease,
    VoidKey,
    alive_subject,
    events_subject,
    hub_subject,
    lease_subject,
    resend_subject,
)
from maillage.mesh.parcels import encode_parcel
from maillage.mesh.ports import Message, Unreachable
from tests.kernel_world import NOW, ask_for
from tests.mesh_world import SITES, HubWorld, MeshWorld, NodeWorld, refusal_in, until

NEAR_1 = Near(36.1, -94.0)
END = NOW + 10 * HOUR_S
encode = msgspec.json.encode


async def chain(world: MeshWorld) -> tuple[HubWorld, NodeWorld, NodeWorld]:
    hub = await world.hub()
    return hub, await world.node("n1", ["wm-1"]), await world.node("n2", ["wm-2"])


def parcel(pos: int, *events: Any, count: int | None = None) -> bytes:
    packed = zlib.compress(encode_events(list(events)))
    return encode_parcel(Parcel(pos, len(events) if count is None else count, 0, len(packed), packed))


async def mute(world: MeshWorld, node: NodeWorld) -> InprocBus:
    """Stop the node and take its place on the bus."""
    await world.nodes.pop(node.id).stop()
    return InprocBus(world.exchange)


async def says_until(bus: InprocBus, node: str, end: int, holds: Callable[[], bool]) -> None:
    """Signs of life, one after another as of a real node, which end the journal there."""
    for _ in range(200):
        await bus.send(alive_subject(node), encode(Alive(end, NOW, "0")))
        await asyncio.sleep(0.05)
        if holds():
            return
    raise AssertionError("it did not come about")


async def undisturbed(hub: HubWorld, node: NodeWorld) -> None:
    """The other node's asks and events go on."""
    site = node.sites[0]
    lease = await hub.office.lease("acme", ask_for({"cpu": 1}, None, END, site=site), None, None)
    assert (await hub.office.get_lease(lease.id, "acme")).state == "confirmed"
    await until(lambda: hub.events_of(site) == node.events)


# -- in events -------------------------------------------------------------------------------------------------------


def test_a_node_that_speaks_for_anothers_site_is_set_aside(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub, first, second = await chain(world)
        before = encode_ledger(hub.ledger)
        forged = Resized("wm-2", 3, NOW, "cpu", 0, NOW)
        await first.bus.carry(events_subject("n1"), parcel(2, forged), "forged")
        await until(lambda: "n1" in hub.hub.mirror.set_aside)
        assert encode_ledger(hub.ledger) == before
        assert "wm-2" in hub.hub.mirror.set_aside["n1"] and [node for node, _ in hub.refused] == ["n1"]
        await undisturbed(hub, second)
        assert next(node for node in hub.hub.nodes() if node.id == "n1").set_aside is not None

    world.run(test)


@pytest.mark.parametrize("name", ["n9", "~h9", "n1.x"])
def test_a_stranger_is_not_heard_and_told_of_once(world: MeshWorld, name: str) -> None:
    async def test(world: MeshWorld) -> None:
        hub, first, second = await chain(world)
        bus = InprocBus(world.exchange)
        for number in range(5):
            await bus.carry(events_subject(name), parcel(0, Resized("wm-2", 3, NOW, "cpu", 0, NOW)), f"x{number}")
            await bus.send(alive_subject(name), encode(Alive(10**6, NOW, "0")))
        await until(lambda: bool(hub.refused))
        await undisturbed(hub, second)
        assert hub.ledger.pools["wm-2"]["cpu"].sizes[-1] == 16_000
        assert len(hub.refused) == 1 and first.id not in hub.hub.mirror.set_aside
        await bus.close()

    world.run(test)


def test_a_revoked_node_is_heard_no_more(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub, first, second = await chain(world)
        await hub.enrolments.revoke("n1")
        await first.office.lease("local", ask_for({"cpu": 1}, None, END, site="wm-1"), None, None)
        await until(lambda: bool(hub.refused))
        assert isinstance(
            await refusal_in(hub.office.lease("acme", ask_for({"cpu": 1}, None, END, site="wm-1"), "k", "d")),
            SiteUnreachable,
        )
        assert not [lease for lease in hub.ledger.leases.values() if lease.tenant == "local"]
        assert not hub.hub.directory.is_reachable("n1") and hub.hub.caught_up()
        await undisturbed(hub, second)

    world.run(test)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1\xc1",
        b"\x91" * 2_000,
        encode_parcel(Parcel(2, 1, 0, 1 << 40, b"x" * 1_000)),
        encode_parcel(Parcel(2, 1, 0, 9, b"not zlib!")),
        encode_parcel(Parcel(2, 1 << 60, 0, 20, zlib.compress(b"[]").ljust(20))),
        parcel(2, count=5),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_parcels_that_are_none_leave_the_node_to_tell_what_it_has(world: MeshWorld, body: bytes) -> None:
    async def test(world: MeshWorld) -> None:
        hub, first, second = await chain(world)
        before = encode_ledger(hub.ledger)
        await first.bus.carry(events_subject("n1"), body, "junk")
        await until(lambda: bool(hub.refused))
        assert encode_ledger(hub.ledger) == before
        await undisturbed(hub, second)
        if "n1" not in hub.hub.mirror.set_aside:
            await undisturbed(hub, first)

    world.run(test)


def bomb() -> bytes:
    packed = zlib.compress(bytes(100 << 20), 9)
    return encode_parcel(Parcel(2, 1, 0, len(packed), packed))


@pytest.mark.parametrize(
    "answer",
    [
        lambda: b"junk",
        lambda: b"\xff" * 100,
        lambda: msgspec.msgpack.encode(EventsGiven([], 10**6)),
        lambda: msgspec.msgpack.encode(EventsGiven([msgspec.msgpack.decode(bomb(), type=Parcel)], 3)),
        lambda: msgspec.msgpack.encode(EventsGiven([Parcel(2, 1, 0, 1 << 50, b"x")], 3)),
    ],
    ids=["no answer", "no text", "nothing of what it says it has", "a bomb", "a batch without end"],
)
def test_a_node_that_does_not_give_what_it_says_it_has_is_set_aside(
    world: MeshWorld, answer: Callable[[], bytes]
) -> None:
    async def test(world: MeshWorld) -> None:
        hub, first, second = await chain(world)
        bus = await mute(world, first)

        async def give(_: Message) -> bytes:
            return answer()

        await bus.serve(resend_subject("n1"), give)
        await says_until(bus, "n1", 10**6, lambda: "n1" in hub.hub.mirror.set_aside)
        assert hub.hub.caught_up()
        await undisturbed(hub, second)

    world.run(test)


def test_a_node_that_gives_the_same_part_of_a_batch_for_ever_is_not_asked_for_ever(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub, first, second = await chain(world)
        bus = await mute(world, first)
        asked = 0

        async def give(_: Message) -> bytes:
            nonlocal asked
            asked += 1
            return msgspec.msgpack.encode(EventsGiven([Parcel(2, 1, 0, 1_000, b"x" * 10)], 3))

        await bus.serve(resend_subject("n1"), give)
        await says_until(bus, "n1", 3, lambda: asked > 0)
        before = asked
        await undisturbed(hub, second)
        assert asked <= before + 1

    world.run(test)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"end":1.5,"now":1,"version":"0"}',
        b'{"end":"9","now":1,"version":"0"}',
        b'{"end":1,"now":null,"version":"0"}',
        b'{"end":1,"now":1,"version":"\xff"}',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_signs_of_life_that_are_none_are_told_of(world: MeshWorld, body: bytes) -> None:
    async def test(world: MeshWorld) -> None:
        hub, first, second = await chain(world)
        await first.bus.send(alive_subject("n1"), body)
        await until(lambda: bool(hub.refused))
        await undisturbed(hub, second)
        await undisturbed(hub, first)

    world.run(test)


@pytest.mark.parametrize("end", [-1, -(1 << 70), 1 << 70])
def test_absurd_positions_harm_only_who_gives_them(world: MeshWorld, end: int) -> None:
    async def test(world: MeshWorld) -> None:
        hub, first, second = await chain(world)
        await (await mute(world, first)).send(alive_subject("n1"), encode(Alive(end, NOW, "0")))
        await undisturbed(hub, second)
        assert [node.id for node in hub.hub.nodes()] == ["n1", "n2"]

    world.run(test)


# -- in answers ------------------------------------------------------------------------------------------------------

DONE = b'{"type":"done","document":%s,"end":3}'
OTHERS_LEASE = b"""{"id":"%s","tenant":"%s","site":"wm-1","needs":{"cpu":1},"start":"2026-12-01T08:00:00Z","end":null,
"class":"firm","state":"confirmed","hold_until":null,"price":{"amount":null,"per_hour":"0","currency":"USD"},
"reason":null,"as_of":"2026-12-01T08:00:00Z"}"""
NO_ANSWERS = [
    b"",
    b"junk",
    b"\xff\xff",
    b"[" * 100_000,
    b"null",
    b'{"type":"refused","slug":"made-up","detail":"no"}',
    b'{"type":"refused","slug":"too-many-requests","detail":"no"}',
    b'{"type":"refused","slug":"site-unreachable","detail":"no","extra":{"asked":false}}',
    b'{"type":"refused","slug":"not-allowed","detail":"no"}',
    b'{"type":"refused","slug":7,"detail":"no"}',
    DONE % b"{}",
    DONE % b"true",
    DONE % b'{"id":1}',
    DONE % (OTHERS_LEASE % (b"wm-2~3", b"acme")),
    DONE % (OTHERS_LEASE % (b"wm-1~3", b"other")),
    DONE.replace(b"3}", b"3.5}") % (OTHERS_LEASE % (b"wm-1~3", b"acme")),
]


async def answering(world: MeshWorld, answer: bytes) -> tuple[HubWorld, NodeWorld]:
    """The first store's node answers every ask with these bytes."""
    hub, first, second = await chain(world)
    await first.node._service.stop()

    async def say(_: Message) -> bytes:
        return answer

    await first.bus.serve(lease_subject("wm-1"), say)
    return hub, second


VOIDED = DONE % b"true"
"""No answer to an ask, but one to a void, which is then done with."""


@pytest.mark.parametrize(
    "answer", [answer for answer in NO_ANSWERS if answer != VOIDED], ids=lambda answer: repr(answer[:50])
)
def test_an_answer_that_is_none_counts_as_lost(world: MeshWorld, answer: bytes) -> None:
    async def test(world: MeshWorld) -> None:
        hub, second = await answering(world, answer)
        near = ask_for({"cpu": 1}, None, END, near=NEAR_1)
        at_1 = ask_for({"cpu": 1}, None, END, site="wm-1")
        both = Ask({"cpu": 1_000}, None, END, None, None, "firm", sites=("wm-1", "wm-2"))
        assert (await hub.office.lease("acme", near, "k", "d")).site == "wm-2"
        assert isinstance(await refusal_in(hub.office.lease("acme", at_1, "k1", "d")), SiteUnreachable)
        assert isinstance(await refusal_in(hub.office.lease_all("acme", both, "k2", "d")), SiteUnreachable)
        assert [void.site for void in world.records.voids()].count("wm-1") == 3
        await until(lambda: len(second.leases) == 1)

    world.run(test)


@pytest.mark.parametrize("answer", [*NO_ANSWERS[:13]], ids=lambda answer: repr(answer[:50]))
def test_no_step_of_a_lease_breaks_on_such_an_answer(world: MeshWorld, answer: bytes) -> None:
    async def test(world: MeshWorld) -> None:
        hub, _ = await answering(world, answer)
        office = hub.office
        for asked in (
            office.confirm("wm-1~3", "acme"),
            office.extend("wm-1~3", END, "acme"),
            office.release("wm-1~3", "acme"),
            office.measure("wm-1~3", {"cpu_s": 1}),
            office.charge("wm-1~3", "rent", 1),
            office.set_capacity("wm-1", "cpu", CapacityPlanDocument(1)),
        ):
            assert isinstance(await refusal_in(asked), SiteUnreachable)

    world.run(test)


def test_a_refusal_says_what_the_owner_says_and_no_more(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        extra = '"asked":false,"status":200,"title":"x","detail":"y","type":"z","self":1,"reasons":[1]'
        said = '{"type":"refused","slug":"no-capacity","detail":"full","extra":{' + extra + "}}"
        hub, _ = await answering(world, said.encode())
        at_1 = ask_for({"cpu": 1}, None, END, site="wm-1")
        refusal = await refusal_in(hub.office.lease("acme", at_1, "k1", "d"))
        assert isinstance(refusal, NoCapacity) and refusal.detail == "full"
        assert refusal.extra == {"self": 1, "reasons": [1]}

    world.run(test)


def test_an_absurd_end_in_an_answer_delays_one_reader_and_no_more(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        answer = DONE.replace(b"3}", b"%d}" % (1 << 60)) % (OTHERS_LEASE % (b"wm-1~3", b"acme"))
        hub, _ = await answering(world, answer)
        await hub.office.lease("acme", ask_for({"cpu": 1}, None, END, site="wm-1"), "k1", "d")
        clock = asyncio.get_running_loop().time
        await hub.office.list_leases(LeaseFilter("other"), None, 10)
        began = clock()
        for _ in range(20):
            await hub.office.list_leases(LeaseFilter("other"), None, 10)
        assert clock() - began < 1

    world.run(test)


# -- in asks, to a node ----------------------------------------------------------------------------------------------


def grant(**changed: Any) -> GrantAsk:
    ask = Ask({"cpu": 1_000}, None, END, "wm-1", None, "firm")
    return GrantAsk("acme", msgspec.structs.replace(ask, **changed), "k", "d")


@pytest.mark.parametrize(
    "request_",
    [
        grant(site="wm-2"),
        grant(site="wm-3"),
        grant(near=NEAR_1),
        grant(site=None, near=NEAR_1),
        grant(sites=("wm-1", "wm-2")),
        grant(count=2),
        grant(needs={}),
        grant(needs={"cpu": 0}),
        grant(needs={"cpu": -4_000}),
        grant(needs={"cpu": 1 << 70}),
        grant(needs={f"k{n}": 1 for n in range(99)}),
        grant(end=FOREVER + 1),
        grant(end=-5),
        grant(start=-(1 << 70)),
        grant(start=1 << 70, end=1 << 71),
        grant(hold_s=0),
        grant(hold_s=1 << 70),
        grant(max_price=-1),
        GrantAsk("", grant().ask, "k", "d"),
        GrantAsk("a\nb", grant().ask, "k", "d"),
        GrantAsk("acme", grant().ask, "", "d"),
        GrantAsk("acme", grant().ask, "k" * 5_000, "d"),
        VoidKey("acme", "k\nl", NOW),
        PutSite(SITES[1]),
        PutSite(msgspec.structs.replace(SITES[0], lat=400.0)),
        ReleaseLease("wm-2~3", None),
        ReleaseLease("wm-1", None),
        ReleaseLease("", None),
        MeasureLease("wm-2~3", {"cpu_s": 1}),
        MeasureLease("wm-1~3", {"cpu_s": -1}),
        MeasureLease("wm-1~3", {"cpu_s": 1 << 70}),
        MeasureLease("wm-1~3", {}),
        ExtendLease("wm-2~3", END, None),
        ExtendLease("wm-1~3", 1 << 70, None),
    ],
    ids=lambda request: repr(request)[:100],
)
def test_a_node_refuses_what_no_hub_asks(world: MeshWorld, request_: Any) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1", "wm-2"])
        for site in node.sites:
            await hub.office.lease("acme", ask_for({"cpu": 1}, None, END, site=site), None, None)
        before = encode_ledger(node.keeper.ledger)
        said = await hub.bus.request(lease_subject("wm-1"), encode(request_), 1)
        assert msgspec.json.decode(said, type=Refused).slug in (Invalid.slug, NotFound.slug)
        assert encode_ledger(node.keeper.ledger) == before

    world.run(test)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b'{"type":"nothing"}',
        b'{"type":"void","tenant":"acme","key":"k","at":1.5}',
        b'{"type":"confirm","lease":7,"tenant":null}',
        b'{"type":"release","lease":"\xff","tenant":null}',
        encode(grant()).replace(b"1000", b"1000.0"),
        encode(grant()).replace(b"1000", b'"1000"'),
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_node_answers_what_it_can_not_read_with_a_refusal(world: MeshWorld, body: bytes) -> None:
    async def test(world: MeshWorld) -> None:
        hub, _, _ = await chain(world)
        said = await hub.bus.request(lease_subject("wm-1"), body, 1)
        assert msgspec.json.decode(said, type=Refused).slug == Invalid.slug

    world.run(test)


def test_what_is_asked_of_a_hub_and_is_no_question_stays_without_an_answer(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub, first, second = await chain(world)
        for body in (b"", b"\xff", b'{"type":"history","pos":7}', b'{"type":"history","pos":{"h1":-5.5}}'):
            with pytest.raises(Unreachable):
                await first.bus.request(hub_subject("n1"), body, 0.1)
        await undisturbed(hub, second)

    world.run(test)


def test_a_lease_of_another_tenant_or_store_is_not_moved(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub, first, _ = await chain(world)
        lease = await hub.office.lease("acme", ask_for({"cpu": 1}, None, END, site="wm-1"), None, None)
        for asked in (
            hub.office.release(lease.id, "other"),
            hub.office.release("wm-9~1", None),
            hub.office.release("wm-9~h1~1", None),
            hub.office.release("~", None),
            hub.office.release("wm-1~x.y>*~1", "acme"),
        ):
            assert isinstance(await refusal_in(asked), NotFound | SiteUnreachable)
        said = await hub.bus.request(lease_subject("wm-2"), encode(ReleaseLease(lease.id, None)), 1)
        assert msgspec.json.decode(said, type=Refused).slug == Invalid.slug
        assert [one.id for one in first.leases] == [lease.id]
        assert (await hub.office.release(lease.id, "acme")).state == "released"
        assert isinstance(await refusal_in(hub.office.confirm(lease.id, "acme")), LeaseState)

    world.run(test)


def test_recalling_a_key_grants_nothing(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub, first, _ = await chain(world)
        before = encode_ledger(first.keeper.ledger)
        said = await hub.bus.request(lease_subject("wm-1"), encode(RecallKey("acme", "k")), 1)
        assert b'"lease":null' in said and encode_ledger(first.keeper.ledger) == before
        assert Leased not in {type(event) for event in first.events}

    world.run(test)
