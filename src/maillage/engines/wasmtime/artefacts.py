"""Compiled code, kept by the digest of what it was compiled from: made here, never taken from anybody."""

import asyncio
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path
from shutil import rmtree

import msgspec

from maillage.engines.wasmtime.compile import Report
from maillage.engines.wasmtime.library import engine_key
from maillage.engines.wasmtime.shape import Shape
from maillage.services.compute.errors import CodeRefused
from maillage.services.compute.model import CodeKind

WITHIN_S = 180.0
AT_ONCE = 2
KEPT_BYTES_MAX = 4 * 1024**3
_SAID_MAX = 300


class Artefact(msgspec.Struct, frozen=True):
    path: Path
    shape: Shape


class Artefacts:
    """Files in ``folder``, in a folder for each engine that they are good for; those of other engines are dropped when
    the first of this one is made."""

    def __init__(self, folder: Path) -> None:
        self._root = folder
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._parts = count()
        self._swept = False

    async def have(self, code: Path, kind: CodeKind, digest: str) -> Artefact:
        """The artefact of code, made where there is none; CodeRefused where the code is not fit for it."""
        found = self._kept(kind, digest)
        if found is None:
            async with self._turn:
                found = self._kept(kind, digest) or await self._make(code, kind, digest)
        return found

    def drop(self, kind: CodeKind, digest: str) -> None:
        told, made = self._files(kind, digest)
        told.unlink(missing_ok=True)
        made.unlink(missing_ok=True)

    def _files(self, kind: CodeKind, digest: str) -> tuple[Path, Path]:
        name = f"{digest.removeprefix('sha256:')}.{kind}"
        folder = self._root / engine_key()
        return folder / f"{name}.json", folder / f"{name}.cwasm"

    def _kept(self, kind: CodeKind, digest: str) -> Artefact | None:
        told, made = self._files(kind, digest)
        try:
            shape = msgspec.json.decode(told.read_bytes(), type=Shape)
        except (OSError, msgspec.DecodeError):
            return None
        if not made.is_file():
            return None
        told.touch()
        return Artefact(made, shape)

    async def _make(self, code: Path, kind: CodeKind, digest: str) -> Artefact:
        told, made = self._files(kind, digest)
        if not made.parent.is_dir():
            for former in self._root.glob("*"):
                rmtree(former, ignore_errors=True)
            made.parent.mkdir(parents=True, exist_ok=True)
        self._sweep(made.parent)
        # The same code may be compiled twice at once; each writes a file of its own, and the last one stays.
        part = made.with_suffix(f".{next(self._parts)}.part")
        try:
            report = await _compiled(kind, code, digest, part)
            if report.shape is None:
                raise CodeRefused(report.detail, fault=report.fault)
            part.replace(made)
            # Last, for an artefact counts as made once this is here.
            part.write_bytes(msgspec.json.encode(report.shape))
            part.replace(told)
        finally:
            part.unlink(missing_ok=True)
        self._tidy(told)
        return Artefact(made, report.shape)

    def _sweep(self, folder: Path) -> None:
        """Once, before the first is made: parts that a process before this one left when it was killed."""
        if not self._swept:
            self._swept = True
            for part in folder.glob("*.part"):
                part.unlink(missing_ok=True)

    def _tidy(self, newest: Path) -> None:
        """Forget those that were not made or used for the longest time, as long as there are too many bytes of them:
        each can be made again."""
        kept = sorted(newest.parent.glob("*.json"), key=lambda told: told.stat().st_mtime, reverse=True)
        total = 0
        for told in kept:
            made = told.with_suffix(".cwasm")
            total += made.stat().st_size if made.is_file() else 0
            if total > KEPT_BYTES_MAX and told != newest:
                told.unlink(missing_ok=True)
                made.unlink(missing_ok=True)


async def _compiled(kind: CodeKind, code: Path, digest: str, into: Path) -> Report:
    """What the compiling process reports. It has no environment, so it knows no secrets of ours."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", "maillage.engines.wasmtime.compile", kind, str(code), digest, str(into)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            said, complaint = await process.communicate()
    except TimeoutError:
        raise CodeRefused(f"it could not be compiled within {WITHIN_S:g} s", fault="too-heavy") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    try:
        return msgspec.json.decode(said, type=Report)
    except msgspec.DecodeError:
        last = complaint.decode(errors="replace").strip()[-_SAID_MAX:]
        raise CodeRefused(
            f"compiling it took more than it may, and was ended (code {process.returncode}): {last}", fault="too-heavy"
        ) from None
