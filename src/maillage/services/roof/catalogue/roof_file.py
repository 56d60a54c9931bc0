"""Roofs in CSV (RFC 4180), a mount a line: ``site,height_m,mount,x_m,y_m,radiation_centre_m`` and what is optional.

What is said of a roof is said in its first line; further lines may repeat it or leave it empty. A roof with a bad line
is rejected whole, with that line and the reason; the others are taken.
"""

import csv
import math
from collections.abc import Iterator
from typing import Any

import msgspec

from maillage.kernel.errors import Invalid, Malformed
from maillage.kernel.sites import SITE_ID
from maillage.services.roof.catalogue.documents import NewRoof

REQUIRED = ("site", "height_m", "mount", "x_m", "y_m", "radiation_centre_m")
OF_ROOF = (
    "height_m",
    "neighbours_m",
    "asking_rent",
    "equipment_room_m2",
    "access",
    "warranty",
    "power_kw",
    "load_kg",
    "fibre_pairs",
)
OF_MOUNT = (
    "x_m",
    "y_m",
    "radiation_centre_m",
    "azimuth_deg",
    "antenna_height_max_m",
    "antenna_weight_max_kg",
    "wind_area_max_m2",
)
TEXTS = ("asking_rent", "access", "warranty", "power_kw", "load_kg")
COLUMNS = ("site", "mount", *OF_ROOF, *OF_MOUNT)


class RoofRejection(msgspec.Struct, frozen=True):
    """A roof that is not taken: the line that is wrong, its site, and the reason."""

    line: int
    site: str
    reason: str


class ReadRoof(msgspec.Struct, frozen=True):
    """A roof of the file, as it is PUT; ``line`` is the first that is about it."""

    line: int
    site: str
    roof: dict[str, Any]


def read_roofs(content: bytes) -> Iterator[ReadRoof | RoofRejection]:
    """Every roof in the order of the file. Malformed for content that is no UTF-8, is empty or has another header."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise Malformed(f"the file is not UTF-8 at its byte {fault.start + 1}; save it as UTF-8") from None
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    lines_of: dict[str, list[tuple[int, dict[str, str]]]] = {}
    broken: dict[str, RoofRejection] = {}
    try:
        columns = _header(next(reader, []))
        for fields in reader:
            if not "".join(fields).strip():
                continue
            row = dict(zip(columns, (field.strip() for field in fields), strict=False))
            site = row.get("site", "")
            lines_of.setdefault(site, []).append((reader.line_num, row))
            if len(fields) != len(columns):
                told = f"has {len(fields)} columns where the header has {len(columns)}"
                broken.setdefault(site, RoofRejection(reader.line_num, site, f"the line {told}"))
    except csv.Error as fault:
        raise Malformed(f"line {reader.line_num} is not CSV: {fault}", line=reader.line_num) from None
    for site, lines in lines_of.items():
        yield broken.get(site) or _roof(site, lines)


def _header(fields: list[str]) -> list[str]:
    columns = [name.strip().lower() for name in fields]
    missing = [name for name in REQUIRED if name not in columns]
    strange = [name for name in columns if name not in COLUMNS]
    twice = [name for name in columns if columns.count(name) > 1]
    if missing or strange or twice:
        told = f"has no {missing[0]}" if missing else f"has {(strange or twice)[0][:40]!r}" + " twice" * (not strange)
        raise Malformed(f"the header {told}; it needs {','.join(REQUIRED)} and may have {','.join(COLUMNS)}", line=1)
    return columns


def _roof(site: str, lines: list[tuple[int, dict[str, str]]]) -> ReadRoof | RoofRejection:
    roof: dict[str, Any] = {}
    mounts = []
    line = lines[0][0]
    try:
        if not site:
            raise Invalid("site", "is missing")
        if not SITE_ID.fullmatch(site):
            raise Invalid("site", f"{site[:40]!r} is no id of a site")
        for line, row in lines:  # noqa: B007  the line that a refusal is of
            for name in OF_ROOF:
                value = _value(row, name)
                if value is not None and roof.setdefault(name, value) != value:
                    raise Invalid(name, f"{row[name][:40]!r} is not what a former line of {site} says")
            mount: dict[str, Any] = {"id": row.get("mount", "")} | {name: _value(row, name) for name in OF_MOUNT}
            mounts.append({name: each for name, each in mount.items() if each is not None})
        whole = roof | {"mounts": mounts}
        msgspec.convert(whole, NewRoof)
    except Invalid as invalid:
        return RoofRejection(line, site, invalid.detail)
    except msgspec.ValidationError as fault:
        return RoofRejection(lines[0][0], site, f"{str(fault)[0].lower()}{str(fault)[1:]}")
    return ReadRoof(lines[0][0], site, whole)


def _value(row: dict[str, str], name: str) -> str | float | int | None:
    """What a column says, None where it is empty."""
    text = row.get(name, "")
    if not text:
        return None
    if name in TEXTS:
        return text
    try:
        value = int(text) if name == "fibre_pairs" else float(text)
    except ValueError:
        raise Invalid(name, f"{text[:40]!r} is not a number") from None
    if not math.isfinite(value):
        raise Invalid(name, f"{text[:40]!r} is not a finite number")
    return value
