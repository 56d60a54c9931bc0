"""JSON, with the values at paths: ``air.t``, ``probes.0.value``."""

import json
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from maillage.services.sensing.model import Fault, Measure
from maillage.services.sensing.payloads.samples import TOO_FINE_MS, Decoded, Sample, Unreadable, number_of

BYTES_MAX = 65_536
DEPTH_MAX = 32
_ABSENT = object()


def decode_json(payload: bytes, measures: Sequence[Measure], time_path: str | None) -> Decoded:
    """A device may leave out what it has nothing new of; a message that has none of the measures is missing them."""
    try:
        top = _read(payload)
        at_ms = None if time_path is None else _time(_at(top, time_path))
    except Unreadable as unreadable:
        return Decoded([], [unreadable.fault])
    samples: list[Sample] = []
    faults: list[Fault] = []
    for measure in measures:
        value = top if measure.path is None else _at(top, measure.path)
        if value is _ABSENT:
            continue
        raw = number_of(value)
        if isinstance(raw, Fault):
            faults.append(raw)
        else:
            samples.append(Sample(measure, raw, at_ms))
    return Decoded(samples, faults) if samples or faults else Decoded([], [Fault.MISSING])


def _read(payload: bytes) -> Any:
    if len(payload) > BYTES_MAX:
        raise Unreadable(Fault.TOO_LARGE)
    if payload.count(b"{") + payload.count(b"[") > DEPTH_MAX and _depth(payload) > DEPTH_MAX:
        raise Unreadable(Fault.UNREADABLE)
    try:
        return json.loads(payload.decode(), object_pairs_hook=_object, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Unreadable(Fault.UNREADABLE) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):  # which of the two would it be?
        raise Unreadable(Fault.UNREADABLE)
    return found


def _no_number(_: str) -> float:
    raise Unreadable(Fault.NOT_A_NUMBER)


def _depth(payload: bytes) -> int:
    """How deep it nests, or more where brackets stand within strings."""
    deepest = depth = 0
    for byte in payload:
        if byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"}]":
            depth -= 1
    return deepest


def _at(top: Any, path: str) -> Any:
    """What is at a path, or _ABSENT. A member whose own name has the dots in it is found first."""
    if isinstance(top, dict) and path in top:
        return top[path]
    found = top
    for step in path.split("."):
        if isinstance(found, dict):
            found = found.get(step, _ABSENT)
        elif isinstance(found, list) and step.isascii() and step.isdigit() and len(step) < 7 and int(step) < len(found):
            found = found[int(step)]
        else:
            return _ABSENT
        if found is _ABSENT:
            return _ABSENT
    return found


def _time(value: Any) -> int:
    """Milliseconds UTC."""
    if value is _ABSENT or value is None:
        raise Unreadable(Fault.MISSING)
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                raise ValueError
            return round(moment.timestamp() * 1000)
        except (ValueError, OverflowError):
            raise Unreadable(Fault.UNREADABLE) from None
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not abs(value) < 1e15
        or not math.isfinite(value)
    ):
        raise Unreadable(Fault.UNREADABLE)
    return round(value if abs(value) >= TOO_FINE_MS else value * 1000)
