"""Nodes that lie, and words of hubs that are not for a node to heed: each is believed about its own sites only."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from maillage.engines.file_blobs import FileBlobs
from maillage.engines.inproc_bus import InprocBus
from maillage.kernel.errors import Invalid, NotFound, SiteUnreachable
from maillage.mesh.messages import Alive, Refused, alive_subject
from maillage.mesh.ports import Message
from maillage.services.compute.carriage.code import HubCode, KeptCode
from maillage.services.compute.carriage.messages import (
    SERVICE,
    DropInstance,
    InstancesGiven,
    PutInstance,
    ReadLog,
    RunRequest,
    Told,
    answer_of,
    compute_subject,
    instances_subject,
    mark_of,
    packed,
    run_subject,
    word_of,
)
from maillage.services.compute.errors import CodeRefused
from maillage.services.compute.model import Instance, InstanceStatus
from tests.kernel_world import NOW, ask_for
from tests.mesh_world import refusal_in, until
from tests.unit.services.compute.carriage.carried_world import CarriedWorld, Desk
from tests.unit.services.compute.deployments_world import chunks


def told(instance: Instance, state: Any = "ready", number: int = 1) -> Told:
    status = InstanceStatus(instance.id, instance.digest, state, NOW, settled="yes")
    return Told(instance.id, number, instance.deployment, mark_of(instance), status)


async def claim(world: CarriedWorld, node: str, *items: Told) -> InprocBus:
    """Take a node's place on the bus, and say this of instances."""
    await world.stores.pop(node).stop()
    await world.nodes.pop(node).stop()
    bus = InprocBus(world.exchange)

    async def answer(_: Message) -> bytes:
        return packed(InstancesGiven("liar", 0, len(items), list(items), False))

    await bus.serve(instances_subject(node), answer)
    return bus


async def alive_until(bus: InprocBus, node: str, number: int, holds: Callable[[], bool]) -> None:
    alive = Alive(0, NOW, "0", {SERVICE: word_of("liar", number)})
    for _ in range(100):
        await bus.send(alive_subject(node), msgspec.json.encode(alive))
        await asyncio.sleep(0.02)
        if holds():
            return
    raise AssertionError("it did not come about")


async def deployed(desk: Desk) -> tuple[Instance, Instance]:
    """One at wm-1 and one at wm-2."""
    deployment = await desk.deploy("wm-1", "wm-2")
    await desk.until_states(deployment, wm_1="ready", wm_2="ready")
    first, second = sorted(desk.records.instances(deployment.id), key=lambda instance: instance.site)
    return first, second


