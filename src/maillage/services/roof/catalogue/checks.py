"""What may be said of a roof: each number within what buildings can be, and nothing that contradicts the rest."""

import math
from itertools import combinations

import msgspec

from maillage.kernel.errors import Invalid
from maillage.kernel.quantities import MICRO, from_micro, to_micro
from maillage.kernel.sites import SITE_ID
from maillage.services.roof.catalogue.model import Mount, Roof

HEIGHT_MAX_M = 150.0
"""The tallest antenna that the path loss formulas of 3GPP TR 38.901 are for (RMa)."""
NEIGHBOURS_MAX_M = 1_000.0
OFFSET_MAX_M = 500.0
"""How far from the site's own position something of its roof may be."""
APART_MIN_M = 0.5
"""Mounts that are nearer than that to each other are one."""
MOUNTS_MAX = 200
OUTLINE_MAX = 1_000
AREA_MIN_M2 = 1.0
EDGE_M = 0.01
"""A mount on the roof's edge may be drawn so far outside."""
TEXT_MAX = 2_000
LIMITS = {"antenna_height_max_m": 100.0, "antenna_weight_max_kg": 100_000.0, "wind_area_max_m2": 1_000.0}
"""The most that the limits of a mount may say; the least is above zero."""


def checked_roof(roof: Roof) -> Roof:
    """The roof itself, its rent with two decimals and its outline not closed; Invalid naming the field that is
    wrong."""
    _within(roof.height_m, "height_m", 0, HEIGHT_MAX_M, above=True)
    if roof.neighbours_m is not None:
        _within(roof.neighbours_m, "neighbours_m", 0, NEIGHBOURS_MAX_M)
    if roof.equipment_room_m2 is not None:
        _within(roof.equipment_room_m2, "equipment_room_m2", 0, 100_000)
    if len(roof.mounts) > MOUNTS_MAX:
        raise Invalid("mounts", f"there are {len(roof.mounts)}, a roof has at most {MOUNTS_MAX}")
    for number, mount in enumerate(roof.mounts):
        _check_mount(mount, f"mounts[{number}]", roof.height_m)
    _check_apart(roof.mounts)
    for field in ("access", "warranty"):
        if len(getattr(roof, field)) > TEXT_MAX:
            raise Invalid(field, f"is longer than {TEXT_MAX:,} characters")
    outline = _checked_outline(roof.outline, roof.mounts)
    return msgspec.structs.replace(roof, asking_rent=_checked_rent(roof.asking_rent), outline=outline)


def _checked_rent(rent: str | None) -> str | None:
    if rent is None:
        return None
    micro = to_micro(rent, "asking_rent")
    if micro % (MICRO // 100):
        raise Invalid("asking_rent", f"{rent[:40]} has more than two decimals, and leases are paid to the cent")
    return from_micro(micro)


def _check_mount(mount: Mount, field: str, height_m: float) -> None:
    if not SITE_ID.fullmatch(mount.id):
        raise Invalid(
            f"{field}.id", f"{mount.id[:40]!r}: an id is 1 to 64 of A-Z, a-z, 0-9, _ and -, no dots or blanks"
        )
    for name in ("x_m", "y_m"):
        _within(getattr(mount, name), f"{field}.{name}", -OFFSET_MAX_M, OFFSET_MAX_M)
    _within(mount.radiation_centre_m, f"{field}.radiation_centre_m", 0, HEIGHT_MAX_M, above=True)
    if mount.radiation_centre_m < height_m:
        raise Invalid(
            f"{field}.radiation_centre_m",
            f"{mount.radiation_centre_m:g} m is below the roof, {height_m:g} m; both count from the ground",
        )
    if mount.azimuth_deg is not None:
        _within(mount.azimuth_deg, f"{field}.azimuth_deg", 0, 360)
    for name, most in LIMITS.items():
        limit = getattr(mount, name)
        if limit is not None:
            _within(limit, f"{field}.{name}", 0, most, above=True)


def _check_apart(mounts: tuple[Mount, ...]) -> None:
    numbers: dict[str, int] = {}
    for number, mount in enumerate(mounts):
        if mount.id in numbers:
            raise Invalid(f"mounts[{number}].id", f"{mount.id} is the id of mounts[{numbers[mount.id]}] too")
        numbers[mount.id] = number
    for one, other in combinations(mounts, 2):
        apart_m = math.dist(_place(one), _place(other))
        if apart_m < APART_MIN_M:
            raise Invalid(
                "mounts",
                f"{one.id} and {other.id} overlap: they are {apart_m:.2f} m apart, and it takes {APART_MIN_M:g} m",
                mounts=[one.id, other.id],
            )


def _place(mount: Mount) -> tuple[float, float, float]:
    return mount.x_m, mount.y_m, mount.radiation_centre_m


def _checked_outline(
    outline: tuple[tuple[float, float], ...], mounts: tuple[Mount, ...]
) -> tuple[tuple[float, float], ...]:
    if not outline:
        return ()
    import shapely  # takes a moment: only those who enter outlines pay for it

    for number, place in enumerate(outline):
        for axis, offset_m in zip("xy", place, strict=True):
            _within(offset_m, f"outline[{number}].{axis}", -OFFSET_MAX_M, OFFSET_MAX_M)
    ring = outline[:-1] if outline[0] == outline[-1] else outline
    if not 3 <= len(ring) <= OUTLINE_MAX:
        raise Invalid("outline", f"has {len(ring)} corners; it takes 3 to {OUTLINE_MAX:,}, or none at all")
    area = shapely.Polygon(ring)
    if not area.is_valid:
        raise Invalid("outline", f"is no simple polygon: {shapely.is_valid_reason(area).lower()}")
    if area.area < AREA_MIN_M2:
        raise Invalid("outline", f"holds {area.area:.2f} m2; no roof is that small")
    roof = area.buffer(EDGE_M)
    for number, mount in enumerate(mounts):
        if not roof.covers(shapely.Point(mount.x_m, mount.y_m)):
            raise Invalid(
                f"mounts[{number}]", f"{mount.id} at ({mount.x_m:g}, {mount.y_m:g}) is not within the outline"
            )
    return ring


def _within(value: float, field: str, least: float, most: float, above: bool = False) -> None:
    if not (least <= value <= most) or (above and value <= least):  # also true for NaN
        raise Invalid(field, f"{value:g} is out of range; it is {'above' if above else 'from'} {least:g} to {most:g}")
