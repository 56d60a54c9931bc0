"""Devices in CSV (RFC 4180): columns ``id,site,profile`` and optional ``name,unit``, a line each.

Each line is read by itself, so that a bad one takes no others with it: a text within quotes can't go over lines.
"""

import csv
from collections import Counter
from collections.abc import Iterator

import msgspec

from maillage.kernel.errors import Invalid, Malformed
from maillage.services.sensing.registry.documents import DeviceRejection, NewDevice

REQUIRED = ("id", "site", "profile")
OPTIONAL = ("name", "unit")
LINE_MAX = 4_096


def read_devices(content: bytes) -> Iterator[tuple[int, NewDevice] | DeviceRejection]:
    """Every row with its line, as a device to enter or as the reason why it is none. Malformed for content that is no
    UTF-8, is empty, or has another header."""
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as fault:
        raise Malformed(f"the file is not UTF-8 at its byte {fault.start + 1}; save it as UTF-8") from None
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip(" ,")]
    if not numbered:
        raise Malformed("the file is empty; it starts with a header line such as id,site,profile,name,unit")
    columns = _header(*numbered[0])
    for number, line in numbered[1:]:
        fields: list[str] = []
        try:
            fields = _fields(line)
            yield number, _device(columns, fields)
        except Invalid as invalid:
            yield DeviceRejection(number, _id(columns, fields), invalid.detail)


def _header(number: int, line: str) -> list[str]:
    try:
        columns = [" ".join(name.split()).lower() for name in _fields(line)]
    except Invalid as invalid:
        raise Malformed(f"the header line can't be read: {invalid.detail}", line=number) from None
    missing = [name for name in REQUIRED if name not in columns]
    strange = [name for name in columns if name not in (*REQUIRED, *OPTIONAL)]
    twice = [name for name, times in Counter(columns).items() if times > 1]
    if missing or strange or twice:
        told = f"has no {missing[0]}" if missing else f"has {(strange or twice)[0][:40]!r}" + " twice" * (not strange)
        raise Malformed(f"the header {told}; it is id,site,profile and optional name,unit", line=number)
    return columns


def _fields(line: str) -> list[str]:
    if len(line) > LINE_MAX:
        raise Invalid("line", f"is longer than {LINE_MAX} characters")
    try:
        return [field.strip() for field in next(csv.reader([line], strict=True))]
    except csv.Error:
        raise Invalid(
            "line", "has a quote that is not closed, or closed within a text; inner quotes are doubled"
        ) from None


def _device(columns: list[str], fields: list[str]) -> NewDevice:
    if len(fields) != len(columns):
        raise Invalid("line", f"has {len(fields)} columns where the header has {len(columns)}")
    try:
        return msgspec.convert(dict(zip(columns, fields, strict=True)), NewDevice)
    except msgspec.ValidationError as fault:
        raise Invalid("line", f"{str(fault)[0].lower()}{str(fault)[1:]}") from None


def _id(columns: list[str], fields: list[str]) -> str | None:
    """The id of a row that may be faulty, for showing."""
    column = columns.index("id")
    return fields[column][:80] or None if column < len(fields) else None
