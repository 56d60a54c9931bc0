"""The robot's body: where it stands, how it drives, and what it uses up."""

import math

import msgspec

from maillage.services.robots.model import Pose


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A series of scrubbers. ``range_m`` is how far a full battery drives while cleaning (a tank of 100 l at 2 l a
    minute is empty after 50 minutes), ``charge_s`` how long an empty one charges."""

    series: str = "Scrub 50"
    speed_mps: float = 0.8
    width_m: float = 0.6
    length_m: float = 1.1
    range_m: float = 8_000.0
    charge_s: float = 7_200.0
    water_l: float = 100.0
    water_l_per_min: float = 2.0
    action_s: float = 2.0


class Body:
    """``battery`` in percent, ``water_l`` in litres."""

    def __init__(self, model: Model, at: Pose) -> None:
        self.model = model
        self.x, self.y, self.theta, self.map_id = at.x, at.y, at.theta, at.map_id
        self.battery = 100.0
        self.water_l = model.water_l
        self.cleaning = False
        self.charging = False
        self.driven_m = 0.0

    def distance_m(self, x: float, y: float) -> float:
        return math.hypot(x - self.x, y - self.y)

    def drive(self, x: float, y: float, speed_mps: float, for_s: float) -> float:
        """Drive straight to a point for a time at most; the seconds that are left once it is there."""
        way_m = self.distance_m(x, y)
        if way_m > 1e-9:
            self.theta = math.atan2(y - self.y, x - self.x)
        step_m = min(way_m, speed_mps * for_s)
        if step_m >= way_m:
            self.x, self.y = x, y
        else:
            self.x += step_m * math.cos(self.theta)
            self.y += step_m * math.sin(self.theta)
        took_s = step_m / speed_mps
        self.driven_m += step_m
        self.battery = max(0.0, self.battery - 100.0 * step_m / self.model.range_m * (1.0 if self.cleaning else 0.5))
        if self.cleaning:
            self.water_l = max(0.0, self.water_l - self.model.water_l_per_min * took_s / 60.0)
        return for_s - took_s if step_m >= way_m else 0.0

    def rest(self, for_s: float) -> None:
        """Stand; charge where it is plugged in."""
        if self.charging:
            self.battery = min(100.0, self.battery + 100.0 * for_s / self.model.charge_s)
