"""Whatever comes in, late, twice or long ago, however it is packed, forgotten and opened again: what is read is what
a list would have."""

import math
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from maillage.engines.readings.store import FileReadings
from maillage.services.sensing.model import Reading, SeriesKey

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
FIRST = 20_000 * DAY_MS
KEYS = [SeriesKey("a", "t"), SeriesKey("a", "rh"), SeriesKey("b", "t")]
INSTANTS = (
    st.integers(0, 400).map(lambda number: FIRST + number * 1_800_000)
    | st.integers(0, 8 * DAY_MS).map(lambda ms: FIRST + ms)
    | st.integers(0, 70).map(lambda day: FIRST + day * DAY_MS)
)
VALUES = st.integers(-4_000, 4_000).map(lambda hundredths: hundredths / 100) | st.floats(-1e6, 1e6)
READINGS = st.tuples(st.sampled_from(KEYS), INSTANTS, VALUES)


class ReadingsMachine(RuleBasedStateMachine):
    """``known`` has the readings, ``sums`` by the hour those of readings that were forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = FileReadings(Path(self.folder.name), worth=3)
        self.known: dict[SeriesKey, dict[int, float]] = {key: {} for key in KEYS}
        self.forgotten: dict[SeriesKey, dict[int, list[float]]] = {key: {} for key in KEYS}
        self.since = 0

    @rule(readings=st.lists(READINGS, max_size=12))
    def append(self, readings: list[tuple[SeriesKey, int, float]]) -> None:
        self.store.append([Reading("s", *key, at, value) for key, at, value in readings])
        for key, at, value in readings:
            self._enter(key, at, value)

    @rule(key=st.sampled_from(KEYS), readings=st.lists(st.tuples(INSTANTS, VALUES), max_size=40))
    def backfill(self, key: SeriesKey, readings: list[tuple[int, float]]) -> None:
        at_ms = np.array([at for at, _ in readings], np.int64)
        self.store.backfill("s", key, at_ms, np.array([value for _, value in readings], np.float64))
        for at, value in readings:
            self._enter(key, at, value)

    @rule(steps=st.integers(1, 4), even_few=st.booleans())
    def seal(self, steps: int, even_few: bool) -> None:
        for _ in range(steps):
            self.store.seal(1, even_few)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = FileReadings(Path(self.folder.name), worth=3)

    @rule(before=st.integers(0, 9 * 24).map(lambda hours: FIRST + hours * HOUR_MS))
    def forget(self, before: int) -> None:
        self.store.forget(before)
        cut = before // DAY_MS * DAY_MS
        for key, known in self.known.items():
            for at in [at for at in known if at < cut]:
                self.forgotten[key].setdefault(at // HOUR_MS, []).append(known.pop(at))
        self.since = max(self.since, cut)

    @rule(key=st.sampled_from(KEYS), start=INSTANTS, end=INSTANTS, step_s=st.sampled_from([60, 3_600, 7_200, 86_400]))
    def read(self, key: SeriesKey, start: int, end: int, step_s: int) -> None:
        found = self.store.read(key, start, end)
        wanted = sorted((at, value) for at, value in self.known[key].items() if start <= at < end)
        assert list(zip(found.at_ms.tolist(), found.mean.tolist(), strict=True)) == wanted
        assert self.store.count(key, start, end) >= len(wanted)
        self._compare(key, start, end, step_s)

    @invariant()
    def the_last_is_the_last(self) -> None:
        for key, known in self.known.items():
            last = self.store.last(key)
            assert (None if last is None else (last.at_ms, last.value)) == max(known.items(), default=None)

    @invariant()
    def hours_are_exact(self) -> None:
        self._compare(KEYS[0], 0, FIRST + 100 * DAY_MS, 3_600)

    def _compare(self, key: SeriesKey, start: int, end: int, step_s: int) -> None:
        steps: dict[int, list[float]] = {}
        for at, value in self.known[key].items():
            if start <= at < end:
                steps.setdefault(at // (step_s * 1_000), []).append(value)
        for hour, values in self.forgotten[key].items() if step_s % 3_600 == 0 else ():
            if start <= hour * HOUR_MS < end:
                steps.setdefault(hour * HOUR_MS // (step_s * 1_000), []).extend(values)
        found = self.store.read(key, start, end, step_s)
        assert found.at_ms.tolist() == [step * step_s * 1_000 for step in sorted(steps)]
        ordered = [values for _, values in sorted(steps.items())]
        assert found.count.tolist() == [len(values) for values in ordered]
        assert found.low.tolist() == [min(values) for values in ordered]
        assert found.high.tolist() == [max(values) for values in ordered]
        for mean, values in zip(found.mean.tolist(), ordered, strict=True):
            scale = max(map(abs, values)) + 1
            assert math.isclose(mean, math.fsum(values) / len(values), abs_tol=1e-11 * scale)

    def _enter(self, key: SeriesKey, at: int, value: float) -> None:
        if at >= self.since:
            self.known[key][at] = value

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


TestReadings = ReadingsMachine.TestCase
TestReadings.settings = settings(max_examples=settings().max_examples // 2)  # each opens files of its own
