"""Telling the rest of the process what is durable now: listeners are called in turn, in order of subscription."""

from collections.abc import Callable

from maillage.kernel.ports import Committed


class Announcer:
    """Within one process; between processes events travel over the mesh's bus."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Committed], None]] = []

    def publish(self, committed: Committed) -> None:
        for listener in list(self._listeners):
            listener(committed)

    def subscribe(self, listener: Callable[[Committed], None]) -> Callable[[], None]:
        """Call ``listener`` for all that is published from now on; returns what ends the subscription."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)
