"""The catalogue: who sees what, what is kept of an upload, and that nothing is left of one that is refused."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from maillage.kernel.errors import AlreadyExists, Invalid, NotFound, RecordsUnavailable, TooManyRequests
from maillage.services.compute import catalogue as catalogue_module
from maillage.services.compute.catalogue import UPLOADS_AT_ONCE
from maillage.services.compute.errors import CatalogueFull, CodeRefused, CodeTooLarge, InUse
from maillage.services.compute.model import App, Version
from maillage.services.compute.runtimes import Runtimes
from tests.unit.services.compute.catalogue_world import COMPONENT, CORE, FLAW, NOW, Inspector, World, in_chunks
from tests.unit.services.compute.test_catalogue_uploads import archive

Story = Callable[[World], Coroutine[Any, Any, None]]
Tell = Callable[..., None]


@pytest.fixture
def tell(tmp_path: Path) -> Tell:
    """Run a story in a world with acme's app ``counter``."""

    def run(story: Story, **sizes: int) -> None:
        async def whole() -> None:
            world = World(tmp_path, **sizes)
            try:
                await world.catalogue.create_app("acme", "counter")
                await asyncio.wait_for(story(world), 20)
            finally:
                world.database.close()

        asyncio.run(whole())

    return run


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


# -- apps ------------------------------------------------------------------------------------------------------------


def test_a_tenant_sees_its_own_apps_and_others_see_all(tell: Tell) -> None:
    async def story(world: World) -> None:
        catalogue = world.catalogue
        theirs = await catalogue.create_app("other", "counter")
        assert theirs == App("other.counter", "other", "counter", NOW)
        assert [app.id for app in await catalogue.apps("acme")] == ["acme.counter"]
        assert [app.id for app in await catalogue.apps(None)] == ["acme.counter", "other.counter"]
        assert await catalogue.app("other.counter", "other") == theirs == await catalogue.app("other.counter", None)

    tell(story)


def test_anothers_app_is_not_there_for_anything(tell: Tell) -> None:
    async def story(world: World) -> None:
        catalogue = world.catalogue
        version = await world.upload(COMPONENT)
        for asked in (
            catalogue.app("acme.counter", "other"),
            catalogue.app("acme.nothing", None),
            catalogue.versions("acme.counter", "other"),
            catalogue.version("acme.counter", "other", version.digest),
            catalogue.drop_version("acme.counter", "other", version.digest),
            catalogue.drop_app("acme.counter", "other"),
            catalogue.upload("acme.counter", "other", None, in_chunks(CORE)),
            catalogue.upload("acme.counter", "other", None, None, "localhost/bb:1"),
        ):
            with pytest.raises(NotFound, match="there is no app"):
                await asked
        assert await catalogue.versions("acme.counter", "acme") == [version]
        assert len(world.kept()) == 1

    tell(story)


def test_a_name_is_taken_once_also_by_two_at_once(tell: Tell) -> None:
    async def story(world: World) -> None:
        answers = await asyncio.gather(
            *(world.catalogue.create_app("acme", "twice") for _ in range(2)), return_exceptions=True
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["AlreadyExists", "App"]
        with pytest.raises(AlreadyExists):
            await world.catalogue.create_app("acme", "counter")
        with pytest.raises(Invalid):
            await world.catalogue.create_app("acme", "a.b")

    tell(story)


def test_a_tenant_has_so_many_apps_and_no_more(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_module, "APPS_MAX", 3)

    async def story(world: World) -> None:
        await asyncio.gather(
            *(world.catalogue.create_app("acme", f"app{number}") for number in range(6)), return_exceptions=True
        )
        assert len(await world.catalogue.apps("acme")) == 3
        with pytest.raises(CatalogueFull) as refused:
            await world.catalogue.create_app("acme", "more")
        assert refused.value.extra == {"of": "apps", "most": 3}
        await world.catalogue.create_app("other", "more")

    tell(story)


# -- uploads ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind"), [(COMPONENT + b"x" * 5_000, "component"), (CORE, "command"), (archive(), "image")]
)
def test_what_is_accepted_is_a_version_named_by_its_content(tell: Tell, body: bytes, kind: str) -> None:
    async def story(world: World) -> None:
        version = await world.upload(body)
        assert version == Version("acme.counter", digest_of(body), kind, len(body), NOW, "", 1 << 20)  # type: ignore[arg-type]
        assert (await world.blobs.path(version.digest)).read_bytes() == body
        assert (world.wasm.seen + world.image.seen) == [(kind, version.digest, "")]
        assert await world.catalogue.version("acme.counter", "acme", "latest") == version

    tell(story)


