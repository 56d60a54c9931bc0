"""Instances at stores, as a hub has them put, called, changed and ended: with lines that break, and hubs and nodes that
start again."""

import asyncio
import hashlib

import msgspec
import pytest

from maillage.kernel.errors import NotFound, SiteUnreachable
from maillage.mesh.ports import Unreachable
from maillage.services.compute.carriage import messages, service
from maillage.services.compute.errors import BodyTooLarge, Busy, CodeFault, NoInstance
from maillage.services.compute.model import Instance, LogLine
from maillage.services.compute.ports import Inbound
from tests.kernel_world import ask_for
from tests.mesh_world import refusal_in, until
from tests.unit.services.compute.carriage.carried_world import CarriedWorld, Desk
from tests.unit.services.compute.deployments_world import WASM, answers


def test_an_app_of_the_hub_answers_from_the_store_that_is_nearest(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, first, second = await world.two_stores()
        deployment = await desk.deploy("wm-1", "wm-2")
        await desk.until_states(deployment, wm_1="ready", wm_2="ready")
        assert await desk.call("wm-1") == (200, "wm-1", b"one")
        assert await desk.call("wm-2") == (200, "wm-2", b"one")
        assert first.asked_for_code == second.asked_for_code == 1
        assert (await desk.deployments.get(deployment.id, "acme")).rollout.updated == 2

    world.play(story)


def test_a_request_and_its_answer_come_through_whole(world: CarriedWorld) -> None:
    async def echo(request: Inbound, _: Instance) -> tuple[int, bytes]:
        body = b"".join([chunk async for chunk in request.body])
        said = (
            f"{request.method} {request.path}?{request.query} {dict(request.headers)} {hashlib.md5(body).hexdigest()}"
        )
        return 418, said.encode()

    world.code["one"] = echo

    async def story(world: CarriedWorld) -> None:
        desk, *_ = await world.two_stores()
        await desk.until_states(await desk.deploy("wm-1"), wm_1="ready")
        body = bytes(range(256)) * 2_800
        assert len(body) == messages.BODY_BYTES_MAX
        digest = hashlib.md5(body).hexdigest()
        said = f"POST /there?a=b {{'x-from': 'wm-1'}} {digest}".encode()
        assert await desk.call("wm-1", "POST", body) == (418, "wm-1", said)

    world.play(story)


def test_what_no_message_carries_is_refused_with_the_way_out(world: CarriedWorld) -> None:
    world.code["one"] = answers(bytes(messages.BODY_BYTES_MAX + 1))

    async def story(world: CarriedWorld) -> None:
        desk, *_ = await world.two_stores()
        await desk.until_states(await desk.deploy("wm-1"), wm_1="ready")
        for body in (b"", bytes(messages.BODY_BYTES_MAX + 1)):
            refusal = await refusal_in(desk.call("wm-1", "POST", body))
            assert isinstance(refusal, BodyTooLarge), refusal
            assert refusal.extra == {"most": messages.BODY_BYTES_MAX}
            assert "store's own address" in refusal.detail

    world.play(story)


def test_an_apps_faults_are_told_as_in_one_process(world: CarriedWorld) -> None:
    async def failing(request: Inbound, instance: Instance) -> tuple[int, bytes]:
        if request.method == "POST":
            raise Busy("enough to do", instance=instance.id)
        raise CodeFault("it trapped", instance=instance.id, fault="fuel")

    world.code["one"] = failing

    async def story(world: CarriedWorld) -> None:
        desk, *_ = await world.two_stores()
        deployment = await desk.deploy("wm-1")
        await desk.until_states(deployment, wm_1="ready")
        fault = await refusal_in(desk.call("wm-1"))
        assert isinstance(fault, CodeFault)
        (instance,) = await desk.deployments.instances(deployment.id, None)
        assert fault.extra == {"fault": "fuel", "instance": instance.id}
        assert isinstance(await refusal_in(desk.call("wm-1", "POST")), Busy)

    world.play(story)


def test_callers_of_a_dark_store_go_to_the_next_one(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, first, _ = await world.two_stores()
        deployment = await desk.deploy("wm-1", "wm-2")
        await desk.until_states(deployment, wm_1="ready", wm_2="ready")
        first.node.bus.cut()
        assert await desk.call("wm-1") == (200, "wm-2", b"one"), "a GET goes on to the next store at once"
        assert await desk.call("wm-1", "POST") == (200, "wm-2", b"one"), "the dark one is known by now"
        await desk.until_states(deployment, wm_1="unknown", wm_2="ready")
        assert first.state((await desk.deployments.instances(deployment.id, None))[0].id) == "ready"
        first.node.bus.restore()
        await desk.until_states(deployment, wm_1="ready", wm_2="ready")
        assert await desk.call("wm-1") == (200, "wm-1", b"one")

    world.play(story)


def test_what_may_have_been_done_is_not_done_twice(world: CarriedWorld) -> None:
    calls: list[str] = []

    async def counting(_: Inbound, instance: Instance) -> tuple[int, bytes]:
        calls.append(instance.site)
        return 200, b"done"

    world.code["one"] = counting

    async def story(world: CarriedWorld) -> None:
        desk, first, _ = await world.two_stores()
        deployment = await desk.deploy("wm-1", "wm-2", request_s=0.2)
        await desk.until_states(deployment, wm_1="ready", wm_2="ready")
        first.node.bus.losing = 1
        refusal = await refusal_in(desk.call("wm-1", "POST"))
        assert isinstance(refusal, SiteUnreachable) and refusal.extra["asked"] is True
        assert calls == ["wm-1"]

    world.play(story)


def test_a_store_goes_on_without_the_hub_and_comes_back_with_its_instances(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, store, _ = await world.two_stores()
        deployment = await desk.deploy("wm-1")
        await desk.until_states(deployment, wm_1="ready")
        (instance,) = await desk.deployments.instances(deployment.id, None)
        desk.hub_world.bus.cut()
        await store.restart()
        await until(lambda: store.state(instance.id) == "ready")
        assert store.asked_for_code == 1, "the code is there"
        desk.hub_world.bus.restore()
        await world.heard(desk, "n1")
        await desk.until_states(deployment, wm_1="ready")
        assert await desk.call("wm-1") == (200, "wm-1", b"one")

    world.play(story)


def test_a_hub_that_starts_again_asks_what_is_so_and_puts_nothing_anew(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, first, second = await world.two_stores()
        deployment = await desk.deploy("wm-1", "wm-2")
        await desk.until_states(deployment, wm_1="ready", wm_2="ready")
        await world.restart_desk(desk)
        assert set((await desk.states(deployment)).values()) <= {"unknown", "ready"}
        await desk.until_states(deployment, wm_1="ready", wm_2="ready")
        assert len(first.runtime.starts) == len(second.runtime.starts) == 1

    world.play(story)


def test_what_a_node_lost_is_put_there_again(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, store, _ = await world.two_stores()
        deployment = await desk.deploy("wm-1")
        await desk.until_states(deployment, wm_1="ready")
        await store.stop()
        for file in (store.folder / "instances").iterdir():
            file.unlink()
        await store.node.restart()
        await store.start()
        await until(lambda: len(store.runtime.starts) == 1)
        await desk.until_states(deployment, wm_1="ready")

    world.play(story)


def test_a_roll_out_passes_over_a_dark_store_which_follows_once_it_is_back(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, first, _ = await world.two_stores()
        deployment = await desk.deploy("wm-1", "wm-2")
        await desk.until_states(deployment, wm_1="ready", wm_2="ready")
        await desk.upload("two")
        first.node.bus.cut()
        await refusal_in(desk.call("wm-1", "POST"))  # so that it is known to be dark
        await desk.change(deployment, version="latest")
        await _until_called(desk, "wm-2", (200, "wm-2", b"two"))
        first.node.bus.restore()
        await _until_called(desk, "wm-1", (200, "wm-1", b"two"))
        await _until_done(desk, deployment.id)

    world.play(story)


def test_a_version_that_does_not_come_up_in_the_store_goes_back_by_itself(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, store, _ = await world.two_stores()
        deployment = await desk.deploy("wm-1")
        await desk.until_states(deployment, wm_1="ready")
        await desk.upload("two")
        store.runtime.broken["two"] = 1_000
        await desk.change(deployment, version="latest")
        for _ in range(500):
            document = await desk.deployments.get(deployment.id, None)
            if document.rollout.state == "rolled-back":
                break
            await asyncio.sleep(0.01)
        assert "two is broken" in (document.rollout.detail or "")
        await _until_called(desk, "wm-1", (200, "wm-1", b"one"))

    world.play(story)


def test_a_put_whose_answer_is_lost_is_made_sure_of(world: CarriedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maillage.services.compute.carriage.remote.ASK_TIMEOUT_S", 0.3)

    async def story(world: CarriedWorld) -> None:
        desk, store, _ = await world.two_stores()
        lease = await desk.hub_world.office.lease("acme", ask_for({"cpu": 1, "memory": 1}, site="wm-1"), None, None)
        await world.settled()
        store.node.bus.losing = 1
        deployment = await desk.deploy_on(lease.id)
        await desk.until_states(deployment, wm_1="ready")
        assert [started[1] for started in store.runtime.starts] == [lease.id]

    world.play(story)


def test_what_is_removed_while_a_store_is_dark_ends_there_later(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, store, _ = await world.two_stores()
        deployment = await desk.deploy("wm-1")
        await desk.until_states(deployment, wm_1="ready")
        (instance,) = await desk.deployments.instances(deployment.id, None)
        store.node.bus.cut()
        await desk.deployments.remove(deployment.id, None)
        assert isinstance(await refusal_in(desk.call("wm-1")), NoInstance | SiteUnreachable | NotFound)
        assert store.state(instance.id) == "ready"
        store.node.bus.restore()
        await until(lambda: store.state(instance.id) == "none")
        await until(lambda: not store.node.leases)
        assert await store.code._carried.digests() == []

    world.play(story)


def test_a_grace_longer_than_an_answer_waits_is_awaited(world: CarriedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "DROP_WAIT_S", 0.05)
    began = asyncio.Event()

    async def slow(_: Inbound, __: Instance) -> tuple[int, bytes]:
        began.set()
        await asyncio.sleep(0.4)
        return 200, b"in time"

    world.code["one"] = slow

    async def story(world: CarriedWorld) -> None:
        desk, store, _ = await world.two_stores()
        deployment = await desk.deploy("wm-1", grace_s=5)
        await desk.until_states(deployment, wm_1="ready")
        call = asyncio.create_task(desk.call("wm-1"))
        await began.wait()
        await desk.deployments.remove(deployment.id, None)
        assert (await call)[2] == b"in time"
        await until(lambda: not store.host.all_told())

    world.play(story)


def test_the_end_of_a_lease_ends_the_instance_and_the_hub_replaces_it(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, store, _ = await world.two_stores()
        deployment = await desk.deploy("wm-1")
        await desk.until_states(deployment, wm_1="ready")
        (former,) = await desk.deployments.instances(deployment.id, None)
        await store.node.office.release(former.id, None)
        for _ in range(500):
            now = await desk.deployments.instances(deployment.id, None)
            if [each.state for each in now] == ["ready"] and now[0].id != former.id:
                break
            await asyncio.sleep(0.01)
        assert now[0].id != former.id and now[0].state == "ready"

    world.play(story)


def test_logs_are_read_at_the_hub_as_much_as_a_message_takes(
    world: CarriedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "LOG_BYTES_MAX", 20_000)

    async def story(world: CarriedWorld) -> None:
        desk, store, _ = await world.two_stores()
        deployment = await desk.deploy("wm-1")
        await desk.until_states(deployment, wm_1="ready")
        (instance,) = await desk.deployments.instances(deployment.id, None)
        note = store.logs.note(instance.id)
        for number in range(50):
            note(LogLine(1_000, "log", "info", f"{number} " + "x" * 990))
        last = await desk.hosts.log(instance.id, None, 1_000)
        assert last.items[-1].text.startswith("49 ") and 10 < len(last.items) < 50
        first = await desk.hosts.log(instance.id, 0, 1_000)
        assert first.items[0].number == 1 and first.next == first.items[-1].number < last.next
        rest = await desk.hosts.log(instance.id, first.next, 1_000)
        assert rest.items[0].number == first.next + 1

    world.play(story)


def test_code_of_many_chunks_comes_whole_from_the_one_hub_that_has_it(
    world: CarriedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maillage.services.compute.carriage.giving.CHUNK_BYTES", 7)

    async def story(world: CarriedWorld) -> None:
        await world.desk("h2")
        desk, store, _ = await world.two_stores()
        deployment = await desk.deploy("wm-1")
        await desk.until_states(deployment, wm_1="ready")
        path = await store.code.path(deployment.version)
        assert path.read_bytes() == WASM + b"one"

    world.play(story)


def test_a_second_hub_routes_to_what_the_first_one_put(world: CarriedWorld) -> None:
    async def story(world: CarriedWorld) -> None:
        desk, *_ = await world.two_stores()
        other = await world.desk("h2")
        await world.settled()
        deployment = await desk.deploy("wm-1", "wm-2")
        for each in (desk, other):
            await each.until_states(deployment, wm_1="ready", wm_2="ready")
            assert await each.call("wm-2") == (200, "wm-2", b"one")
        await other.deployments.remove(deployment.id, None)
        await until(lambda: not desk.known.ready("acme.web"))

    world.play(story)


async def _until_called(desk: Desk, near: str, wanted: tuple[int, str, bytes]) -> None:
    said: object = None
    for _ in range(1_000):
        try:
            if (said := await desk.call(near)) == wanted:
                return
        except (NoInstance, SiteUnreachable, Unreachable) as fault:
            said = fault
        await asyncio.sleep(0.01)
    raise AssertionError(f"{said}, not {wanted}")


async def _until_done(desk: Desk, deployment_id: str) -> None:
    for _ in range(500):
        document = await desk.deployments.get(deployment_id, None)
        if document.rollout.state == "done" and document.rollout.updated == document.rollout.of:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(msgspec.json.encode(document))
