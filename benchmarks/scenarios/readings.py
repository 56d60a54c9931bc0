"""Readings of 300 sensors, one a minute for a year: taking them in, their size, and asking; against an SQLite table."""

import gc
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate
from maillage.engines.readings.database import FILE_NAME
from maillage.engines.readings.store import FileReadings
from maillage.services.sensing.model import Reading, SeriesKey

SENSORS, DAYS = 300, 365
PEER_SENSORS = 30
"""Sensors that the table has for the whole year: ten times as many would be 8 GB. What is compared is of these."""
BATCH = 500
STEP_MS, DAY_MS, HOUR_MS = 60_000, 86_400_000, 3_600_000
FIRST_MS = 1_761_955_200_000  # 2025-11-01T00:00:00Z
SEED = 11


class Year:
    """The readings themselves: freezers at -20 °C that cycle, with noise of 0.1 K, told to 0.01 K."""

    def __init__(self, days: int) -> None:
        self.at_ms = FIRST_MS + STEP_MS * np.arange(days * 1_440)
        self.end_ms = FIRST_MS + days * DAY_MS

    def values(self, sensor: int) -> npt.NDArray[np.float64]:
        rng = np.random.default_rng(SEED + sensor)
        minutes = np.arange(self.at_ms.size)
        return np.round(-20 + 1.5 * np.sin(minutes / 8 + sensor) + rng.normal(0, 0.1, minutes.size), 2)


def key(sensor: int) -> SeriesKey:
    return SeriesKey(f"freezer-{sensor}", "temperature")


