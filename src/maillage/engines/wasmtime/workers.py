"""Threads that run tenants' code: made as they are needed, at a lower priority than the rest of the process."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread, get_native_id

NICE = 10
THREADS_MAX = 1_024
Task = Callable[[], None]


class Workers:
    """One queue, first come first served. A task must not raise."""

    def __init__(self, name: str, threads_max: int = THREADS_MAX) -> None:
        self._name = name
        self._threads_max = threads_max
        self._queue: SimpleQueue[Task | None] = SimpleQueue()
        self._lock = Lock()
        self._threads: list[Thread] = []
        self._unclaimed = 0  # threads that wait, less tasks that wait; below 0 there are too few threads

    def submit(self, task: Task) -> None:
        with self._lock:
            self._unclaimed -= 1
            more = self._unclaimed < 0 and len(self._threads) < self._threads_max
            if more:
                thread = Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                self._unclaimed += 1
        self._queue.put(task)
        if more:
            thread.start()

    def close(self, within_s: float) -> None:
        """Let the threads end once the queue is empty, and wait for them so long."""
        with self._lock:
            threads = list(self._threads)
        for _ in threads:
            self._queue.put(None)
        for thread in threads:
            thread.join(within_s)

    def _work(self) -> None:
        if sys.platform == "linux":
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, get_native_id(), NICE)
        while (task := self._queue.get()) is not None:
            task()
            del task  # a task holds a request, and the wait may be long
            with self._lock:
                self._unclaimed += 1