def test_a_node_can_say_nothing_of_another_stores_instances(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, first_store, _ = await world.two_stores()
        first, second = await deployed(desk)
        await until(lambda: first_store.state(first.id) == "ready")
        bus = await claim(world, "n2", told(first, "failed", 99), told(second))
        await alive_until(bus, "n2", 2, lambda: desk.known.position("n2") == ("liar", 2))
        status = desk.hosts.status(first.id)
        assert status is not None and status.state == "ready"
        assert {each.id for each in desk.hosts.ready("acme.web")} == {first.id, second.id}
        assert not desk.known.hear("n2", "liar", told(first, "failed", 100)), "it is no news"
        assert desk.hosts.status(first.id) == status

    world.play(story)


def test_a_node_gets_no_callers_by_claiming_an_app(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, *_ = await world.two_stores()
        first, second = await deployed(desk)
        lease = await desk.hub_world.office.lease("other", ask_for({"cpu": 1}, site="wm-2"), None, None)
        await world.settled()
        made_up = msgspec.structs.replace(second, id=lease.id)
        without_a_lease = msgspec.structs.replace(second, id="wm-2~999")
        bus = await claim(world, "n2", told(made_up), told(without_a_lease))
        await alive_until(bus, "n2", 2, lambda: desk.known.position("n2") == ("liar", 2))
        assert [each.id for each in desk.hosts.ready("acme.web")] == [first.id]
        assert desk.hosts.status(without_a_lease.id) is None

    world.play(story)


@pytest.mark.parametrize("answer", [b"", b"\x81", packed("what?"), packed(Refused("made-up", "no")), b"\xc1" * 100])
def test_an_answer_that_is_none_leaves_it_open_whether_it_was_done(world: CarriedWorld, answer: bytes) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, *_ = await world.two_stores()
        _, second = await deployed(desk)
        bus = await claim(world, "n2", told(second))

        async def say(_: Message) -> bytes:
            return answer

        for subject in (compute_subject("wm-2"), run_subject("wm-2")):
            await bus.serve(subject, say)
        await alive_until(bus, "n2", 1, lambda: desk.hosts.status(second.id) is not None)
        asked = (desk.hosts.put(second), desk.hosts.drop(second.id), desk.hosts.log(second.id, None, 10))
        for attempt in (*asked, desk.call("wm-2", "POST")):
            refusal = await refusal_in(attempt)
            assert isinstance(refusal, SiteUnreachable) and refusal.extra["asked"] is True, refusal
        assert await desk.call("wm-1") == (200, "wm-1", b"one")

    world.play(story)


@pytest.mark.parametrize("said", [b"", b"\xc1", packed([1, 2]), packed("x" * 100_000)])
def test_a_report_that_cant_be_read_counts_as_none(world: CarriedWorld, said: bytes) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, *_ = await world.two_stores()
        await deployed(desk)
        await world.stores.pop("n2").stop()
        await world.nodes.pop("n2").stop()
        bus, asked = InprocBus(world.exchange), 0

        async def answer(_: Message) -> bytes:
            nonlocal asked
            asked += 1
            return said

        before = desk.known.position("n2")
        await bus.serve(instances_subject("n2"), answer)
        await alive_until(bus, "n2", 1, lambda: asked > 1)
        assert desk.known.position("n2") == before
        assert await desk.call("wm-1") == (200, "wm-1", b"one")

    world.play(story)


def test_a_node_gets_the_code_of_what_is_to_run_there_and_no_other(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, first, second = await world.two_stores()
        secret = await desk.upload("two")
        deployment = await desk.deploy("wm-1")
        await desk.until_states(deployment, wm_1="ready")
        assert deployment.version == secret, "the latest"
        assert [chunk async for chunk in HubCode(first.node.bus, "n1").fetch(secret)]
        refusal = await refusal_in(_all(HubCode(second.node.bus, "n2").fetch(secret)))
        assert isinstance(refusal, NotFound), refusal

    world.play(story)


def test_a_node_answers_for_its_own_sites_only(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, store, _ = await world.two_stores()
        first, second = await deployed(desk)
        bus = desk.hub_world.bus
        elsewhere = msgspec.structs.replace(first, site="wm-2")
        beside = msgspec.structs.replace(first, id=f"{first.id}.b")
        asks = (PutInstance(second), PutInstance(elsewhere), PutInstance(beside), DropInstance(second.id))
        for ask in (*asks, ReadLog(second.id, None, 10), "what?", {"type": "put"}):
            answer = await bus.request(compute_subject("wm-1"), packed(ask), 2)
            with pytest.raises(Invalid):
                answer_of(answer, object)
        run = RunRequest(second.id, "GET", "/", "", [], b"")
        with pytest.raises(Invalid):
            answer_of(await bus.request(run_subject("wm-1"), packed(run), 2), object)
        assert [each.id for each in store.host.all_told()] == [first.id]

    world.play(story)


def test_an_instance_needs_a_lease_of_its_tenant_at_the_store(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, store, _ = await world.two_stores()
        first, _ = await deployed(desk)
        for forged in (
            msgspec.structs.replace(first, id="wm-1~999"),
            msgspec.structs.replace(first, tenant="other", app="other.web"),
        ):
            refusal = await refusal_in(desk.hosts.put(forged))
            assert isinstance(refusal, NotFound), refusal
        assert store.host.all_told() == [first]

    world.play(story)


def test_bytes_that_are_not_what_was_asked_for_are_not_kept(tmp_path: Path) -> None:
    async def whole() -> None:
        digest, _ = await FileBlobs(tmp_path / "elsewhere").put(chunks(b"the code"), 100)
        carried = FileBlobs(tmp_path / "carried")
        code = KeptCode(FileBlobs(tmp_path / "own"), carried)
        assert isinstance(await refusal_in(code.path(digest)), NotFound), "without a hub there is nobody to ask"
        code.fetch = lambda _: chunks(b"other ", b"code")
        assert isinstance(await refusal_in(code.path(digest)), CodeRefused)
        assert await carried.digests() == []
        code.fetch = lambda _: chunks(b"the ", b"code")
        assert (await code.path(digest)).read_bytes() == b"the code"
        code.fetch = None
        assert (await code.path(digest)).read_bytes() == b"the code"

    asyncio.run(whole())


async def _all(parts: AsyncIterator[bytes]) -> list[bytes]:
    return [part async for part in parts]