class Peer:
    """A plain table with the primary key (series, at), in WAL mode with synchronous=FULL as ours."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "plain.db"
        self.db = sqlite3.connect(self.path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.execute(
            "CREATE TABLE readings(series INTEGER, at INTEGER, value REAL, PRIMARY KEY(series, at)) WITHOUT ROWID"
        )

    def add(self, rows: list[tuple[int, int, float]]) -> None:
        self.db.execute("BEGIN IMMEDIATE")
        self.db.executemany("INSERT OR REPLACE INTO readings VALUES (?, ?, ?)", rows)
        self.db.execute("COMMIT")

    def by_step(self, sensor: int, year: Year, step_ms: int) -> list[tuple[int, float, float, float, int]]:
        statement = (
            "SELECT at / ?1 * ?1, min(value), avg(value), max(value), count(*) FROM readings"
            " WHERE series = ?2 AND at >= ?3 AND at < ?4 GROUP BY 1 ORDER BY 1"
        )
        return self.db.execute(statement, (step_ms, sensor, FIRST_MS, year.end_ms)).fetchall()

    def raw(self, sensor: int, end_ms: int) -> list[tuple[int, float]]:
        statement = "SELECT at, value FROM readings WHERE series = ? AND at >= ? AND at < ?"
        return self.db.execute(statement, (sensor, FIRST_MS, end_ms)).fetchall()

    def bytes(self) -> int:
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return self.path.stat().st_size


def run(setting: Setting) -> Outcome:
    sensors, days, peers = (20, 30, 5) if setting.quick else (SENSORS, DAYS, PEER_SENSORS)
    year = Year(days)
    ours, peer = FileReadings(setting.folder / "ours"), Peer(setting.folder / "plain")
    ours_s, peer_s = _fill(ours, peer, year, sensors, peers)
    month_end = FIRST_MS + min(30, days) * DAY_MS
    _check(ours, peer, year, month_end)
    taking = _Taking(setting, sensors)
    sides: dict[str, Callable[[], float]] = {
        "take": taking.ours,
        "take plain": taking.plain,
        "hours": lambda: _ms(lambda: ours.read(key(1), FIRST_MS, year.end_ms, 3_600)),
        "hours plain": lambda: _ms(lambda: peer.by_step(1, year, HOUR_MS)),
        "month": lambda: _ms(lambda: ours.read(key(2), FIRST_MS, month_end)),
        "month plain": lambda: _ms(lambda: peer.raw(2, month_end)),
        "days": lambda: _ms(lambda: [ours.read(key(each), FIRST_MS, year.end_ms, 86_400) for each in range(peers)], 1),
        "days plain": lambda: _ms(lambda: [peer.by_step(each, year, DAY_MS) for each in range(peers)], 1),
        "all days": lambda: _ms(
            lambda: [ours.read(key(each), FIRST_MS, year.end_ms, 86_400) for each in range(sensors)], 1
        ),
    }
    rounds = alternate(setting, sides)

    def column(name: str) -> list[float]:
        return [each.values[name] for each in rounds]

    ours.close()  # what is in the write-ahead log goes into the file
    taking.close()
    readings = year.at_ms.size * sensors
    size, plain_size = (setting.folder / "ours" / FILE_NAME).stat().st_size, peer.bytes()
    per_reading, plain_per_reading = size / readings, plain_size / (year.at_ms.size * peers)
    lines = [
        Line(f"taking batches of {BATCH}", "readings/s", column("take"), column("take plain"), "plain SQLite", 1.0),
        Line("backfill", "readings/s", [readings / ours_s], [year.at_ms.size * peers / peer_s], "plain SQLite", 1.0),
        Line("on disk", "bytes/reading", [per_reading], goal=3.0, at_most=True),
        Line("on disk, compared", "bytes/reading", [per_reading], [plain_per_reading], "plain SQLite", 0.2, True),
        Line("a sensor's year by hour", "ms", column("hours"), column("hours plain"), "plain SQLite", 1.0, True),
        Line("a sensor's month, each", "ms", column("month"), column("month plain"), "plain SQLite", 1.0, True),
        Line(f"{peers} sensors' year by day", "ms", column("days"), column("days plain"), "plain SQLite", 1.0, True),
        Line(f"{sensors} sensors' year by day", "ms", column("all days")),
    ]
    notes = [
        f"{readings:,} readings of {sensors} sensors over {days} days in {size / 2**20:,.1f} MiB; the table has those"
        f" of {peers} in {plain_size / 2**20:,.1f} MiB",
        "taking: all sensors a minute after another, each batch durable, packing included; a new file each round",
        "queries by one thread, pages cached, the best of three (of one for several sensors); answers were compared",
    ]
    peer.db.close()
    return Outcome("readings", lines, rounds, notes, quick=setting.quick)


class _Taking:
    """Readings as they come in from a store: half a day of them a round."""

    def __init__(self, setting: Setting, sensors: int) -> None:
        self._folder = setting.folder
        self._number = 0
        year = Year(1)
        minutes = 200 if setting.quick else 720
        table = np.stack([year.values(each)[:minutes] for each in range(sensors)])
        rows = [
            (each, int(year.at_ms[minute]), float(table[each, minute]))
            for minute in range(minutes)
            for each in range(sensors)
        ]
        self._plain = [rows[first : first + BATCH] for first in range(0, len(rows), BATCH)]
        self._ours = [
            [Reading("wm-1", *key(each), at_ms, value) for each, at_ms, value in batch] for batch in self._plain
        ]
        self._count = len(rows)
        self._last: FileReadings | None = None

    def ours(self) -> float:
        self.close()
        store = self._last = FileReadings(self._fresh("taken"))
        gc.collect()
        start = time.perf_counter()
        for batch in self._ours:
            store.append(batch)
            while store.seal():
                pass
        return self._count / (time.perf_counter() - start)

    def plain(self) -> float:
        peer = Peer(self._fresh("taken-plain"))
        gc.collect()
        start = time.perf_counter()
        for batch in self._plain:
            peer.add(batch)
        taken = time.perf_counter() - start
        peer.db.close()
        return self._count / taken

    def close(self) -> None:
        if self._last is not None:
            self._last.close()
            self._last = None

    def _fresh(self, name: str) -> Path:
        self._number += 1
        return self._folder / f"{name}-{self._number}"


def _fill(ours: FileReadings, peer: Peer, year: Year, sensors: int, peers: int) -> tuple[float, float]:
    """Seconds that each took for its own."""
    ours_s = peer_s = 0.0
    for sensor in range(sensors):
        values = year.values(sensor)
        start = time.perf_counter()
        ours.backfill("wm-1", key(sensor), year.at_ms, values)
        ours_s += time.perf_counter() - start
        if sensor < peers:
            rows = list(zip([sensor] * values.size, year.at_ms.tolist(), values.tolist(), strict=True))
            start = time.perf_counter()
            peer.add(rows)
            peer_s += time.perf_counter() - start
    return ours_s, peer_s


def _check(ours: FileReadings, peer: Peer, year: Year, month_end: int) -> None:
    """An answer that differs ends the run."""
    for step_ms in (HOUR_MS, DAY_MS):
        found = ours.read(key(1), FIRST_MS, year.end_ms, step_ms // 1_000)
        rows = peer.by_step(1, year, step_ms)
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        mine = (found.at_ms, found.low, found.mean, found.high, found.count)
        if not all(np.allclose(one, other, rtol=1e-12) for one, other in zip(mine, columns, strict=True)):
            raise RuntimeError(f"steps of {step_ms} ms differ from those of the table")
    found = ours.read(key(2), FIRST_MS, month_end)
    if list(zip(found.at_ms.tolist(), found.mean.tolist(), strict=True)) != peer.raw(2, month_end):
        raise RuntimeError("the readings of a month differ from those of the table")


def _ms(work: Callable[[], object], times: int = 3) -> float:
    """Milliseconds of the best of some runs."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best * 1e3
