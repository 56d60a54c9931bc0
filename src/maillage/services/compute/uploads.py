"""What comes when code is uploaded: told by its first bytes, before the rest is taken."""

import asyncio
import struct
import tarfile
from collections.abc import AsyncIterator
from typing import Literal

from maillage.kernel.errors import Malformed
from maillage.services.compute.errors import CodeRefused
from maillage.services.compute.model import CodeKind

Claimed = CodeKind | Literal["wasm"]
"""What a sender says that it sends; ``wasm`` is a component or a command, as the bytes say."""

STALL_S = 60.0
"""A sender that is silent for longer is not waited for: each that is under way takes room and one of its tenant's
places."""
HEAD = 512
"""Bytes that tell the kind: a tar's header has as many, the preamble of WebAssembly 8."""
_WASM = b"\0asm"
_CORE = (1, 0)
_COMPONENT = (13, 1)
"""Version and layer: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md"""
_GZIP = b"\x1f\x8b"
_NATIVE = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe")
_OTHERS = {b"PK": "a zip file", b"\x28\xb5\x2f\xfd": "zstd", b"(module": "the text format of WebAssembly"}


async def begin(body: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes]]:
    """The first bytes, ``HEAD`` or all that there are, and the whole from its beginning. Malformed where the sender
    falls silent."""
    head = b""
    while len(head) < HEAD and (chunk := await _next(body)) is not None:
        head += chunk
    return head, _whole(head, body)


def kind_of(head: bytes, claimed: Claimed | None) -> CodeKind:
    """The kind of code that begins so; CodeRefused where it is none, or another than ``claimed``."""
    found = _kind_of(head)
    if claimed == "wasm" and found == "image":
        raise CodeRefused("this is an archive, not WebAssembly as was said", fault="kind")
    if claimed not in (None, "wasm", found):
        raise CodeRefused(f"{_TOLD[found]}, so its kind is {found}, not {claimed}", fault="kind")
    return found


_TOLD = {
    "component": "this is a WebAssembly component",
    "command": "this is a core module of WebAssembly",
    "image": "this is an archive",
}


def _kind_of(head: bytes) -> CodeKind:
    if not head:
        raise CodeRefused("there is nothing in it; send the bytes of a module or of an image archive", fault="empty")
    if head.startswith(_WASM):
        return _wasm_kind(head)
    if head.startswith(_GZIP) or _is_tar(head):
        return "image"
    if head.startswith(_NATIVE):
        raise CodeRefused("this is native code, which is never taken; send WebAssembly or an image", fault="native")
    seems = next((f"; it seems to be {name}" for first, name in _OTHERS.items() if head.startswith(first)), "")
    raise CodeRefused(f"this is neither WebAssembly nor a tar archive of an image{seems}", fault="not-code")


def _wasm_kind(head: bytes) -> CodeKind:
    if len(head) < 8:
        raise CodeRefused("it is cut short: WebAssembly begins with 8 bytes", fault="truncated")
    version, layer = struct.unpack("<HH", head[4:8])
    if (version, layer) == _CORE:
        return "command"
    if (version, layer) == _COMPONENT:
        return "component"
    raise CodeRefused(
        f"this is WebAssembly of version {version}, layer {layer}; what runs here is a core module (version 1, layer 0)"
        " or a component (version 13, layer 1)",
        fault="wasm-version",
    )


def _is_tar(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


async def _whole(head: bytes, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    while (chunk := await _next(body)) is not None:
        yield chunk


async def _next(body: AsyncIterator[bytes]) -> bytes | None:
    try:
        async with asyncio.timeout(STALL_S):
            return await anext(body, None)
    except TimeoutError:
        raise Malformed(f"nothing came for {STALL_S:g} s, and the body was not at its end") from None
