"""Readings of 30,000 sensors: from the broker through checks and watchers to durable, against a bare subscriber.

Over our own broker, which runs in the same process, and over Mosquitto; and how long a reading is on its way to whoever
watches, at the pace of a message a minute from each sensor.
"""

import asyncio
from collections.abc import Callable
from itertools import count as numbers
from pathlib import Path

import uvloop

from benchmarks.postgres import Unavailable
from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate
from benchmarks.sensors import Embedded, Heard, Mosquitto, Pump, Sensors, hear_all, hear_bare
from maillage.engines.readings.store import FileReadings
from maillage.services.sensing.ports import ReadingStore

STORES, SENSORS_EACH = 100, 300
MessageBroker = Embedded | Mosquitto


class Sides:
    """Each run with a broker and a line of its own, and all with one store, which knows every sensor already: what is
    measured is a day like any other, not the first."""

    def __init__(self, setting: Setting, runner: asyncio.Runner, new_store: Callable[[Path], ReadingStore]) -> None:
        self._setting, self._runner = setting, runner
        self.sensors = Sensors(5 if setting.quick else STORES, SENSORS_EACH)
        self.pump = Pump(self.sensors.topics)
        self.count = len(self.sensors.topics)
        self._numbers = numbers()
        self._store = new_store(setting.folder)
        self._store.append(self.sensors.first)

    def close(self) -> None:
        self.pump.close()
        self._store.close()

    def broker(self, name: str) -> MessageBroker:
        return Embedded() if name == "embedded" else Mosquitto(self._setting.folder / str(next(self._numbers)))

    def bare(self, name: str) -> float:
        return self._runner.run(hear_bare(self.broker(name), self.pump, self.count))

    def gateway(self, name: str) -> float:
        return self._hear(name, self.count, None).per_s

    def paced(self, name: str) -> Heard:
        """A minute's messages of the fleet in a minute, for some seconds."""
        per_s = len(self.sensors.topics) / 60
        return self._hear(name, int(per_s * (2 if self._setting.quick else 10)), per_s)

    def _hear(self, name: str, count: int, per_s: float | None) -> Heard:
        return self._runner.run(hear_all(self.broker(name), self.pump, self.sensors, self._store, count, per_s))


def run(setting: Setting, new_store: Callable[[Path], ReadingStore] = FileReadings) -> Outcome:
    brokers = ["embedded"]
    try:
        Mosquitto(setting.folder)
        brokers.append("mosquitto")
    except Unavailable as reason:
        print(f"  without the lines of mosquitto: {reason}", flush=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sides = Sides(setting, runner, new_store)
        try:
            runs: dict[str, Callable[[], float]] = {}
            for name in brokers:
                runs[f"bare {name}"] = lambda name=name: sides.bare(name)  # type: ignore[misc]
                runs[f"gateway {name}"] = lambda name=name: sides.gateway(name)  # type: ignore[misc]
            rounds = alternate(setting, runs)
            paced = {name: [sides.paced(name) for _ in range(setting.rounds)] for name in brokers}
        finally:
            sides.close()
    lines = []
    for name in brokers:
        bare, ours = ([each.values[f"{kind} {name}"] for each in rounds] for kind in ("bare", "gateway"))
        lines.append(Line(f"stored, over {name}", "messages/s", ours, bare, "bare aiomqtt", 0.5))
        lines.append(Line(f"to a watcher, p50, {name}", "ms", [each.percentile_ms(0.5) for each in paced[name]]))
        lines.append(Line(f"to a watcher, p99, {name}", "ms", [each.percentile_ms(0.99) for each in paced[name]]))
    notes = [
        f"{len(sides.sensors.topics):,} sensors, a reading each at QoS 1, sent by a process of its own;"
        f" latency at {len(sides.sensors.topics) / 60:.0f} messages/s; {new_store.__name__}, durable",
        "the embedded broker shares the process with whoever listens, in both columns",
    ]
    return Outcome("gateway", lines, rounds, notes, quick=setting.quick)
