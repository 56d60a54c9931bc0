"""The file that a backup is: a gzipped tar, whose first member says what the others must be.

Nothing of an archive is believed: it may be damaged, or made by somebody to do harm. So it is read as a stream and
each member is written by us to a place that we know, and never extracted to where it says.
"""

import gzip
import hashlib
import io
import os
import tarfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, BinaryIO, Literal, cast

import msgspec

from maillage.engines.folder_layout import belongs

FORMAT = 1
MANIFEST = "manifest.json"
MANIFEST_MAX = 16 << 20
"""Bytes: some 70,000 members."""
TAIL_MAX = 1 << 20
"""Bytes that may follow the last member: tar pads its end."""
CHUNK = 1 << 20
LEVEL = 6

Progress = Callable[[str, int, int], None]


class BackupDamaged(Exception):
    """The file is no backup, or not as it was written; the text says where."""


class Member(msgspec.Struct, frozen=True):
    """A file in the archive; ``sha256`` in hexadecimal."""

    name: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What is in a backup. ``events`` is where its journal ends; ``rows`` counts by database and table; ``records`` are
    ``elsewhere`` where a database server keeps them."""

    maillage: str
    sqlite: str
    made_at: str
    records: Literal["here", "elsewhere"]
    events: int
    rows: dict[str, dict[str, int]]
    members: list[Member]
    format: int = FORMAT


def digest_of_file(path: Path) -> str:
    """SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pack(staged: Path, manifest: Manifest, part: Path, on_progress: Progress) -> None:
    """Write the archive of a folder's files, for its owner's eyes only, and have it on the disk when this returns."""
    total = sum(member.bytes for member in manifest.members)
    done = 0

    def count(some: int) -> None:
        nonlocal done
        done += some
        on_progress("packing", done, total)

    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
        with tarfile.open(fileobj=out, mode="w:gz", compresslevel=LEVEL) as tar:
            body = msgspec.json.format(msgspec.json.encode(manifest))
            now = int(time.time())
            _add(tar, MANIFEST, len(body), now, io.BytesIO(body))
            for member in manifest.members:
                with (staged / member.name).open("rb") as file:
                    _add(tar, member.name, member.bytes, now, _Counting(file, count))
        out.flush()
        os.fsync(out.fileno())


def unpack(archive: Path, folder: Path, on_progress: Progress) -> Manifest:
    """Write the members of an archive into ``folder``, each checked. BackupDamaged where anything is not as it should
    be; OSError where the archive can't be opened or the disk is full."""
    with archive.open("rb") as file:
        try:
            with gzip.open(file, "rb") as unzipped, tarfile.open(fileobj=unzipped, mode="r|") as tar:
                manifest = _unpack(tar, folder, on_progress)
                if len(unzipped.read(TAIL_MAX)) == TAIL_MAX:
                    raise BackupDamaged(f"{archive}: something follows the last member")
        except BackupDamaged as fault:
            raise BackupDamaged(f"{archive}: {fault}") from None
        except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError) as fault:
            raise BackupDamaged(f"{archive}: it is no whole backup ({fault or type(fault).__name__})") from None
    return manifest


def _unpack(tar: tarfile.TarFile, folder: Path, on_progress: Progress) -> Manifest:
    first = tar.next()
    if first is None or first.name != MANIFEST or not first.isreg() or first.size > MANIFEST_MAX:
        raise BackupDamaged(f"it does not begin with {MANIFEST}, so it is no backup of Maillage")
    manifest = _manifest(_content(tar, first).read())
    expected = {member.name: member for member in manifest.members}
    total, done = sum(member.bytes for member in manifest.members), 0
    while (entry := tar.next()) is not None:
        member = expected.pop(entry.name, None)
        if member is None or not belongs(entry.name):
            raise BackupDamaged(f"{entry.name[:80]!r} has no place in a backup")
        if not entry.isreg() or entry.size != member.bytes:
            raise BackupDamaged(f"{member.name} is not the file that the manifest names")
        _write(_content(tar, entry), folder / member.name, member)
        done += member.bytes
        on_progress("unpacking", done, total)
    if expected:
        raise BackupDamaged(f"{', '.join(sorted(expected))} is missing")
    return manifest


def _manifest(body: bytes) -> Manifest:
    try:
        stated = msgspec.json.decode(body, type=dict[str, object])
        if stated.get("format") != FORMAT:
            raise BackupDamaged(f"it is of format {stated.get('format')!r}; this version of Maillage reads {FORMAT}")
        return msgspec.convert(stated, Manifest)
    except msgspec.MsgspecError as fault:
        raise BackupDamaged(f"its {MANIFEST} can't be read: {fault}") from None


def _write(content: IO[bytes], path: Path, member: Member) -> None:
    """Write a member as it comes, and have it on the disk when this returns."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
        while chunk := content.read(CHUNK):
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != member.sha256:
        raise BackupDamaged(f"{member.name} does not have the SHA-256 that the manifest names")


def _content(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(entry)
    if content is None:
        raise BackupDamaged(f"{entry.name[:80]!r} is no file")
    return content


def _add(tar: tarfile.TarFile, name: str, size: int, at: int, content: object) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = size, at, 0o600
    tar.addfile(entry, cast(BinaryIO, content))


class _Counting:
    """A file that tells how much was read of it."""

    def __init__(self, file: BinaryIO, count: Callable[[int], None]) -> None:
        self._file = file
        self._count = count

    def read(self, size: int = -1) -> bytes:
        some = self._file.read(size)
        self._count(len(some))
        return some
