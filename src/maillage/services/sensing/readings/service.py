"""Readings: what devices measured, kept by an archive, and asked for by the faces."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from maillage.kernel.errors import Invalid, NotFound
from maillage.kernel.ports import Clock
from maillage.kernel.threads import to_the_end
from maillage.kernel.times import DAY_S, format_time
from maillage.services.sensing.model import Device, Reading, SeriesKey
from maillage.services.sensing.ports import Registry, Series
from maillage.services.sensing.readings.documents import LastDocument, ReadingsDocument, csv_of, instant, items_of
from maillage.services.sensing.readings.ports import ReadingArchive
from maillage.services.sensing.readings.rounding import Rounding
from maillage.services.sensing.readings.upkeep import Retention, Upkeep

POINTS_MAX = 100_000
"""Of one answer."""
STEPS_S = (1, 5, 10, 30, 60, 300, 600, 900, 1_800, 3_600, 6 * 3_600, DAY_S, 7 * DAY_S)
"""Steps that are proposed to whoever asks for too much."""
STEP_MAX_S = 366 * DAY_S
DEFAULT_SPAN_S = DAY_S


@dataclass(frozen=True)
class Found:
    """What was asked for: a series, and of what it is."""

    key: SeriesKey
    unit: str | None
    start: int
    end: int
    step_s: int | None
    full_since_ms: int
    series: Series

    def document(self) -> ReadingsDocument:
        since = self.full_since_ms
        items = items_of(self.series, self.step_s is not None)
        start, end = format_time(self.start), format_time(self.end)
        full_since = format_time(since // 1_000) if since else None
        return ReadingsDocument(
            self.key.device, self.key.measure, self.unit, start, end, self.step_s, full_since, items
        )

    def csv(self) -> Iterator[str]:
        return csv_of(self.series, self.step_s is not None)


class Readings:
    """``services.sensing.ports.ReadingStore`` for whoever takes readings in, which are rounded on the way, and the
    questions of the faces."""

    def __init__(
        self, archive: ReadingArchive, registry: Registry, clock: Clock, retention: Retention | None = None
    ) -> None:
        self.archive = archive
        self.upkeep = Upkeep(archive, clock, retention or Retention())
        self._registry = registry
        self._rounding = Rounding(registry)
        self._clock = clock

    def start(self) -> None:
        """Look after what is kept, from now on."""
        self.upkeep.start()

    async def stop(self) -> None:
        await self.upkeep.stop()

    # -- ReadingStore ------------------------------------------------------------------------------------------------

    def append(self, readings: Sequence[Reading]) -> None:
        self.archive.append([self._rounding(reading) for reading in readings])

    def read(self, key: SeriesKey, start_ms: int, end_ms: int, step_s: int | None = None) -> Series:
        return self.archive.read(key, start_ms, end_ms, step_s)

    def last(self, key: SeriesKey) -> Reading | None:
        return self.archive.last(key)

    def forget(self, before_ms: int) -> None:
        self.archive.forget(before_ms)

    def close(self) -> None:
        self.archive.close()

    # -- asking ------------------------------------------------------------------------------------------------------

    async def last_of(self, device: Device) -> dict[str, LastDocument]:
        """The newest reading of each measure that has one."""
        return await to_the_end(self._last_of, device)

    async def query(
        self, device: Device, measure: str | None, start: int | None, end: int | None, step_s: int | None
    ) -> Found:
        """Readings of a device in ``[start, end)`` (seconds UTC; the last 24 hours where nothing is said). Without a
        ``measure`` it is the only one. Invalid where that can't be asked or would be more than POINTS_MAX points,
        NotFound for a measure that the device does not have."""
        beyond = self._clock.now() + 1 if end is None else end
        first = beyond - DEFAULT_SPAN_S if start is None else start
        if beyond <= first:
            raise Invalid("end", "must lie after the start")
        if step_s is not None and not 1 <= step_s <= STEP_MAX_S:
            raise Invalid("step_s", f"{step_s} is not from 1 to {STEP_MAX_S:,} seconds")
        return await to_the_end(self._query, device, measure, first, beyond, step_s)

    def _query(self, device: Device, measure: str | None, start: int, end: int, step_s: int | None) -> Found:
        units = self._units(device)
        key = self._key(device, measure, units)
        self._require_few(key, start * 1_000, end * 1_000, step_s)
        series = self.archive.read(key, start * 1_000, end * 1_000, step_s)
        return Found(key, units.get(key.measure), start, end, step_s, self.archive.full_since_ms, series)

    def _last_of(self, device: Device) -> dict[str, LastDocument]:
        found = {}
        for measure, unit in self._units(device).items():
            last = self.archive.last(SeriesKey(device.id, measure))
            if last is not None:
                found[measure] = LastDocument(instant(last.at_ms), last.value, unit)
        return found

    def _units(self, device: Device) -> dict[str, str]:
        """The measures of a device with their units."""
        profile = self._registry.profile(device.profile)
        return {} if profile is None else {each.name: each.unit for each in profile.measures}

    def _key(self, device: Device, measure: str | None, units: dict[str, str]) -> SeriesKey:
        has = f"{device.id} measures {', '.join(units) or 'nothing, for its profile is gone'}"
        if measure is None:
            if len(units) != 1:
                raise Invalid("measure", f"say which; {has}")
            (measure,) = units
        key = SeriesKey(device.id, measure)
        if measure not in units and self.archive.extent(key) is None:  # a former profile may have had it
            raise NotFound(f"there is no measure {measure[:64]!r}; {has}")
        return key

    def _require_few(self, key: SeriesKey, start_ms: int, end_ms: int, step_s: int | None) -> None:
        extent = self.archive.extent(key)
        if extent is None:
            return
        span_s = max(0, min(end_ms, extent[1] + 1) - max(start_ms, extent[0])) / 1_000
        points = self.archive.count(key, start_ms, end_ms) if step_s is None else int(span_s / step_s) + 1
        if points > POINTS_MAX:
            works = next(step for step in STEPS_S if span_s / step < POINTS_MAX)
            raise Invalid(
                "step_s",
                f"that is up to {points:,} points, and an answer has at most {POINTS_MAX:,}; step_s={works} would work",
                points=points,
                step_s=works,
            )
