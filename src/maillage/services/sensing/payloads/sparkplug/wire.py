"""Sparkplug's protobuf message, of which only the few fields are read that tell a value.

Field numbers: sparkplug_b.proto of the specification. A reader of these ten fields is less than any library that reads
all of protobuf; what it does not know it passes over, as protobuf means it to be.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

BYTES_MAX = 262_144
METRICS_MAX = 10_000
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_NUMBER_MAX = (1 << 29) - 1


class Damaged(Exception):
    """It is no protobuf, or not Sparkplug's."""


class Metric(NamedTuple):
    """``name`` or ``alias`` says which it is; ``value`` is as sent (see ``numbers``), None where there is none."""

    name: str | None = None
    alias: int | None = None
    at_ms: int | None = None
    datatype: int | None = None
    historical: bool = False
    null: bool = False
    value: int | float | bool | str | None = None


class Payload(NamedTuple):
    """``seq`` counts a node's messages, 0 to 255 and round again."""

    at_ms: int | None
    metrics: list[Metric]
    seq: int | None


def payload_of(raw: bytes) -> Payload:
    """Damaged where it can't be read to its end."""
    at_ms = seq = None
    metrics: list[Metric] = []
    for number, value in _fields(raw):
        if number == 1 and isinstance(value, int):
            at_ms = value
        elif number == 2 and isinstance(value, bytes):
            metrics.append(_metric(value))
            if len(metrics) > METRICS_MAX:
                raise Damaged(f"more than {METRICS_MAX} metrics")
        elif number == 3 and isinstance(value, int):
            seq = value
    return Payload(at_ms, metrics, seq)


def rebirth_command(at_ms: int) -> bytes:
    """The payload of an NCMD by which a node is asked to be born again: its metrics, with all their names, anew."""
    metric = (
        _chunk(1, b"Node Control/Rebirth") + _key(3, _VARINT) + _varint(at_ms) + _key(4, _VARINT) + _varint(11)
    ) + (_key(14, _VARINT) + _varint(1))
    return _key(1, _VARINT) + _varint(at_ms) + _chunk(2, metric)


def _metric(raw: bytes) -> Metric:
    found: dict[str, object] = {}
    for number, value in _fields(raw):
        if number in _METRIC:
            name, kind = _METRIC[number]
            if type(value) is not kind:
                raise Damaged(f"field {number} of a metric is of another type")
            found[name] = _converted(number, value)
    return Metric(**found)  # type: ignore[arg-type]


_METRIC: dict[int, tuple[str, type]] = {
    1: ("name", bytes),
    2: ("alias", int),
    3: ("at_ms", int),
    4: ("datatype", int),
    5: ("historical", int),
    7: ("null", int),
    10: ("value", int),
    11: ("value", int),
    12: ("value", float),
    13: ("value", float),
    14: ("value", int),
    15: ("value", bytes),
}


def _converted(number: int, value: object) -> object:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise Damaged("text that is not UTF-8") from None
    return bool(value) if number in (5, 7, 14) else value


def _fields(raw: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    at = 0
    while at < len(raw):
        key, at = _read_varint(raw, at)
        number, kind = key >> 3, key & 7
        if not 0 < number <= _NUMBER_MAX:
            raise Damaged("a field without a number")
        if kind == _VARINT:
            value, at = _read_varint(raw, at)
            yield number, value
        elif kind == _BYTES:
            length, at = _read_varint(raw, at)
            if at + length > len(raw):
                raise Damaged("cut off")
            yield number, raw[at : at + length]
            at += length
        elif kind in (_EIGHT, _FOUR):
            form, size = ("<d", 8) if kind == _EIGHT else ("<f", 4)
            if at + size > len(raw):
                raise Damaged("cut off")
            yield number, struct.unpack_from(form, raw, at)[0]
            at += size
        else:
            raise Damaged(f"wire type {kind}")


def _read_varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(raw) and shift < 70:
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise Damaged("cut off")


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _key(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _chunk(number: int, raw: bytes) -> bytes:
    return _key(number, _BYTES) + _varint(len(raw)) + raw