def test_the_same_bytes_again_are_the_same_version_also_at_once(tell: Tell) -> None:
    async def story(world: World) -> None:
        first = await asyncio.gather(*(world.upload(COMPONENT) for _ in range(3)))
        world.clock.advance(60)
        await world.upload(CORE)
        assert {version.created_at for version in [*first, await world.upload(COMPONENT)]} == {NOW}
        assert len(world.wasm.seen) == 2 and len(world.kept()) == 2
        assert [version.kind for version in await world.catalogue.versions("acme.counter", None)] == [
            "component",
            "command",
        ]

    tell(story)


def test_bytes_that_went_missing_are_there_again_once_they_are_uploaded_again(tell: Tell) -> None:
    async def story(world: World) -> None:
        version = await world.upload(COMPONENT)
        await world.blobs.drop(version.digest)
        assert await world.upload(COMPONENT) == version
        assert (await world.blobs.path(version.digest)).read_bytes() == COMPONENT

    tell(story)


def test_an_image_may_be_given_by_its_reference_alone(tell: Tell) -> None:
    async def story(world: World) -> None:
        reference = "localhost/shop/counter:1.4"
        for kind in (None, "image"):
            version = await world.catalogue.upload("acme.counter", "acme", kind, None, reference)  # type: ignore[arg-type]
            digest = digest_of(reference.encode())
            assert version == Version("acme.counter", digest, "image", 0, NOW, reference, 1 << 20)
        assert world.image.seen == [("image", digest, reference)] and world.kept() == []
        assert await world.catalogue.drop_version("acme.counter", "acme", digest) == version

    tell(story)


async def refused_uploads(world: World) -> None:
    for kind, body, reference, refusal in (
        (None, b"", "", CodeRefused),
        (None, b"rubbish", "", CodeRefused),
        (None, COMPONENT[:6], "", CodeRefused),
        ("image", COMPONENT, "", CodeRefused),
        ("component", CORE, "", CodeRefused),
        (None, COMPONENT + FLAW, "", CodeRefused),
        (None, archive() + FLAW, "", CodeRefused),
        (None, COMPONENT + b"x" * 20_000, "", CodeTooLarge),
        (None, COMPONENT, "localhost/bb:1", Invalid),
        (None, None, "", Invalid),
        (None, None, "../bb", Invalid),
        ("component", None, "localhost/bb:1", CodeRefused),
        (None, None, "localhost/flaw", CodeRefused),
    ):
        chunks = None if body is None else in_chunks(body)
        with pytest.raises(refusal):
            await world.catalogue.upload("acme.counter", "acme", kind, chunks, reference)  # type: ignore[arg-type]


def test_nothing_is_left_of_what_is_refused(tell: Tell) -> None:
    async def story(world: World) -> None:
        await refused_uploads(world)
        assert world.kept() == []
        assert await world.catalogue.versions("acme.counter", None) == []

    tell(story, wasm_max=10_000, image_max=40_000)


def test_what_others_use_stays_when_the_same_bytes_are_refused(tell: Tell) -> None:
    """A runtime may change its mind; the version that was accepted keeps its bytes."""

    async def story(world: World) -> None:
        await world.catalogue.create_app("other", "theirs")
        accepted = await world.upload(COMPONENT, "other.theirs")
        world.wasm.gate.clear()
        uploading = asyncio.create_task(world.upload(COMPONENT))
        while len(world.wasm.seen) < 2:
            await asyncio.sleep(0.001)
        uploading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await uploading
        assert (await world.blobs.path(accepted.digest)).read_bytes() == COMPONENT

    tell(story)


@pytest.mark.parametrize("announced", [0, 1 << 30])
def test_a_module_of_a_gigabyte_is_refused_while_it_comes(tell: Tell, announced: int) -> None:
    async def story(world: World) -> None:
        taken = 0

        async def gigabyte() -> AsyncIterator[bytes]:
            nonlocal taken
            yield COMPONENT
            for _ in range(1 << 14):
                taken += 1 << 16
                yield b"\0" * (1 << 16)

        with pytest.raises(CodeTooLarge) as refused:
            await world.catalogue.upload("acme.counter", "acme", None, gigabyte(), announced=announced)
        assert refused.value.extra == {"most": 1 << 20}
        assert taken <= (2 << 16 if announced else (1 << 20) + (1 << 16))
        assert world.kept() == []

    tell(story, wasm_max=1 << 20)


def test_of_images_more_is_taken_than_of_modules(tell: Tell) -> None:
    async def story(world: World) -> None:
        version = await world.upload(archive() + b"\0" * 20_000)
        assert version.kind == "image" and version.size > 20_000

    tell(story, wasm_max=1_000, image_max=40_000)


