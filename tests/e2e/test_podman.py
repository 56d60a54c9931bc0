"""Real containers: started, asked, followed, ended, and nothing left behind."""

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from maillage.engines.podman.runtime import PodmanRuntime
from maillage.engines.podman.service import Service
from maillage.engines.podman.settings import PodmanSettings, image_name
from maillage.kernel.errors import NotFound
from maillage.services.compute.errors import CodeFault, CodeRefused
from tests.container_images import BusyboxImage, skip_without_podman
from tests.e2e.podman_world import LIMITS, MIB, a_world


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusyboxImage]:
    skip_without_podman()
    made = BusyboxImage(tmp_path_factory.mktemp("image"))
    yield made
    made.remove()


def pods_of(folder: Path) -> list[str]:
    """What podman knows of a runtime's pods, asked by its own command."""
    owner = PodmanRuntime(folder, PodmanSettings())._owner
    asked = ["podman", "pod", "ps", "--filter", f"label=maillage.owner={owner}", "--format", "{{.Name}}"]
    pods = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=True).stdout.split()
    asked = ["podman", "volume", "ls", "--filter", f"label=maillage.owner={owner}", "--format", "{{.Name}}"]
    return pods + subprocess.run(asked, capture_output=True, text=True, timeout=30, check=True).stdout.split()


def test_a_container_answers_is_logged_and_metered_and_leaves_nothing(tmp_path: Path, image: BusyboxImage) -> None:
    async def story() -> None:
        async with a_world(tmp_path, image) as world:
            inspected = await world.runtime.inspect(image.path, "image", image.digest, "")
            assert (inspected.kind, inspected.needs_memory_bytes) == ("image", 0)
            await world.start(port=9000)
            assert list(world.runtime.running()) == ["wm-100~1"]
            assert await world.ask("/index.html") == (200, "hello from the store\n")
            assert await world.ask("/cgi-bin/echo", content=b"x" * 100_000) == (200, "x" * 100_000)
            assert (await world.ask("/nowhere"))[0] == 404
            assert sum(used.requests for used in world.meters) == 3
            assert sum(used.bytes_in for used in world.meters) == 100_000
            assert sum(used.bytes_out for used in world.meters) >= 100_000
            assert all(used.wall_us > 0 for used in world.meters)
            assert len(pods_of(tmp_path)) == 3  # the pod, /tmp and /data
            await asyncio.sleep(0.4)
            assert ("stdout", "listening on 9000") in [(line.stream, line.text) for line in world.lines]
            await world.runtime.stop("wm-100~1", 0)
            assert list(world.runtime.running()) == []
            with pytest.raises(NotFound):
                await world.ask("/index.html")
            await world.runtime.stop("wm-100~1", 0)  # once more is no fault
        assert pods_of(tmp_path) == []

    asyncio.run(story())


def test_a_container_that_can_not_start_says_why_in_its_own_words(tmp_path: Path, image: BusyboxImage) -> None:
    async def story() -> None:
        async with a_world(tmp_path, image) as world:
            with pytest.raises(CodeFault, match=r"exit code 3; it said: no such database") as failed:
                await world.start(mode="failing")
            assert failed.value.extra == {"instance": "wm-100~1", "fault": "exit"}
            with pytest.raises(CodeRefused, match="no image"):
                settings = PodmanSettings(prefixes=("localhost/shop",))
                async with a_world(tmp_path / "b", image, settings) as other:
                    await other.runtime.inspect(image.path, "image", "sha256:" + "0" * 64, "localhost/shop/none:1")
        assert pods_of(tmp_path) == []

    asyncio.run(story())


@pytest.mark.long
def test_an_image_that_may_be_fetched_but_is_nowhere(tmp_path: Path, image: BusyboxImage) -> None:
    async def story() -> None:
        settings = PodmanSettings(registries=("127.0.0.1:9",))
        async with a_world(tmp_path, image, settings) as world:
            with pytest.raises(CodeRefused, match=r"can't be fetched.*refused"):
                await world.runtime.inspect(image.path, "image", "sha256:" + "1" * 64, "127.0.0.1:9/team/app:1")

    asyncio.run(story())


@pytest.mark.long
def test_a_start_that_is_given_up_leaves_nothing(tmp_path: Path, image: BusyboxImage) -> None:
    async def story() -> None:
        async with a_world(tmp_path, image) as world:
            for within_s in (0.01, 0.1, 0.2, 0.3, 0.45, 1.5):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(within_s):
                        await world.start(mode="silent")
                assert list(world.runtime.running()) == []
                assert pods_of(tmp_path) == []
            await world.start()

    asyncio.run(story())


def test_a_container_that_ends_is_not_running_any_more(tmp_path: Path, image: BusyboxImage) -> None:
    async def story() -> None:
        async with a_world(tmp_path, image) as world:
            await world.start(mode="short")
            await world.ended()
            assert "exit code 4" in world.host_lines
        assert pods_of(tmp_path) == []  # although it was closed while that one was still being cleared away

    asyncio.run(story())


