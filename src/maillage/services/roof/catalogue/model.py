"""A roof and the places for antennas on it."""

import msgspec


class Mount(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A place for an antenna. ``x_m`` and ``y_m`` are metres east and north of the site's own position.

    ``radiation_centre_m`` is the height of the antenna's electrical middle above the ground (RAD centre, AGL): roof and
    mast together. ``azimuth_deg`` is where it can look, clockwise from north, None for any way. What is None of the
    antenna's limits is not limited.
    """

    id: str
    x_m: float
    y_m: float
    radiation_centre_m: float
    azimuth_deg: float | None = None
    antenna_height_max_m: float | None = None
    antenna_weight_max_kg: float | None = None
    wind_area_max_m2: float | None = None


class Roof(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The roof of a store. Heights are metres above the ground; ``neighbours_m`` is the height of the tallest thing
    within a mile (1,609 m), None where nobody looked.

    How many mounts, kW, kg and fibre pairs there are to lease is in the site's pools and not here. ``asking_rent`` is
    what the chain asks for a mount and month, a decimal text in the currency of its price book, None where it is to be
    talked about. ``outline`` is the roof's edge in metres east and north of the site's position, an open ring, empty
    where it is not known. ``revision`` counts changes.
    """

    site: str
    height_m: float
    mounts: tuple[Mount, ...]
    neighbours_m: float | None = None
    outline: tuple[tuple[float, float], ...] = ()
    asking_rent: str | None = None
    equipment_room_m2: float | None = None
    access: str = ""
    warranty: str = ""
    changed_at: int = 0
    revision: int = 0

    @property
    def radiation_centre_m(self) -> float:
        """Of the highest mount, or of the roof itself where it has none."""
        return max((mount.radiation_centre_m for mount in self.mounts), default=self.height_m)

    @property
    def above_neighbours_m(self) -> float | None:
        """How far the highest mount stands out; negative where the neighbours do. None where nobody looked."""
        return None if self.neighbours_m is None else self.radiation_centre_m - self.neighbours_m

    def mount(self, mount_id: str) -> Mount | None:
        return next((mount for mount in self.mounts if mount.id == mount_id), None)
