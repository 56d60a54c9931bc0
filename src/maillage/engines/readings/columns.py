"""Columns of numbers as few bytes, and back without loss.

What follows one another is alike: of integers the differences are kept, less the usual one and divided by what they
have in common, so that readings a minute apart cost nothing and a hundredth of a degree a few bits. They are written in
as few bytes as the greatest needs, the first bytes of all before the second ones, and deflated, whose checksum also
tells a damaged column. Decimals are integers first; a column with a number that is no decimal of up to nine places is
kept as it is.
"""

import struct
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Column = npt.NDArray[Any]
T = TypeVar("T")

_HEAD = struct.Struct("<IqqqB")
"""How many, the first, the usual difference, what the others have in common, bytes of each."""
_LENGTH = struct.Struct("<I")
_AS_THEY_ARE = 255
_PLACES = (2, 6, 9)
"""Decimal places that are tried. More than needed cost nothing: it is in common."""
_EXACT_MAX = 1 << 53
_LEVEL = 6


class Damaged(ValueError):
    """These bytes are not what was written."""


def pack(*columns: Column) -> bytes:
    """Columns, integers or decimals by their type, one after the other."""
    parts = [_packed_ints(each) if each.dtype == np.int64 else _packed_floats(each) for each in columns]
    return b"".join(_LENGTH.pack(len(part)) + part for part in parts)


def unpack(body: bytes, types: str) -> list[Column]:
    """The columns of a body; ``types`` has a letter for each: i for integers, f for decimals. Damaged if it is not one
    of these."""
    columns: list[Column] = []
    position = 0
    try:
        for letter in types:
            (length,) = _LENGTH.unpack_from(body, position)
            position += _LENGTH.size
            part = zlib.decompress(body[position : position + length])
            columns.append(_unpacked_ints(part) if letter == "i" else _unpacked_floats(part))
            position += length
    except (struct.error, zlib.error, ValueError) as fault:
        raise Damaged(str(fault)) from None
    return columns


def readable(unpack_it: Callable[[bytes], T], body: bytes, otherwise: Callable[[Damaged], T]) -> T:
    """What a body holds, or what is to be instead where it is damaged."""
    try:
        return unpack_it(body)
    except Damaged as fault:
        return otherwise(fault)


def decimal_places(values: Floats) -> int | None:
    """How many places are enough to write all values as decimals; None where nine are not."""
    most = float(np.abs(values).max(initial=0.0))
    for places in _PLACES:
        scale = 10.0**places
        if most * scale >= _EXACT_MAX:
            return None
        if bool(np.all(np.rint(values * scale) / scale == values)):
            return places
    return None


def scaled(values: Floats, places: int) -> Ints:
    """Decimals of so many places as integers."""
    return np.rint(values * 10.0**places).astype(np.int64)


def _packed_ints(numbers: Ints) -> bytes:
    return zlib.compress(_ints(numbers), _LEVEL)


def _packed_floats(values: Floats) -> bytes:
    places = decimal_places(values)
    if places is None:
        return zlib.compress(bytes([_AS_THEY_ARE]) + _shuffled(values.astype("<f8")), _LEVEL)
    return zlib.compress(bytes([places]) + _ints(scaled(values, places)), _LEVEL)


def _ints(numbers: Ints) -> bytes:
    if not numbers.size:
        return _HEAD.pack(0, 0, 0, 1, 0)
    steps = np.diff(numbers)
    usual = int(np.partition(steps, steps.size // 2)[steps.size // 2]) if steps.size else 0
    rest = steps - usual
    common = int(np.gcd.reduce(np.abs(rest))) if steps.size else 0
    unsigned = _zigzag(rest // common) if common else rest
    width = _width(int(unsigned.max(initial=0)))
    body = _shuffled(unsigned.astype(f"<u{width}")) if width else b""
    return _HEAD.pack(numbers.size, int(numbers[0]), usual, common or 1, width) + body


def _unpacked_ints(part: bytes) -> Ints:
    count, first, usual, common, width = _HEAD.unpack_from(part)
    if not count:
        return np.empty(0, np.int64)
    steps = np.full(count - 1, usual, np.int64)
    if width:
        unsigned = _unshuffled(part[_HEAD.size :], width, count - 1).astype(np.int64)
        steps += ((unsigned >> 1) ^ -(unsigned & 1)) * common
    numbers = np.empty(count, np.int64)
    numbers[0] = first
    np.cumsum(steps, out=numbers[1:])
    numbers[1:] += first
    return numbers


def _unpacked_floats(part: bytes) -> Floats:
    places = part[0]
    if places == _AS_THEY_ARE:
        return _unshuffled(part[1:], 8, (len(part) - 1) // 8).view("<f8").astype(np.float64)
    return _unpacked_ints(part[1:]) / 10.0**places


def _zigzag(numbers: Ints) -> Ints:
    """Small integers of either sign as small ones without: 0, -1, 1, -2 become 0, 1, 2, 3."""
    return (numbers << 1) ^ (numbers >> 63)


def _width(greatest: int) -> int:
    needed = (greatest.bit_length() + 7) // 8
    return next(width for width in (0, 1, 2, 4, 8) if width >= needed)


def _shuffled(numbers: Column) -> bytes:
    return numbers.view(np.uint8).reshape(-1, numbers.dtype.itemsize).T.tobytes()


def _unshuffled(body: bytes, width: int, count: int) -> Column:
    bytes_apart = np.frombuffer(body, np.uint8).reshape(width, count)
    return np.ascontiguousarray(bytes_apart.T).reshape(-1).view(f"<u{width}")
