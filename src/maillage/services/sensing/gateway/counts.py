"""What came of each device and what was wrong with it, for people who look and for metrics."""

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from maillage.services.sensing.model import Fault

STRANGERS_MAX = 1_000


@dataclass
class DeviceCounts:
    """Since the start. ``heard_ms`` is when its last message came, ``taken_ms`` when the last of which something was
    taken; None where there was none."""

    readings: int = 0
    late: int = 0
    heard_ms: int | None = None
    taken_ms: int | None = None
    faults: Counter[Fault] = field(default_factory=Counter)
    last_fault: Fault | None = None
    last_fault_ms: int | None = None


class Stranger(NamedTuple):
    """A topic on which somebody speaks whom the registry does not know."""

    topic: str
    messages: int
    last_ms: int


@dataclass
class Counts:
    """Since the start. ``retained`` are messages that a broker had kept and that told no time: how old they are nobody
    knows. ``waiting`` readings are taken and not stored yet. ``watchers_failed`` counts calls, ``store_failed`` tries;
    ``lost`` are readings that the store would not have even alone, or that were left when the process had to end."""

    messages: int = 0
    readings: int = 0
    late: int = 0
    retained: int = 0
    stored: int = 0
    waiting: int = 0
    lost: int = 0
    watchers_failed: int = 0
    store_failed: int = 0
    faults: Counter[Fault] = field(default_factory=Counter)


class Tally:
    """Counts as they grow. Of strangers the last thousand are kept: whoever likes can make up topics."""

    def __init__(self) -> None:
        self.all = Counts()
        self._devices: dict[str, DeviceCounts] = {}
        self._strangers: OrderedDict[str, Stranger] = OrderedDict()

    def device(self, device_id: str) -> DeviceCounts:
        found = self._devices.get(device_id)
        if found is None:
            found = self._devices[device_id] = DeviceCounts()
        return found

    def fault(self, device_id: str | None, fault: Fault, at_ms: int) -> None:
        self.all.faults[fault] += 1
        if device_id is not None:
            counts = self.device(device_id)
            counts.faults[fault] += 1
            counts.last_fault, counts.last_fault_ms = fault, at_ms

    def stranger(self, topic: str, at_ms: int) -> None:
        former = self._strangers.pop(topic, None)
        self._strangers[topic] = Stranger(topic, 1 + (former.messages if former else 0), at_ms)
        if len(self._strangers) > STRANGERS_MAX:
            self._strangers.popitem(last=False)

    def strangers(self) -> list[Stranger]:
        """The last heard first."""
        return list(reversed(self._strangers.values()))

    def keep_only(self, devices: set[str]) -> None:
        """Forget devices that are no more."""
        self._devices = {name: counts for name, counts in self._devices.items() if name in devices}
