"""What comes is told by its first bytes, however it is cut and whatever it claims to be."""

import asyncio
import gzip
import io
import tarfile
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.errors import Malformed
from maillage.services.compute import uploads
from maillage.services.compute.errors import CodeRefused
from maillage.services.compute.model import CodeKind
from maillage.services.compute.uploads import HEAD, Claimed, begin, kind_of
from tests.unit.services.compute.catalogue_world import COMPONENT, CORE, in_chunks


def archive(form: int = tarfile.USTAR_FORMAT) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as tar:
        entry = tarfile.TarInfo("manifest.json")
        entry.size = 2
        tar.addfile(entry, io.BytesIO(b"[]"))
    return packed.getvalue()


WHOLE: dict[str, tuple[bytes, CodeKind]] = {
    "a component": (COMPONENT + b"rest", "component"),
    "a core module": (CORE + b"rest", "command"),
    "an empty core module": (CORE, "command"),
    "a tar of POSIX": (archive(), "image"),
    "a tar of GNU": (archive(tarfile.GNU_FORMAT), "image"),
    "a tar with extended headers": (archive(tarfile.PAX_FORMAT), "image"),
    "a packed tar": (gzip.compress(archive()), "image"),
}


@pytest.mark.parametrize(("body", "kind"), WHOLE.values(), ids=WHOLE.keys())
def test_the_kind_is_told_from_the_first_bytes(body: bytes, kind: CodeKind) -> None:
    assert kind_of(body[:HEAD], None) == kind == kind_of(body[:HEAD], kind)
    if kind != "image":
        assert kind_of(body[:HEAD], "wasm") == kind


@pytest.mark.parametrize(
    ("body", "claimed"),
    [
        (COMPONENT, "command"),
        (COMPONENT, "image"),
        (CORE, "component"),
        (CORE, "image"),
        (archive(), "component"),
        (archive(), "command"),
        (archive(), "wasm"),
    ],
)
def test_what_is_not_what_it_is_said_to_be_is_refused(body: bytes, claimed: Claimed) -> None:
    with pytest.raises(CodeRefused) as refused:
        kind_of(body[:HEAD], claimed)
    assert refused.value.extra == {"fault": "kind"}


REFUSED = {
    "nothing": (b"", "empty"),
    "a module without its version": (b"\0asm\x01", "truncated"),
    "a module of the future": (b"\0asm\x02\0\0\0", "wasm-version"),
    "a component of an old draft": (b"\0asm\x0c\0\x01\0", "wasm-version"),
    "a program of this machine": (b"\x7fELF" + b"\0" * 600, "native"),
    "a program of Windows": (b"MZ" + b"\0" * 600, "native"),
    "a zip file": (b"PK\x03\x04" + b"\0" * 600, "not-code"),
    "text of WebAssembly": (b"(module)", "not-code"),
    "text": (b"print('hello')", "not-code"),
    "zeros, which a tar ends with": (b"\0" * 10_240, "not-code"),
    "a tar cut short": (archive()[:400], "not-code"),
    "a tar with a byte changed": (b"x" + archive()[1:], "not-code"),
    "part of the magic": (b"\0as", "not-code"),
}


@pytest.mark.parametrize(("body", "fault"), REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("claimed", [None, "wasm", "component", "image"])
def test_what_is_no_code_is_refused_whatever_it_is_said_to_be(body: bytes, fault: str, claimed: Claimed) -> None:
    with pytest.raises(CodeRefused) as refused:
        kind_of(body[:HEAD], claimed)
    assert refused.value.extra == {"fault": fault}


@given(st.binary(max_size=2 * HEAD))
def test_any_bytes_are_told_or_refused(body: bytes) -> None:
    try:
        assert kind_of(body[:HEAD], None) in ("component", "command", "image")
    except CodeRefused as refusal:
        assert refusal.detail and refusal.extra["fault"]


@given(st.binary(max_size=3 * HEAD), st.integers(1, 2 * HEAD))
def test_nothing_is_lost_by_looking(body: bytes, size: int) -> None:
    async def looked() -> tuple[bytes, bytes]:
        head, whole = await begin(in_chunks(body, size))
        return head, b"".join([chunk async for chunk in whole])

    head, whole = asyncio.run(looked())
    assert whole == body and body.startswith(head) and len(head) >= min(len(body), HEAD)


@pytest.mark.parametrize("sent", [b"", COMPONENT, COMPONENT + b"x" * HEAD])
def test_a_sender_that_falls_silent_is_not_waited_for(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "STALL_S", 0.05)

    async def silent() -> AsyncIterator[bytes]:
        yield sent
        await asyncio.sleep(60)

    async def taken() -> None:
        _, whole = await begin(silent())
        async for _ in whole:
            pass

    with pytest.raises(Malformed, match="nothing came for"):
        asyncio.run(asyncio.wait_for(taken(), 10))
