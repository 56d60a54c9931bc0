"""Wrapping commit batches for the bus, and putting them together again."""

import zlib
from collections.abc import Iterator

import msgspec

from maillage.kernel.ports import Batch
from maillage.mesh.messages import PARCEL_BYTES, UNREADABLE, Parcel

LEVEL = 1
"""Of zlib: events repeat themselves, so the fastest level already takes four bytes of five away."""
PACKED_BYTES_MAX = 64 << 20
BATCH_BYTES_MAX = 512 << 20
"""Of one batch, packed and unpacked. The past of a store that changes hands is one; more is damaged or hostile."""
GROWTH_MAX, GROWTH_FREE_BYTES = 100, 4 << 20
"""Events unpack to about ten times their size; what grows further than so many times, and beyond a few MiB, is made to
fill the memory of whoever unpacks it."""
COUNT_MAX = 1 << 53
"""Above every position in a journal."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Parcel)


class Damaged(Exception):
    """Bytes that no node of ours would send."""


def parcels_of(batch: Batch, offset: int = 0) -> Iterator[Parcel]:
    """The parcels of a batch, from a byte of its packed form on."""
    packed = zlib.compress(batch.body, LEVEL)
    for start in range(offset, len(packed), PARCEL_BYTES):
        yield Parcel(batch.pos, batch.count, start, len(packed), packed[start : start + PARCEL_BYTES])


def encode_parcel(parcel: Parcel) -> bytes:
    return _encoder.encode(parcel)


def decode_parcel(body: bytes) -> Parcel:
    """Damaged where the bytes are no parcel."""
    try:
        return _decoder.decode(body)
    except UNREADABLE as fault:
        raise Damaged(str(fault)[:300]) from None


class Assembly:
    """Puts the parcels of one node together, batch by batch. A parcel that does not follow on is dropped."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._pos = -1
        self._length = 0
        self._total = 0

    @property
    def offset_of(self) -> tuple[int, int]:
        """The batch under way and how many bytes of it are here."""
        return self._pos, self._length

    def add(self, parcel: Parcel) -> Batch | None:
        """The batch that this parcel completes. Damaged where it can't be unpacked, or can't be a part of any."""
        beyond = parcel.offset + len(parcel.body)
        if not (0 <= parcel.offset < beyond <= parcel.total <= PACKED_BYTES_MAX):
            raise Damaged(f"{len(parcel.body)} bytes from {parcel.offset} on are no part of {parcel.total}")
        if not (0 <= parcel.pos < COUNT_MAX and 0 < parcel.count < COUNT_MAX):
            raise Damaged(f"no batch has {parcel.count} events from {parcel.pos} on")
        if parcel.offset == 0:
            self._parts, self._pos, self._length, self._total = [], parcel.pos, 0, parcel.total
        elif (parcel.pos, parcel.offset, parcel.total) != (self._pos, self._length, self._total):
            return None
        self._parts.append(parcel.body)
        self._length += len(parcel.body)
        if self._length < parcel.total:
            return None
        packed, self._parts, self._pos, self._length = b"".join(self._parts), [], -1, 0
        return Batch(parcel.pos, parcel.count, unpacked(packed))


def unpacked(packed: bytes) -> bytes:
    """Damaged where the bytes are not whole, or grow beyond reason."""
    inflate = zlib.decompressobj()
    most = min(max(GROWTH_MAX * len(packed), GROWTH_FREE_BYTES), BATCH_BYTES_MAX)
    try:
        body = inflate.decompress(packed, most)
    except zlib.error as fault:
        raise Damaged(str(fault)) from None
    if not inflate.eof:
        raise Damaged("the batch is cut short or too large")
    return body
