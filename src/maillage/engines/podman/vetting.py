"""Image archives, looked through before podman sees them: what an archive holds is a stranger's word.

``vet`` reads a docker or OCI archive, packed or not, and writes a docker archive of only what the image consists of,
under a name of ours. Refused are names and links that lead out of the image, devices, and more files or bytes than are
taken. Layers are copied as they came: their digests are the image's identity.
"""

import gzip
import io
import json
import posixpath
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self, cast

import msgspec

from maillage.engines.podman.layouts import Layout, Unfit, read_layout

_HEADER_MAX = 1024 * 1024
_SMALL_MAX = 4 * 1024 * 1024
_RATIO_FREE = 64 * 1024 * 1024
"""So much may come out of a packed file however small it was: a file of zeros is no bomb yet."""
_CHUNK = 1024 * 1024
_LONG_HEADERS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, *tarfile.GNU_TYPES[:2])
_READ_FAULTS = (tarfile.TarError, EOFError, zlib.error, OSError, RecursionError, ValueError, OverflowError)


class Bounds(msgspec.Struct, frozen=True):
    """What an archive may hold. ``ratio`` is unpacked to packed bytes, of what is packed with gzip."""

    bytes_max: int = 4 * 1024**3
    files_max: int = 200_000
    layers_max: int = 127
    ratio_max: int = 200


def vet(source: Path, target: Path, name: str, bounds: Bounds) -> None:
    """Write the image of ``source`` to ``target``, named ``name``. Unfit says why it is not taken; what is in
    ``target`` then is worth nothing."""
    tally = _Tally(bounds)
    try:
        with _plain(source, target.with_suffix(".plain"), tally) as plain:
            _rebuild(plain, target, name, tally)
    except _READ_FAULTS as fault:
        raise Unfit("archive", f"this is no image archive that can be read: {str(fault)[:200]}") from None
    finally:
        target.with_suffix(".plain").unlink(missing_ok=True)


class _Tally:
    """Counts over the whole archive, layers included."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._bytes = 0
        self._files = 0

    def file(self, size: int) -> None:
        self._files += 1
        self._bytes += size
        if self._files > self.bounds.files_max:
            raise Unfit("files", f"the image holds more than the {self.bounds.files_max:,} files that are taken")
        if self._bytes > self.bounds.bytes_max:
            raise Unfit("size", f"unpacked the image has more than the {self.bounds.bytes_max:,} bytes that are taken")


class _Unpacked(io.RawIOBase):
    """A gzip stream as it unpacks, up to a ratio and a size."""

    def __init__(self, packed: BinaryIO, packed_bytes: int, bounds: Bounds) -> None:
        self._packed = gzip.GzipFile(fileobj=packed)
        self._most = min(max(_RATIO_FREE, packed_bytes * bounds.ratio_max), 2 * bounds.bytes_max)
        self._out = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._packed.read1(len(buffer))
        self._out += len(chunk)
        if self._out > self._most:
            raise Unfit("bomb", f"{self._most:,} bytes came out of a packed file, and more are to come")
        buffer[: len(chunk)] = chunk
        return len(chunk)


class _Header(tarfile.TarInfo):
    """tarfile reads the headers that hold long names into memory, however long they say that they are."""

    def _proc_member(self, tar: tarfile.TarFile) -> Self:
        if self.type in _LONG_HEADERS and self.size > _HEADER_MAX:
            raise Unfit("archive", "a header of the archive is longer than any name or attribute")
        return cast(Self, super()._proc_member(tar))  # type: ignore[misc]


def _plain(source: Path, scratch: Path, tally: _Tally) -> BinaryIO:
    """The archive unpacked, so that it can be read at any place."""
    with source.open("rb") as packed:
        if packed.read(2) != b"\x1f\x8b":
            return source.open("rb")
        packed.seek(0)
        unpacked = _Unpacked(packed, source.stat().st_size, tally.bounds)
        with scratch.open("wb") as out:
            while chunk := unpacked.read(_CHUNK):
                out.write(chunk)
    return scratch.open("rb")


def _rebuild(plain: BinaryIO, target: Path, name: str, tally: _Tally) -> None:
    with tarfile.open(fileobj=plain, mode="r:", tarinfo=_Header) as archive:
        members = _outer(archive, tally)
        layout = read_layout(members.keys(), lambda member: _small(archive, members[member]))
        if len(layout.layers) > tally.bounds.layers_max:
            raise Unfit(
                "layers", f"the image has {len(layout.layers)} layers, at most {tally.bounds.layers_max} are taken"
            )
        with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as out:
            written = _write_layers(archive, members, layout, out, tally)
            _write(out, "config.json", json.dumps(layout.config).encode())
            manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": written}]
            _write(out, "manifest.json", json.dumps(manifest).encode())


def _outer(archive: tarfile.TarFile, tally: _Tally) -> dict[str, tarfile.TarInfo]:
    """The archive's own files by name; a link, as docker makes them for a layer that comes twice, as what it means."""
    found: dict[str, tarfile.TarInfo] = {}
    links: dict[str, str] = {}
    for count, member in enumerate(archive):
        if count >= tally.bounds.files_max:
            tally.file(tally.bounds.bytes_max)
        path = _inside(member.name)
        if member.isdir():
            continue
        if member.issym() or member.islnk():
            links[path] = _link_target(path, member)
        elif member.isreg():
            if path in found:
                raise Unfit("archive", f"{path[:100]!r} is in the archive twice")
            found[path] = member
        else:
            raise Unfit("device", f"{path[:100]!r} in the archive is a device or something stranger")
    for path, meant in links.items():
        if meant not in found:
            raise Unfit("link", f"{path[:100]!r} links to {meant[:100]!r}, which is no file of the archive")
        found.setdefault(path, found[meant])
    return found