def test_a_kind_that_nothing_runs_is_refused_before_it_is_taken(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path)
        try:
            world.catalogue._runtimes = Runtimes([world.wasm])
            await world.catalogue.create_app("acme", "counter")
            with pytest.raises(CodeRefused, match="what runs is command, component") as refused:
                await world.upload(archive())
            assert refused.value.extra == {"fault": "no-runtime"} and world.kept() == []
            with pytest.raises(CodeRefused):
                await world.catalogue.upload("acme.counter", None, None, None, "localhost/bb:1")
        finally:
            world.database.close()

    asyncio.run(story())


def test_a_sender_that_breaks_off_leaves_nothing(tell: Tell) -> None:
    async def story(world: World) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield COMPONENT + b"x" * 100_000
            raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            await world.catalogue.upload("acme.counter", None, None, broken())
        assert world.kept() == [] and world.wasm.seen == []

    tell(story)


@pytest.mark.parametrize("step", ["looking", "recording"])
def test_who_is_cancelled_leaves_a_whole_version_or_nothing(
    tell: Tell, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: World) -> None:
        reached = asyncio.Event()
        loop = asyncio.get_running_loop()
        put_version = world.records.put_version

        def slowly(version: Version) -> None:
            loop.call_soon_threadsafe(reached.set)
            put_version(version)

        monkeypatch.setattr(world.records, "put_version", slowly)
        if step == "looking":
            world.wasm.gate.clear()
        uploading = asyncio.create_task(world.upload(COMPONENT))
        if step == "looking":
            while not world.wasm.seen:
                await asyncio.sleep(0.001)
        else:
            await reached.wait()
        uploading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await uploading
        versions = await world.catalogue.versions("acme.counter", None)
        assert len(versions) == len(world.kept()) == (1 if step == "recording" else 0)

    tell(story)


def test_records_that_fail_leave_no_version_without_bytes(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World) -> None:
        def fail(_: Version) -> None:
            raise RecordsUnavailable("the disk is full")

        with monkeypatch.context() as failing:
            failing.setattr(world.records, "put_version", fail)
            with pytest.raises(RecordsUnavailable):
                await world.upload(COMPONENT)
        assert world.kept() == []
        assert await world.upload(COMPONENT)

    tell(story)


