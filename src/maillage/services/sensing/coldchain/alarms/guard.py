"""The guard: every reading passes it before anything else is done with it, and it never waits.

What it finds goes to its outlet. Nearly all readings change nothing: for those it is two look-ups and a comparison.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from maillage.services.sensing.coldchain.alarms.devices import SILENT, WHOLE_SITE, DeviceWatch, SiteHeard
from maillage.services.sensing.coldchain.alarms.outlet import Outlet
from maillage.services.sensing.coldchain.alarms.series import Series, SeriesState
from maillage.services.sensing.coldchain.alarms.signals import Recovered, Remembered, Signal
from maillage.services.sensing.coldchain.alarms.units import Unit, UnitState
from maillage.services.sensing.coldchain.model import Alarm
from maillage.services.sensing.model import Device, Fault, Reading
from maillage.services.sensing.ports import Registry

REMEMBER_EVERY_MS = 60_000
"""How often what is over its limit is remembered anew: so much of the exposure clock a crash may cost, until the next
reading after it counts the gap."""
_GONE = "nobody looks at it any more"
_States = Mapping[str, bytes]


class Guard:
    """``ports.Watcher``. ``wake`` is called at once when there is a signal to take; all calls come from one thread."""

    def __init__(self, registry: Registry, wake: Callable[[], None]) -> None:
        self._registry = registry
        self._outlet = Outlet(wake)
        self._devices: dict[str, DeviceWatch] = {}
        self._units: dict[tuple[str, str], Unit] = {}
        self._sites: dict[str, SiteHeard] = {}
        self._revision: int | None = None
        self._now_ms = 0
        self._remembered: set[Series | Unit] = set()
        self._remember_at_ms = 0

    def start(self, now_ms: int, states: _States, open_alarms: Iterable[Alarm]) -> None:
        """Go on where it was: ``states`` are what ``take_changes`` gave before a restart, by name, ``open_alarms``
        those of which the trouble was not over. An alarm whose rule or device is gone has recovered."""
        self._now_ms = now_ms
        self._compile(states, started=False)
        for alarm in open_alarms:
            self._resume(alarm, now_ms)
        for watch in self._devices.values():
            watch.start()

    # -- Watcher -----------------------------------------------------------------------------------------------------

    def observe(self, readings: Sequence[Reading]) -> None:
        if self._registry.revision != self._revision:
            self._compile({})
        devices, now_ms = self._devices, self._now_ms
        for _, device_id, measure, at_ms, value, late in readings:
            device = devices.get(device_id)
            if device is None:
                continue
            heard_ms = at_ms if at_ms > now_ms else now_ms  # whoever sends what it measured hours ago is not silent
            if heard_ms > device.seen_ms:
                device.seen_ms = heard_ms
                if heard_ms > device.heard.heard_ms:
                    device.heard.heard_ms = heard_ms
            series = device.series.get(measure)
            if series is None or late:
                continue
            if series.low <= value <= series.high:
                if value != series.value:
                    series.value = value
                    series.since_ms = series.at_ms = at_ms
                    continue
                if at_ms - series.since_ms < series.stuck_ms:
                    series.at_ms = at_ms
                    continue
            if value == value:  # not for NaN, whoever let it pass
                series.take(at_ms, value)

    def refused(self, device: Device, fault: Fault, at_ms: int) -> None:
        if self._registry.revision != self._revision:
            self._compile({})
        watch = self._devices.get(device.id)
        if watch is not None:
            watch.refused(fault, at_ms)

    def tick(self, now_ms: int) -> None:
        self._now_ms = now_ms
        if self._registry.revision != self._revision:
            self._compile({})
        self._outlet.due.run(now_ms)
        for site in self._sites.values():
            site.look(now_ms)
        if now_ms >= self._remember_at_ms:
            self._remember_at_ms = now_ms + REMEMBER_EVERY_MS
            self._outlet.changed.update(part for part in self._remembered if isinstance(part, Series))

    # -- what comes of it --------------------------------------------------------------------------------------------

    def take_signals(self) -> list[Signal]:
        """What was found since the last call, in order."""
        taken = self._outlet.signals
        self._outlet.signals = []
        return taken

    def take_changes(self) -> list[Remembered]:
        """What has to be remembered, or forgotten, since the last call."""
        changed, self._outlet.changed = self._outlet.changed, set()
        found: list[Remembered] = []
        for part in changed:
            assert isinstance(part, Series | Unit)
            state = part.state
            if state is None and part not in self._remembered:
                continue  # it came and went in between
            (self._remembered.discard if state is None else self._remembered.add)(part)
            site, name = _name(part)
            found.append(Remembered(name, site, None if state is None else msgspec.json.encode(state)))
        return found

    def exposure_ms(self, alarm: Alarm, now_ms: int) -> int | None:
        """What the exposure clock of an alarm says by now, None where there is none or its series is gone."""
        watch = self._devices.get(alarm.device)
        series = None if watch is None else watch.series.get(alarm.measure)
        return None if series is None else series.exposure_at(now_ms)

    def last(self, alarm: Alarm) -> tuple[int, float] | None:
        """When and what the measure of an alarm was last; None where nothing came yet."""
        watch = self._devices.get(alarm.device)
        series = None if watch is None else watch.series.get(alarm.measure)
        return None if series is None or series.value != series.value else (series.at_ms, series.value)

    # -- who is looked after -----------------------------------------------------------------------------------------

    def _compile(self, states: _States, started: bool = True) -> None:
        """Take over what changed in the registry; who did not change goes on as it is."""
        self._revision = self._registry.revision
        known = self._registry.devices()
        carried: dict[str, bytes] = dict(states)
        for device_id, watch in list(self._devices.items()):
            device = known.get(device_id)
            profile = None if device is None else self._registry.profile(device.profile)
            if device == watch.device and profile == watch.profile:
                continue
            if device is not None and profile is not None and _same_place(device, watch.device):
                carried |= _states_of(watch)
            del self._devices[device_id]
            watch.heard.remove(watch.silent_ms)
            watch.end(_GONE, self._now_ms)
            self._outlet.changed.update(watch.series.values())
        fresh = [device for device_id, device in known.items() if device_id not in self._devices]
        for device in fresh:
            self._take_up(device)
        self._set_contexts(fresh)
        self._restore(fresh, carried, self._now_ms if started else None)
        if started:
            self._outlet.withdraw(_GONE)
            for device in fresh:
                if device.id in self._devices:
                    self._devices[device.id].start()

    def _take_up(self, device: Device) -> None:
        profile = self._registry.profile(device.profile)
        if profile is None:
            return
        key = (device.site, device.unit)
        unit = self._units.get(key)
        if unit is None:
            unit = self._units[key] = Unit(*key, self._outlet)
        site = self._sites.get(device.site)
        if site is None:
            site = self._sites[device.site] = SiteHeard(device.site, self._outlet)
            site.heard_ms = self._now_ms
        watch = DeviceWatch(device, profile, unit, site, self._now_ms, self._outlet)
        site.add(watch.silent_ms)
        self._devices[device.id] = watch

    def _set_contexts(self, fresh: Iterable[Device]) -> None:
        """Of a unit the context of its temperature device holds: of the first by id, where there are several."""
        changed = {(device.site, device.unit) for device in fresh}
        chosen: dict[tuple[str, str], tuple[bool, str]] = {}
        for watch in self._devices.values():
            key = (watch.device.site, watch.device.unit)
            if key not in changed:
                continue
            warm = any(measure.role == "temperature" for measure in watch.profile.measures)
            rank = (not warm, watch.device.id)
            if key not in chosen or rank < chosen[key]:
                chosen[key] = rank
                self._units[key].context = watch.profile.context

    def _restore(self, fresh: Sequence[Device], states: _States, not_before_ms: int | None) -> None:
        if not states:
            return
        self._remembered = {part for part in self._remembered if _name(part)[1] not in states}
        for site, name in {(device.site, device.unit) for device in fresh}:
            unit = self._units.get((site, name))
            body = None if unit is None else states.get(_unit_name(unit))
            if unit is not None and body is not None:
                unit.restore(msgspec.json.decode(body, type=UnitState), set(self._devices))
                self._remembered.add(unit)
        for device in fresh:
            watch = self._devices.get(device.id)
            for series in () if watch is None else watch.series.values():
                body = states.get(_series_name(series))
                if watch is not None and body is not None:
                    chance_ms = self._now_ms + 1_000 * watch.profile.interval_s
                    state = msgspec.json.decode(body, type=SeriesState)
                    series.restore(state, chance_ms if not_before_ms is None else not_before_ms)
                    self._remembered.add(series)
                    self._outlet.changed.add(series)

    def _resume(self, alarm: Alarm, now_ms: int) -> None:
        """What raised an alarm is still wrong, or will never recover by itself."""
        watch, key = self._devices.get(alarm.device), alarm.key
        if alarm.unit == WHOLE_SITE and key == SILENT and alarm.site in self._sites:
            self._sites[alarm.site].resume(now_ms)
        elif watch is not None and key == watch.silent_key:
            watch.resume_silent(now_ms)
        elif watch is not None and key == watch.refused_key:
            watch.resume_refusing(now_ms)
        elif watch is not None and alarm.kind == "stuck" and alarm.measure in watch.series:
            watch.series[alarm.measure].resume_stuck()
        elif alarm.kind in ("door", "defrost") and (alarm.site, alarm.unit) in self._units:
            self._units[alarm.site, alarm.unit].resume(key)
        if not self._outlet.is_active(alarm.site, alarm.unit, key):
            self._outlet.signals.append(Recovered(alarm.site, alarm.unit, key, _GONE, now_ms))


def _same_place(one: Device, other: Device) -> bool:
    return (one.site, one.unit) == (other.site, other.unit)


def _states_of(watch: DeviceWatch) -> dict[str, bytes]:
    return {
        _series_name(series): msgspec.json.encode(state)
        for series in watch.series.values()
        if (state := series.state) is not None
    }


def _name(part: Series | Unit) -> tuple[str, str]:
    """(site, name to remember it by)."""
    if isinstance(part, Unit):
        return part.site, _unit_name(part)
    return part.unit.site, _series_name(part)


def _unit_name(unit: Unit) -> str:
    return f"unit {unit.site} {unit.name}"


def _series_name(series: Series) -> str:
    return f"series {series.device} {series.measure.name}"
