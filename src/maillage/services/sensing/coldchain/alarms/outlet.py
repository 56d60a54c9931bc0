"""Where all parts of the guard put what they have to say; and of each (unit, key), one alarm at a time."""

from collections.abc import Callable

from maillage.services.sensing.coldchain.alarms.due import Due
from maillage.services.sensing.coldchain.alarms.signals import Raised, Recovered, Signal


class Outlet:
    """``wake`` is called where something is there to take. Several sources may find the same wrong: two probes of a
    room, say. The first raises it, and it is over when the last has recovered."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.due = Due()
        self.signals: list[Signal] = []
        self.changed: set[object] = set()
        """Parts that look different now from what was remembered of them."""
        self._wake = wake
        self._active: dict[tuple[str, str, str], dict[object, float | None]] = {}

    def raised(self, source: object, signal: Raised) -> None:
        key = (signal.site, signal.unit, signal.key)
        sources = self._active.setdefault(key, {})
        if not sources:
            self.signals.append(signal)
            self._wake()
        sources[source] = signal.extreme

    def recovered(self, source: object, signal: Recovered) -> None:
        key = (signal.site, signal.unit, signal.key)
        sources = self._active.get(key)
        if sources is None or source not in sources:
            return
        del sources[source]
        if not sources:
            del self._active[key]
            self.signals.append(signal)
            self._wake()

    def resumed(self, source: object, site: str, unit: str, key: str) -> None:
        """What was wrong before a restart is so still."""
        self._active.setdefault((site, unit, key), {})[source] = None

    def is_active(self, site: str, unit: str, key: str) -> bool:
        return (site, unit, key) in self._active

    def sources(self, site: str, unit: str, key: str) -> list[object]:
        """Who finds it wrong."""
        return list(self._active.get((site, unit, key), ()))

    def withdraw(self, text: str) -> None:
        """Take back that something recovered in these words where it is found wrong again in the same breath."""
        self.signals = [
            signal
            for signal in self.signals
            if not (isinstance(signal, Recovered) and signal.text == text and self.is_active(*signal[:3]))
        ]
