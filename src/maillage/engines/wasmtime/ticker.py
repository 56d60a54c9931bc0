"""The clock of an engine: code looks up at every tick, and can be stopped then."""

from collections.abc import Callable
from threading import Event, Thread

TICK_S = 0.01


class Ticker:
    """Calls ``tick`` from a thread of its own, while something is under way."""

    def __init__(self, tick: Callable[[], None]) -> None:
        self._tick = tick
        self._wanted = Event()
        self._closed = False
        self._active = 0
        self._thread = Thread(target=self._run, name="wasm-ticks", daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Something is under way; from the event loop's thread only, like ``end``."""
        self._active += 1
        if self._active == 1:
            self._wanted.set()

    def end(self) -> None:
        self._active -= 1
        if self._active == 0:
            self._wanted.clear()

    def close(self) -> None:
        self._closed = True
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        pause = Event()
        while not self._closed:
            self._wanted.wait()
            pause.wait(TICK_S)
            self._tick()