def test_a_tenants_code_is_looked_at_one_after_another_and_others_meanwhile(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.catalogue.create_app("other", "theirs")
        world.wasm.gate.clear()
        uploads = [asyncio.create_task(world.upload(COMPONENT + bytes([number]))) for number in range(3)]
        uploads.append(asyncio.create_task(world.upload(CORE, "other.theirs")))
        while world.wasm.at_once < 2:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
        world.wasm.gate.set()
        await asyncio.gather(*uploads)
        assert world.wasm.most_at_once == 2
        assert len({version.digest for version in await world.catalogue.versions("acme.counter", None)}) == 3

    tell(story)


def test_a_tenant_sends_so_much_at_once_and_no_more(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.catalogue.create_app("other", "theirs")
        go_on = asyncio.Event()

        async def waiting(number: int) -> AsyncIterator[bytes]:
            yield COMPONENT + bytes([number]) * 600
            await go_on.wait()

        upload = world.catalogue.upload
        uploads = [
            asyncio.create_task(upload("acme.counter", "acme", None, waiting(number)))
            for number in range(UPLOADS_AT_ONCE)
        ]
        while len(world.kept()) < UPLOADS_AT_ONCE:
            await asyncio.sleep(0.001)
        with pytest.raises(TooManyRequests) as refused:
            await world.upload(CORE)
        assert refused.value.extra["retry_after_s"] > 0
        await world.upload(CORE, "other.theirs")
        go_on.set()
        await asyncio.gather(*uploads)
        await world.upload(CORE)

    tell(story)


# -- quotas ----------------------------------------------------------------------------------------------------------


def test_an_app_has_so_many_versions_and_no_more(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_module, "VERSIONS_MAX", 2)

    async def story(world: World) -> None:
        await asyncio.gather(*(world.upload(CORE + bytes([number])) for number in range(4)), return_exceptions=True)
        versions = await world.catalogue.versions("acme.counter", None)
        assert len(versions) == len(world.kept()) == 2
        with pytest.raises(CatalogueFull) as refused:
            await world.upload(COMPONENT)
        assert refused.value.extra == {"of": "versions", "most": 2} and len(world.kept()) == 2
        with pytest.raises(CatalogueFull):
            await world.catalogue.upload("acme.counter", None, None, None, "localhost/bb:1")
        await world.catalogue.drop_version("acme.counter", None, versions[0].digest)
        await world.upload(COMPONENT)

    tell(story)


def test_a_tenant_keeps_so_many_bytes_and_no_more(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_module, "BYTES_MAX", 2_500)

    async def story(world: World) -> None:
        await world.catalogue.create_app("acme", "second")
        await world.catalogue.create_app("other", "theirs")
        module = COMPONENT + b"x" * 992
        await world.upload(module)
        await world.upload(module, "acme.second")  # the same bytes are kept, and counted, once
        await world.upload(module + b"1", "acme.second")
        with pytest.raises(CatalogueFull) as refused:
            await world.upload(module + b"2")
        assert refused.value.extra == {"of": "bytes", "most": 2_500} and len(world.kept()) == 2
        await world.upload(module + b"2", "other.theirs")
        assert await world.upload(module)

    tell(story)


# -- dropping --------------------------------------------------------------------------------------------------------


def test_bytes_go_with_the_last_version_that_is_made_of_them(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.catalogue.create_app("other", "theirs")
        version = await world.upload(COMPONENT)
        await world.upload(COMPONENT, "other.theirs")
        assert await world.catalogue.drop_version("acme.counter", "acme", version.digest[:20]) == version
        assert len(world.kept()) == 1
        await world.catalogue.drop_app("other.theirs", "other")
        assert world.kept() == []
        with pytest.raises(NotFound):
            await world.catalogue.app("other.theirs", None)
        with pytest.raises(NotFound):
            await world.catalogue.drop_version("acme.counter", "acme", version.digest)

    tell(story)


def test_what_a_deployment_is_made_of_stays_and_the_refusal_names_it(tell: Tell) -> None:
    async def story(world: World) -> None:
        old, new, idle = await world.upload(COMPONENT), await world.upload(CORE), await world.upload(CORE + b"x")
        deployment = world.deploy(new, "d1", former=old.digest)
        for asked in (
            world.catalogue.drop_version("acme.counter", "acme", new.digest),
            world.catalogue.drop_version("acme.counter", "acme", old.digest),
            world.catalogue.drop_app("acme.counter", "acme"),
        ):
            with pytest.raises(InUse, match="d1") as refused:
                await asked
            assert refused.value.extra == {"deployments": ["d1"]}
        await world.catalogue.drop_version("acme.counter", "acme", idle.digest)
        world.run(old)
        world.remove(deployment)
        world.records.drop_deployment("d1")
        with pytest.raises(InUse, match="d1"):  # it still runs, to the end of its grace
            await world.catalogue.drop_version("acme.counter", "acme", old.digest)
        await world.catalogue.drop_version("acme.counter", "acme", new.digest)
        world.records.drop_instance("wm-1~4")
        await world.catalogue.drop_app("acme.counter", "acme")
        assert world.kept() == []

    tell(story)


def test_whoever_drops_and_whoever_uploads_the_same_bytes_never_leave_a_version_without_them(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.catalogue.create_app("other", "theirs")
        theirs = await world.upload(COMPONENT, "other.theirs")
        for _ in range(30):
            await asyncio.gather(
                world.upload(COMPONENT),
                world.catalogue.drop_version("other.theirs", None, theirs.digest),
            )
            assert (await world.blobs.path(theirs.digest)).read_bytes() == COMPONENT
            await asyncio.gather(
                world.upload(COMPONENT, "other.theirs"),
                world.catalogue.drop_version("acme.counter", None, theirs.digest),
            )
            assert (await world.blobs.path(theirs.digest)).read_bytes() == COMPONENT

    tell(story)


def test_a_start_sweeps_bytes_that_no_version_is_made_of(tell: Tell) -> None:
    """The process ended after bytes were kept, and before their version was recorded."""

    async def story(world: World) -> None:
        version = await world.upload(COMPONENT)
        await world.blobs.put(in_chunks(b"of no version"), 100)
        assert len(world.kept()) == 2
        await world.catalogue.sweep()
        assert world.kept() == [version.digest.removeprefix("sha256:")]

    tell(story)


# -- runtimes --------------------------------------------------------------------------------------------------------


def test_code_goes_to_the_first_runtime_of_its_kind() -> None:
    async def story() -> None:
        one, two = Inspector("component"), Inspector("component", "image")
        runtimes = Runtimes([one, two])
        assert (runtimes.of("component"), runtimes.of("image")) == (one, two)
        assert runtimes.kinds == ["component", "image"]
        with pytest.raises(CodeRefused, match="what runs is component, image"):
            runtimes.of("command")
        with pytest.raises(CodeRefused, match="no code runs here"):
            Runtimes([]).of("command")

    asyncio.run(story())


def test_all_runtimes_are_closed_even_if_one_fails_at_it() -> None:
    class Failing(Inspector):
        async def close(self) -> None:
            raise OSError("it hangs")

    async def story() -> None:
        other = Inspector("image")
        with pytest.raises(OSError, match="it hangs"):
            await Runtimes([Failing("component"), other]).close()
        assert other.closed

    asyncio.run(story())
