"""The way that a robot drove on a mission, thinned to what tells something, and kept in parts."""

import math

from maillage.services.robots.model import TrackPoint

STEP_M = 0.05
"""Points nearer than that to the last one are left out: a brush of 70 cm covers the same floor without them."""
TURN_RAD = 0.2
STILL_MS = 30_000
"""A robot that stands is entered so often, to show that it stood there."""
PART = 200
"""Points that are written at once."""
WAITING_MAX = 100_000
"""Points that wait while they can't be written; the oldest go first."""


class Recorder:
    """Of one mission. ``waiting`` are points that are not kept yet."""

    def __init__(self) -> None:
        self.waiting: list[TrackPoint] = []
        self._last: TrackPoint | None = None

    def add(self, point: TrackPoint) -> None:
        """Enter where it is, if that is news."""
        last = self._last
        if last is not None and not _is_news(last, point):
            return
        self._last = point
        self.waiting.append(point)

    def take(self) -> list[TrackPoint]:
        """What is to be kept, to whoever keeps it."""
        taken, self.waiting = self.waiting, []
        return taken

    def give_back(self, points: list[TrackPoint]) -> None:
        """They could not be kept now."""
        self.waiting = (points + self.waiting)[-WAITING_MAX:]


def _is_news(last: TrackPoint, point: TrackPoint) -> bool:
    return (
        point.jump
        or point.reached != last.reached
        or point.map_id != last.map_id
        or math.hypot(point.x - last.x, point.y - last.y) >= STEP_M
        or abs(math.remainder(point.theta - last.theta, math.tau)) >= TURN_RAD
        or point.at_ms - last.at_ms >= STILL_MS
    )