def _small(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.size > _SMALL_MAX:
        raise Unfit("archive", f"{member.name[:100]!r} has {member.size} bytes, too many for a manifest")
    return _opened(archive, member).read()


def _write_layers(
    archive: tarfile.TarFile, members: dict[str, tarfile.TarInfo], layout: Layout, out: tarfile.TarFile, tally: _Tally
) -> list[str]:
    written: list[str] = []
    for number, layer in enumerate(layout.layers):
        if layer not in members:
            raise Unfit("archive", f"the archive's manifest names {layer[:100]!r}, which is not in it")
        member = members[layer]
        _vet_layer(_opened(archive, member), member.size, tally)
        entry = tarfile.TarInfo(f"layer-{number}.tar")
        entry.size = member.size
        out.addfile(entry, _opened(archive, member))
        written.append(entry.name)
    return written


def _vet_layer(stored: BinaryIO, size: int, tally: _Tally) -> None:
    magic = stored.read(6)
    stored.seek(0)
    stream: Any = stored
    if magic[:2] == b"\x1f\x8b":
        stream = _Unpacked(stored, size, tally.bounds)
    elif magic[:4] == b"\x28\xb5\x2f\xfd" or magic[:3] == b"BZh" or magic == b"\xfd7zXZ\x00":
        raise Unfit("packing", "a layer is packed with zstd, bzip2 or xz; build the image with gzip or plain layers")
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as layer:
        for member in _members(layer):
            tally.file(member.size if member.isreg() else 0)
            path = _inside(member.name)
            if member.issym() or member.islnk():
                _link_target(path, member)
            elif not (member.isreg() or member.isdir() or member.isfifo()):
                raise Unfit("device", f"{path[:100]!r} in a layer is a device or something stranger")


def _members(layer: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """One after another, without keeping those that are behind."""
    while (member := layer.next()) is not None:
        yield member
        layer.members = []  # type: ignore[attr-defined]


def _inside(name: str) -> str:
    """A member's path, from the image's root. Unfit where it leads out."""
    if name.startswith("/") or ".." in name.split("/"):
        raise Unfit("path", f"{name[:100]!r} leads out of the image")
    return posixpath.normpath(name)


def _link_target(path: str, member: tarfile.TarInfo) -> str:
    """Where a link leads, from the image's root: an absolute one means the image's own root."""
    if member.islnk():
        return _inside(member.linkname)
    if member.linkname.startswith("/"):
        return posixpath.normpath(member.linkname).lstrip("/")
    meant = posixpath.normpath(posixpath.join(posixpath.dirname(path), member.linkname))
    if meant == ".." or meant.startswith("../"):
        raise Unfit("link", f"the link {path[:100]!r} leads out of the image, to {member.linkname[:100]!r}")
    return meant


def _opened(archive: tarfile.TarFile, member: tarfile.TarInfo) -> BinaryIO:
    opened = archive.extractfile(member)
    assert opened is not None  # only regular files are kept
    return cast(BinaryIO, opened)


def _write(out: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    out.addfile(entry, io.BytesIO(content))
