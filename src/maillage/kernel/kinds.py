"""Kinds of capacity, each with its unit. A chain may add its own to these."""

import re

import msgspec

from maillage.kernel.errors import Invalid

KIND_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``unit`` is what a quantity of 1 means; a price is per unit and hour."""

    name: str
    unit: str
    description: str = ""


DEFAULT_KINDS = (
    Kind("cpu", "vCPU", "virtual processor cores of the in-store computers"),
    Kind("memory", "GiB", "main memory of the in-store computers"),
    Kind("gpu", "GPU", "graphics or inference accelerators"),
    Kind("disk", "GiB", "durable storage of the in-store computers"),
    Kind("roof_mount", "mount", "places for an antenna on the roof"),
    Kind("roof_power", "kW", "electric power led to the roof"),
    Kind("roof_load", "kg", "weight that the roof's structure bears beside what stands on it"),
    Kind("fibre_pair", "pair", "pairs of dark fibre led to the roof"),
    Kind("pallet_ambient", "pallet", "back-room pallet places at room temperature"),
    Kind("pallet_chilled", "pallet", "back-room pallet places at 0 to 5 degrees Celsius"),
    Kind("pallet_frozen", "pallet", "back-room pallet places at -18 degrees Celsius or colder"),
    Kind("dock", "door", "loading-dock doors"),
    Kind("pick_minutes", "min/h", "staff minutes an hour for picking orders"),
    Kind("pickup_slot", "order", "orders that customers can collect at one time"),
    Kind("delivery_slot", "order", "orders that can leave on a van at one time"),
    Kind("visit", "patient", "patients that the clinic can see at one time"),
    Kind("robot", "robot", "floor robots free to work"),
)


def checked_kind(kind: Kind) -> Kind:
    """The kind itself, or Invalid saying what is wrong with it."""
    if not KIND_NAME.fullmatch(kind.name):
        raise Invalid("name", f"{kind.name[:40]!r}: a kind's name is 1 to 32 of a-z, 0-9 and _, a letter first")
    if not 1 <= len(kind.unit) <= 32:
        raise Invalid("unit", "a unit has 1 to 32 characters")
    if len(kind.description) > 200:
        raise Invalid("description", "at most 200 characters")
    return kind
