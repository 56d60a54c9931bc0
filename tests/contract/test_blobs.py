"""Whatever keeps blobs keeps them whole, under the digest of what they are, or not at all."""

import asyncio
import hashlib
import os
import shutil
import stat
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.engines import file_blobs, folder_room
from maillage.engines.file_blobs import BLOCK, FileBlobs
from maillage.kernel.errors import NotFound, NotReady
from maillage.services.compute.errors import CodeTooLarge

T = TypeVar("T")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "blobs"


@pytest.fixture
def blobs(folder: Path) -> FileBlobs:
    return FileBlobs(folder)


async def sent(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(work, 20))


def put(blobs: FileBlobs, *chunks: bytes, size_max: int = 1 << 30) -> tuple[str, int]:
    return run(blobs.put(sent(*chunks), size_max))


def test_what_was_put_is_there_under_its_digest(blobs: FileBlobs, folder: Path) -> None:
    digest, size = put(blobs, b"he", b"", b"llo")
    assert (digest, size) == (digest_of(b"hello"), 5)
    path = run(blobs.path(digest))
    assert path.read_bytes() == b"hello"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run(blobs.digests()) == [digest] and len(list(folder.iterdir())) == 1


@given(st.lists(st.binary(max_size=BLOCK // 4), max_size=12))
def test_however_it_is_cut_what_comes_out_is_what_went_in(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes]
) -> None:
    blobs = FileBlobs(tmp_path_factory.mktemp("blobs"))
    whole = b"".join(chunks)
    assert put(blobs, *chunks, size_max=len(whole)) == (digest_of(whole), len(whole))
    assert run(blobs.path(digest_of(whole))).read_bytes() == whole


def test_more_than_one_block_is_written_as_it_comes(blobs: FileBlobs, folder: Path) -> None:
    seen: list[int] = []

    async def long() -> AsyncIterator[bytes]:
        for _ in range(6):
            yield b"x" * BLOCK
            seen.append(sum(path.stat().st_size for path in folder.iterdir()))

    digest, size = run(blobs.put(long(), 6 * BLOCK))
    assert (digest, size) == (digest_of(b"x" * 6 * BLOCK), 6 * BLOCK)
    assert seen[3] >= 3 * BLOCK


def test_above_the_most_it_stops_taking_and_keeps_nothing(blobs: FileBlobs, folder: Path) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 1_000

    with pytest.raises(CodeTooLarge) as refused:
        run(blobs.put(endless(), 10_000))
    assert refused.value.extra == {"most": 10_000} and taken == 11
    assert list(folder.iterdir()) == []
    put(blobs, b"x" * 10_000, size_max=10_000)


def test_a_sender_that_breaks_off_leaves_nothing(blobs: FileBlobs, folder: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 2 * BLOCK
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        run(blobs.put(broken(), 1 << 30))
    assert list(folder.iterdir()) == []


def test_whoever_is_cancelled_leaves_nothing(blobs: FileBlobs, folder: Path) -> None:
    async def cancelled() -> None:
        begun = asyncio.Event()

        async def silent() -> AsyncIterator[bytes]:
            yield b"x" * 2 * BLOCK
            begun.set()
            await asyncio.sleep(60)

        putting = asyncio.create_task(blobs.put(silent(), 1 << 30))
        await begun.wait()
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting

    run(cancelled())
    assert list(folder.iterdir()) == []


def test_what_a_crash_left_unfinished_goes_at_the_next_start(blobs: FileBlobs, folder: Path) -> None:
    digest, _ = put(blobs, b"whole")
    (folder / f"{'0' * 32}.part").write_bytes(b"half")
    again = FileBlobs(folder)
    assert run(again.digests()) == [digest]
    assert [path.name for path in folder.iterdir()] == [digest.removeprefix("sha256:")]


def test_the_same_bytes_at_once_are_one_blob(blobs: FileBlobs, folder: Path) -> None:
    async def many() -> list[tuple[str, int]]:
        return await asyncio.gather(*(blobs.put(sent(b"a" * BLOCK, b"b"), 1 << 30) for _ in range(8)))

    assert set(run(many())) == {(digest_of(b"a" * BLOCK + b"b"), BLOCK + 1)}
    assert len(list(folder.iterdir())) == 1


def test_a_reader_is_not_disturbed_by_the_same_bytes_or_by_their_end(blobs: FileBlobs) -> None:
    digest, _ = put(blobs, b"hello")
    with run(blobs.path(digest)).open("rb") as reader:
        put(blobs, b"hello")
        run(blobs.drop(digest))
        assert reader.read() == b"hello"


def test_what_was_dropped_is_gone_and_the_rest_stays(blobs: FileBlobs) -> None:
    one, two = put(blobs, b"1")[0], put(blobs, b"2")[0]
    run(blobs.drop(one))
    run(blobs.drop(one))
    with pytest.raises(NotFound):
        run(blobs.path(one))
    assert run(blobs.digests()) == [two]


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "sha256:",
        "sha256:../../secret",
        "sha256:" + "../" * 21 + "a",
        "/etc/passwd",
        "sha256:" + "A" * 64,
        "sha256:" + "a" * 63,
        "sha256:" + "a" * 65,
        "sha256:" + "a" * 64 + "\n",
        "sha256:" + "\u0660" * 64,
        "sha512:" + "a" * 64,
        "a" * 64,
        "sha256:" + "\0" * 64,
    ],
)
def test_what_is_no_digest_leads_nowhere(blobs: FileBlobs, folder: Path, odd: str) -> None:
    (folder.parent / "secret").write_text("mine")
    with pytest.raises(NotFound):
        run(blobs.path(odd))
    run(blobs.drop(odd))
    assert (folder.parent / "secret").read_text() == "mine"


def test_they_are_not_found_before_the_claim_is_through(blobs: FileBlobs, folder: Path) -> None:
    async def claimed() -> None:
        told: list[str] = []

        async def claim(digest: str) -> None:
            told.append(digest)
            assert await blobs.digests() == []
            with pytest.raises(NotFound):
                await blobs.path(digest)

        digest, _ = await blobs.put(sent(b"hello"), 9, claim)
        assert told == [digest] == await blobs.digests()

    run(claimed())


def test_a_claim_that_fails_leaves_nothing(blobs: FileBlobs, folder: Path) -> None:
    async def no(_: str) -> None:
        raise NotReady("not now")

    with pytest.raises(NotReady):
        run(blobs.put(sent(b"hello"), 9, no))
    assert list(folder.iterdir()) == []


def test_the_last_of_the_disk_is_left_to_the_journal(
    blobs: FileBlobs, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills while bytes come: they are refused before it is full."""
    usage = shutil.disk_usage(folder)

    async def filling() -> AsyncIterator[bytes]:
        yield b"x" * BLOCK
        yield b"x" * BLOCK
        monkeypatch.setattr(folder_room.shutil, "disk_usage", lambda _: usage._replace(free=folder_room.ROOM_MIN - 1))
        yield b"x" * BLOCK

    with pytest.raises(NotReady, match="64 are needed"):
        run(blobs.put(filling(), 1 << 30))
    assert list(folder.iterdir()) == []


def test_the_bytes_are_on_the_disk_before_their_name_is(
    blobs: FileBlobs, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power cut leaves is told by the order: the file's sync, the rename, the folder's sync."""
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_sync(handle: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def noted_replace(path: Path, to: Path) -> Path:
        steps.append("rename")
        return replace(path, to)

    monkeypatch.setattr(file_blobs.os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    put(blobs, b"hello")
    assert steps == ["file", "rename", "folder"]


def test_many_that_put_and_drop_the_same_never_leave_half_of_it(blobs: FileBlobs) -> None:
    """Each moment it is whole or absent, whoever comes when."""
    body = b"z" * 3 * BLOCK

    async def storm() -> None:
        digest = digest_of(body)

        async def look() -> int:
            seen = 0
            for _ in range(60):
                try:
                    found = (await blobs.path(digest)).read_bytes()
                except (NotFound, FileNotFoundError):
                    continue
                assert found == body
                seen += 1
            return seen

        putting = [blobs.put(sent(body), 1 << 30) for _ in range(6)]
        dropping = [blobs.drop(digest) for _ in range(6)]
        await asyncio.gather(*putting, *dropping, look())
        await blobs.put(sent(body), 1 << 30)
        assert await look() == 60

    run(storm())
