"""Early warning on live readings: a watcher beside the rules, whose word is advice and never an alarm."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from maillage.kernel.errors import Malformed
from maillage.services.sensing.model import Device, Fault, Measure, Reading, SeriesKey
from maillage.services.sensing.ports import Registry
from maillage.services.sensing.warning.advice import Advice, AdviceKind
from maillage.services.sensing.warning.settings import Settings
from maillage.services.sensing.warning.state import State
from maillage.services.sensing.warning.unit import Thresholds, UnitWatch

SWEEP_MS = 60_000
"""Silence is looked for once a minute."""
FORMAT = 1


class Saved(msgspec.Struct, frozen=True):
    """What is kept over a restart, by device and measure."""

    format: int
    states: dict[str, dict[str, State]]
    open_doors: list[tuple[str, str]]
    defrosting: list[tuple[str, str]]
    """Sites and units: a contact may report only when it changes."""


class Route(NamedTuple):
    """What a series of readings is to its unit."""

    measure: Measure
    place: tuple[str, str]
    """Site and unit."""


class EarlyWarning:
    """Watches every temperature of the registry's devices, with door and defrost of its unit as inputs.

    ``advise`` is called with each piece of advice, once when it begins to hold. About 3 KB of memory a temperature, and
    ten microseconds a reading. Late readings are not looked at.
    """

    def __init__(self, registry: Registry, advise: Callable[[Advice], None], settings: Settings | None = None) -> None:
        self._registry = registry
        self._advise = advise
        self._settings = settings or Settings()
        self._thresholds = Thresholds(self._settings)
        self._watches: dict[SeriesKey, UnitWatch] = {}
        self._routes: dict[SeriesKey, Route | None] = {}
        self._open: dict[tuple[str, str], bool] = {}
        self._defrosting: dict[tuple[str, str], bool] = {}
        self._revision = registry.revision
        self._swept_ms = 0

    def observe(self, readings: Sequence[Reading]) -> None:
        """Take a batch. Within it, doors and defrosts count for the temperatures after them, so they belong first."""
        if self._registry.revision != self._revision:
            self._forget()
        for reading in readings:
            if reading.late:
                continue
            key = SeriesKey(reading.device, reading.measure)
            try:
                route = self._routes[key]
            except KeyError:
                route = self._routes[key] = self._route(key)
            if route is None:
                continue
            measure, place = route
            if measure.role == "door":
                self._open[place] = reading.value >= 0.5
            elif measure.role == "defrost":
                self._defrosting[place] = reading.value >= 0.5
            else:
                at_s = reading.at_ms / 1000.0
                watch = self._watches.get(key) or self._watch(key, place, State.fresh(at_s, self._settings))
                value = (reading.value - 32.0) / 1.8 if measure.unit == "[degF]" else reading.value
                watch.observe(at_s, value, self._open.get(place, False), self._defrosting.get(place, False))

    def refused(self, device: Device, fault: Fault, at_ms: int) -> None:
        """Nothing is learnt from what could not be read."""

    def tick(self, now_ms: int) -> None:
        """Once a minute: who has fallen silent."""
        if now_ms - self._swept_ms < SWEEP_MS:
            return
        self._swept_ms = now_ms
        for watch in self._watches.values():
            watch.tick(now_ms / 1000.0)

    @property
    def anything_learnt(self) -> bool:
        return bool(self._watches)

    def learning(self, device: str, measure: str) -> bool | None:
        """Whether a temperature is still being learnt; None for one that was never seen."""
        watch = self._watches.get(SeriesKey(device, measure))
        return None if watch is None else watch.learning

    def save(self) -> bytes:
        """All that was learnt, to be given to ``restore`` after a restart."""
        states: dict[str, dict[str, State]] = {}
        for key, watch in self._watches.items():
            states.setdefault(key.device, {})[key.measure] = watch.state
        open_doors = [place for place, is_open in self._open.items() if is_open]
        defrosting = [place for place, is_on in self._defrosting.items() if is_on]
        return msgspec.msgpack.encode(Saved(FORMAT, states, open_doors, defrosting))

    def restore(self, saved: bytes) -> int:
        """Go on from what was saved, and say how many temperatures that is. Devices that are no more are left out.
        Malformed, and nothing is changed, when the bytes are damaged or of another version."""
        try:
            known = msgspec.msgpack.decode(saved, type=Saved)
        except (msgspec.MsgspecError, ValueError) as error:
            raise Malformed(f"what early warning had learnt can't be read: {error}; it learns anew") from None
        if known.format != FORMAT:
            raise Malformed(f"what early warning had learnt has format {known.format}, not {FORMAT}; it learns anew")
        self._open.update(dict.fromkeys(known.open_doors, True))
        self._defrosting.update(dict.fromkeys(known.defrosting, True))
        for device, by_measure in known.states.items():
            for measure, state in by_measure.items():
                key = SeriesKey(device, measure)
                route = self._route(key)
                if route is not None and route.measure.role == "temperature":
                    self._watch(key, route.place, state)
        return len(self._watches)

    def _route(self, key: SeriesKey) -> Route | None:
        device = self._registry.device(key.device)
        profile = None if device is None else self._registry.profile(device.profile)
        if device is None or profile is None or device.retired_at is not None:
            return None
        measure = next((each for each in profile.measures if each.name == key.measure), None)
        if measure is None or measure.role not in ("temperature", "door", "defrost"):
            return None
        return Route(measure, (device.site, device.unit))

    def _watch(self, key: SeriesKey, place: tuple[str, str], state: State) -> UnitWatch:
        site, unit = place
        advise = self._advise

        def tell(kind: AdviceKind, text: str, at_s: float, score: float) -> None:
            advise(Advice(site, unit, kind, text, round(at_s * 1000), round(score, 2)))

        watch = self._watches[key] = UnitWatch(state, self._settings, self._thresholds, tell)
        return watch

    def _forget(self) -> None:
        """The registry has changed: look everything up again, and drop what is no more."""
        self._revision = self._registry.revision
        self._routes.clear()
        for key, watch in list(self._watches.items()):
            route = self._route(key)
            del self._watches[key]
            if route is not None and route.measure.role == "temperature":
                self._watch(key, route.place, watch.state)
