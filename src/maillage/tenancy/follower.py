"""Following records that other processes change too: looked at about once a second, in a thread of its own."""

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

EVERY_S = 0.8
"""So that a key that was revoked elsewhere is out of force here within a second."""
STOP_WITHIN_S = 2.0


class Follower:
    """Calls ``refresh`` over and over until stopped. A fault is told once, not each time, until it goes well again."""

    def __init__(self, refresh: Callable[[], object], every_s: float = EVERY_S) -> None:
        self._refresh = refresh
        self._every_s = every_s
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, name="records", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Return when no call is under way any more, or soon: one that hangs does not hold up the end."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_S)

    def _run(self) -> None:
        failing = False
        while not self._stopped.wait(self._every_s):
            try:
                self._refresh()
            except Exception as fault:
                if not failing:
                    log.warning("the records can't be read (%s); what was read last holds meanwhile", fault)
                failing = True
            else:
                failing = False