def test_a_container_hears_the_signal_and_requests_under_way_end_first(tmp_path: Path, image: BusyboxImage) -> None:
    async def story() -> None:
        async with a_world(tmp_path, image) as world:
            await world.start(mode="polite")
            answer = await world.open("/cgi-bin/large")
            first = await anext(aiter(answer.body))
            stopping = asyncio.create_task(world.runtime.stop("wm-100~1", 5.0))
            await asyncio.sleep(0.2)
            with pytest.raises(NotFound):
                await world.ask("/index.html")
            rest = b"".join([chunk async for chunk in answer.body])
            assert len(first + rest) == 3_000_000
            await stopping
            assert "going" in [line.text for line in world.lines]

    asyncio.run(story())


@pytest.mark.long
def test_what_a_killed_process_left_is_gone_with_the_first_start_of_the_next(
    tmp_path: Path, image: BusyboxImage
) -> None:
    script = (
        "import asyncio, json, sys, time\nfrom pathlib import Path\nimport msgspec\n"
        "from maillage.engines.podman.runtime import PodmanRuntime\n"
        "from maillage.engines.podman.settings import PodmanSettings\n"
        "from maillage.services.compute.model import Instance\n"
        "async def main():\n"
        "    runtime = PodmanRuntime(Path(sys.argv[1]), PodmanSettings())\n"
        "    instance = msgspec.json.decode(sys.argv[3], type=Instance)\n"
        "    await runtime.start(instance, Path(sys.argv[2]), lambda line: None, lambda used: None)\n"
        "    print('up', flush=True)\n    time.sleep(100)\n"
        "asyncio.run(main())\n"
    )

    async def story() -> None:
        async with a_world(tmp_path, image) as world:
            instance = msgspec.json.encode(world.instance("wm-100~7")).decode()
            arguments = [sys.executable, "-c", script, str(tmp_path), str(image.path), instance]
            process = subprocess.Popen(arguments, stdout=subprocess.PIPE)
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == b"up\n"
            os.kill(process.pid, signal.SIGKILL)
            process.wait(10)
            process.stdout.close()
            assert len(pods_of(tmp_path)) == 3
            await world.start("wm-100~8")
            left = pods_of(tmp_path)
            assert len(left) == 3
            assert all(name.startswith("wm-100-8-") for name in left)

    asyncio.run(story())


def test_an_image_that_is_only_named_and_a_service_that_is_somebody_elses(tmp_path: Path, image: BusyboxImage) -> None:
    reference = f"localhost/shop-{os.getpid()}/app:1"
    digest = "sha256:" + hashlib.sha256(reference.encode()).hexdigest()
    nothing = tmp_path / "no-code"

    async def story() -> None:
        theirs = Service(tmp_path / "theirs", None)
        await theirs.ensure()
        settings = PodmanSettings(
            prefixes=(reference.partition("/app")[0],), socket=tmp_path / "theirs" / "podman.sock"
        )
        try:
            async with a_world(tmp_path / "ours", image, settings) as world:
                await world.runtime.inspect(image.path, "image", image.digest, "")
                named = ["podman", "tag", image_name(image.digest), reference]
                subprocess.run(named, timeout=30, check=True)
                await world.runtime.inspect(nothing, "image", digest, reference)
                subprocess.run(["podman", "untag", image_name(image.digest), reference], timeout=30, check=True)
                instance = msgspec.structs.replace(world.instance(), digest=digest, reference=reference)
                await world.runtime.start(instance, nothing, world.lines.append, world.meters.append)
                assert await world.ask("/index.html") == (200, "hello from the store\n")
        finally:
            await theirs.close()
            untag = ["podman", "untag", image_name(image.digest), image_name(digest)]
            subprocess.run(untag, capture_output=True, timeout=30, check=False)

    asyncio.run(story())


def test_limits_and_names_that_no_container_can_have_are_refused(tmp_path: Path, image: BusyboxImage) -> None:
    async def story() -> None:
        async with a_world(tmp_path, image) as world:
            for limits, word in (
                (msgspec.structs.replace(LIMITS, cpu=0), "cpu"),
                (msgspec.structs.replace(LIMITS, memory_bytes=MIB), "memory"),
            ):
                with pytest.raises(CodeRefused, match=word):
                    await world.start(limits=limits)
            assert pods_of(tmp_path) == []

    asyncio.run(story())


def test_the_manifest_is_one_that_podman_made_what_was_meant_of(tmp_path: Path, image: BusyboxImage) -> None:
    async def story() -> None:
        async with a_world(tmp_path, image) as world:
            await world.start()
            name = next(name for name in pods_of(tmp_path) if not name.endswith(("-tmp", "-tmp-1")))
            asked = ["podman", "inspect", f"{name}-app"]
            (seen,) = json.loads(subprocess.run(asked, capture_output=True, timeout=30, check=True).stdout)
            host = seen["HostConfig"]
            assert (host["Memory"], host["NanoCpus"]) == (64 * MIB, 500_000_000)
            assert (host["ReadonlyRootfs"], host["Privileged"]) == (True, False)
            assert "no-new-privileges" in host["SecurityOpt"]
            assert seen["EffectiveCaps"] in (None, [])
            assert not host["PortBindings"]
            assert seen["ImageName"].endswith(image.digest.removeprefix("sha256:"))

    asyncio.run(story())
