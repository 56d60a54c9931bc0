"""Where a device is, as far as its reports can be believed, and where it is going."""

import math

from maillage.kernel.geo import unit_vector
from maillage.services.compute.follow.policy import Rules
from maillage.services.compute.follow.stores import Vector, km_between


class Motion:
    """What one device reported. Where there was nothing yet, ``awaited_from`` is since when a report is waited for."""

    def __init__(self, rules: Rules, awaited_from: int | None = None) -> None:
        self._rules = rules
        self._awaited_from = awaited_from
        self._heard_at: int | None = None
        self._came_at = 0
        self._at = 0
        self._place: Vector | None = None
        self._doubtful: tuple[int, Vector] | None = None
        self._velocity = (0.0, 0.0, 0.0)

    @property
    def place(self) -> Vector | None:
        """The last place that was believed."""
        return self._place

    def is_late(self, t: int) -> bool:
        """Whether a report of ``t`` was overtaken by a newer one."""
        return self._heard_at is not None and t <= self._heard_at

    def is_silent(self, now: int) -> bool:
        """Whether nothing was heard for so long that its session is over."""
        since = self._awaited_from if self._heard_at is None else self._came_at
        return since is not None and now - since > self._rules.silence_s

    def take(self, t: int, lat: float, lon: float, came_at: int) -> Vector | None:
        """A report that is newer than all before: the place to decide for, or None where it can't be believed. It is of
        ``t`` by the device's clock, and came at ``came_at`` by ours, by which silence is told.

        A position that could only be reached faster than anything moves is a stray reflection most of the time. If the
        next report could be reached from there, it was the earlier ones that were wrong.
        """
        place, silent = unit_vector(lat, lon), self.is_silent(came_at)
        self._heard_at, self._came_at = t, came_at
        if self._place is None or silent:
            self._accept(t, place, (0.0, 0.0, 0.0))
            return place
        if not self._reachable(self._at, self._place, t, place):
            doubtful, self._doubtful = self._doubtful, (t, place)
            if doubtful is None or not self._reachable(*doubtful, t, place):
                return None
            self._at, self._place = doubtful
        before, elapsed_s = self._place, t - self._at
        self._accept(t, place, _scaled(_difference(place, before), 1 / elapsed_s))
        return self._ahead(place)

    def _accept(self, t: int, place: Vector, velocity: Vector) -> None:
        self._at, self._place, self._velocity, self._doubtful = t, place, velocity, None

    def _reachable(self, from_t: int, start: Vector, t: int, place: Vector) -> bool:
        return km_between(start, place) * 1_000 <= self._rules.speed_max_m_s * (t - from_t)

    def _ahead(self, place: Vector) -> Vector:
        """Where it will be if it goes on as it did since the report before, roads or not."""
        if not self._rules.predict_s:
            return place
        step = _scaled(self._velocity, float(self._rules.predict_s))
        ahead = (place[0] + step[0], place[1] + step[1], place[2] + step[2])
        length = math.sqrt(sum(part * part for part in ahead))
        return _scaled(ahead, 1 / length) if length > 0 else place


def _difference(one: Vector, other: Vector) -> Vector:
    return one[0] - other[0], one[1] - other[1], one[2] - other[2]


def _scaled(vector: Vector, factor: float) -> Vector:
    return vector[0] * factor, vector[1] * factor, vector[2] * factor
