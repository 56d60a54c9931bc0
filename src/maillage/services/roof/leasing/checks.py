"""Whether antennas can hang where they are to: limits of mounts, directions, and who else is there."""

import math
import re
from collections import Counter
from collections.abc import Iterable

from maillage.kernel.errors import Invalid
from maillage.kernel.times import format_time
from maillage.services.roof.catalogue.model import Mount, Roof
from maillage.services.roof.leasing.errors import MountTaken
from maillage.services.roof.leasing.model import HOLDS_MOUNTS, Antenna, RoofLease

BAND = re.compile(r"n[1-9]\d{0,2}")
SECTOR_HALF_DEG = 60.0
"""How far an antenna may look to either side of its mount's own direction: a sector of 120 degrees."""
RANGES = {
    "eirp_dbm": (-30.0, 100.0),
    "height_m": (0.01, 30.0),
    "weight_kg": (0.001, 10_000.0),
    "wind_area_m2": (0.0, 100.0),
    "tilt_deg": (-90.0, 90.0),
}


def check_antennas(roof: Roof, mounts: tuple[str, ...], antennas: tuple[Antenna, ...]) -> None:
    """Invalid naming the antenna and field that are wrong: an unknown mount, more than a mount bears or has room for, a
    direction it can't look in, a mount without an antenna."""
    known = {name: _known(roof, name) for name in mounts}
    if twice := [name for name, count in Counter(mounts).items() if count > 1]:
        raise Invalid("mounts", f"names {twice[0]} twice")
    for number, antenna in enumerate(antennas):
        field = f"antennas[{number}]"
        _check_figures(antenna, field)
        if antenna.mount not in known:
            raise Invalid(f"{field}.mount", f"{antenna.mount[:64]!r} is not among the mounts of the lease")
        _check_room(known[antenna.mount], antenna, field)
    for name, mount in known.items():
        hung = [antenna for antenna in antennas if antenna.mount == name]
        if not hung:
            raise Invalid("antennas", f"there is none for {name}: name one, or leave the mount out")
        _check_sum(mount, "weight_kg", mount.antenna_weight_max_kg, hung)
        _check_sum(mount, "wind_area_m2", mount.wind_area_max_m2, hung)


def require_mounts_free(lease: RoofLease, others: Iterable[RoofLease]) -> None:
    """MountTaken where another lease of the site has a mount for a part of the time."""
    for other in others:
        if other.site != lease.site or other.state not in HOLDS_MOUNTS:
            continue
        shared = sorted(set(lease.mounts) & set(other.mounts))
        if shared and other.start < lease.until and lease.start < other.until:
            start, until = format_time(other.start), format_time(other.until)
            raise MountTaken(
                f"{', '.join(shared)} of {lease.site} {'are' if len(shared) > 1 else 'is'} let from {start} to {until};"
                " choose other mounts or another time",
                mounts=shared,
                **{"from": start, "until": until},
            )


def still_hanging(lease: RoofLease, others: Iterable[RoofLease]) -> list[str]:
    """Mounts of the lease on which antennas of one before it hang still."""
    taken = {mount for other in others if (other.site, other.state) == (lease.site, "on_air") for mount in other.mounts}
    return sorted(taken & set(lease.mounts))


def _known(roof: Roof, name: str) -> Mount:
    mount = roof.mount(name)
    if mount is None:
        there = ", ".join(mount.id for mount in roof.mounts[:20]) or "none"
        raise Invalid("mounts", f"the roof of {roof.site} has no mount {name[:64]!r}; it has {there}")
    return mount


def _check_figures(antenna: Antenna, field: str) -> None:
    for name, (least, most) in RANGES.items():
        _within(getattr(antenna, name), f"{field}.{name}", least, most)
    if antenna.azimuth_deg is not None:
        _within(antenna.azimuth_deg, f"{field}.azimuth_deg", 0.0, 360.0)
    if not BAND.fullmatch(antenna.band):
        raise Invalid(f"{field}.band", f"{antenna.band[:40]!r} is not a band of 5G such as n78")


def _check_room(mount: Mount, antenna: Antenna, field: str) -> None:
    most_m = mount.antenna_height_max_m
    if most_m is not None and antenna.height_m > most_m:
        raise Invalid(f"{field}.height_m", f"{antenna.height_m:g} m is more than {mount.id} takes, {most_m:g} m")
    if mount.azimuth_deg is None:
        return
    looks = f"{mount.id} looks to {mount.azimuth_deg:g} degrees"
    if antenna.azimuth_deg is None:
        raise Invalid(f"{field}.azimuth_deg", f"{looks}, and an antenna there can't look all around: name its azimuth")
    off_deg = abs(math.remainder(antenna.azimuth_deg - mount.azimuth_deg, 360.0))
    if off_deg > SECTOR_HALF_DEG:
        raise Invalid(
            f"{field}.azimuth_deg",
            f"{looks}; {antenna.azimuth_deg:g} is {off_deg:g} off, and at most {SECTOR_HALF_DEG:g} can be",
        )


def _check_sum(mount: Mount, name: str, most: float | None, hung: list[Antenna]) -> None:
    together = math.fsum(getattr(antenna, name) for antenna in hung)
    if most is not None and together > most:
        unit = name.rpartition("_")[2]
        raise Invalid(
            f"antennas.{name}",
            f"{together:g} {unit} is more than {mount.id} bears, {most:g} {unit}",
            mount=mount.id,
            left=most,
        )


def _within(value: float, field: str, least: float, most: float) -> None:
    if not least <= value <= most:  # also true for NaN
        raise Invalid(field, f"{value:g} is out of range; it goes from {least:g} to {most:g}")
