"""Readings are kept to the resolution of their measure: what a sensor says beyond it is noise that costs room."""

import math
from decimal import Decimal

from maillage.services.sensing.model import Reading
from maillage.services.sensing.ports import Registry


class Resolution:
    """Steps of so much, as decimals: 0.05 gives 4.35 and not 4.3500000000000005."""

    __slots__ = ("_places", "_step")

    def __init__(self, step: float) -> None:
        exponent = Decimal(repr(step)).as_tuple().exponent
        self._step = step
        self._places = max(0, -exponent) if isinstance(exponent, int) else 0

    def rounded(self, value: float) -> float:
        """The nearest step; what is not finite stays as it is, for whoever keeps it to refuse."""
        return round(round(value / self._step) * self._step, self._places) if math.isfinite(value) else value


class Rounding:
    """Rounds by what the registry says of a device's profile; what it does not know stays as it is."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._revision = -1
        self._known: dict[tuple[str, str], Resolution | None] = {}

    def __call__(self, reading: Reading) -> Reading:
        resolution = self._of(reading.device, reading.measure)
        if resolution is None:
            return reading
        value = resolution.rounded(reading.value)
        return reading if value == reading.value else reading._replace(value=value)

    def _of(self, device_id: str, measure: str) -> Resolution | None:
        if self._revision != self._registry.revision:
            self._revision, self._known = self._registry.revision, {}
        key = (device_id, measure)
        if key not in self._known:
            device = self._registry.device(device_id)
            profile = None if device is None else self._registry.profile(device.profile)
            steps = {} if profile is None else {each.name: each.resolution for each in profile.measures}
            self._known[key] = Resolution(steps[measure]) if measure in steps else None
        return self._known[key]
