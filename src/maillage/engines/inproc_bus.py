"""A bus within one process: listeners are called in turn, in the order in which they subscribed."""

from collections.abc import Callable

from maillage.kernel.ports import Committed


class InprocBus:
    def __init__(self) -> None:
        self._listeners: list[Callable[[Committed], None]] = []

    def publish(self, committed: Committed) -> None:
        for listener in list(self._listeners):
            listener(committed)

    def subscribe(self, listener: Callable[[Committed], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)
