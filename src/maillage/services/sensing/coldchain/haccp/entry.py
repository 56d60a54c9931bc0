"""One entry of the log, and the hash that binds it to the one before. docs/reference/haccp.md says the same in words,
so that anybody can check a log without this code."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from maillage.kernel.times import format_time

EntryKind = Literal[
    "limits_set",
    "excursion_start",
    "excursion_end",
    "alarm_raised",
    "alarm_raised_again",
    "alarm_recovered",
    "alarm_acknowledged",
    "alarm_snoozed",
    "alarm_downgraded",
    "corrective_action",
    "alarm_cleared",
    "verification",
    "manual_check",
    "calibration",
    "settings_changed",
]
FIRST = "0" * 64
"""What the first entry of a site has for the hash before it."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be entered. ``text`` is a sentence for people, ``data`` the same as texts and whole numbers: measured
    values are decimal texts, so that no two programs write them differently."""

    kind: EntryKind
    at: int
    text: str
    unit: str = ""
    device: str = ""
    by: str = ""
    data: dict[str, str | int] = {}


class Entry(Draft, frozen=True, kw_only=True):
    """An entry in its place: number ``seq`` (from 1, no gaps) of its site."""

    site: str
    seq: int
    previous: str
    hash: str


def entered(draft: Draft, site: str, seq: int, previous: str) -> Entry:
    """A draft in its place."""
    fields = {name: getattr(draft, name) for name in Draft.__struct_fields__}
    entry = Entry(**fields, site=site, seq=seq, previous=previous, hash="")
    return msgspec.structs.replace(entry, hash=hash_of(members(entry)))


def members(entry: Entry) -> dict[str, Any]:
    """What is hashed: all but the hash itself, the instant in RFC 3339."""
    return {
        "at": format_time(entry.at),
        "by": entry.by,
        "data": entry.data,
        "device": entry.device,
        "kind": entry.kind,
        "previous": entry.previous,
        "seq": entry.seq,
        "site": entry.site,
        "text": entry.text,
        "unit": entry.unit,
    }


def canonical(value: Mapping[str, Any]) -> str:
    """JSON as RFC 8785 has it; with ASCII names, texts and whole numbers alone that is sorted names, no blanks, and
    nothing escaped that need not be."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def hash_of(what: Mapping[str, Any]) -> str:
    """SHA-256, 64 hexadecimal digits in lower case."""
    return hashlib.sha256(canonical(what).encode()).hexdigest()


def decimal(value: float) -> str:
    """A measured value as a text: at most three places, no exponent, no minus before nothing."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
