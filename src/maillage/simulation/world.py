"""What all parts of one simulated world share: its seed, its time, its history, and the faults that were found."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Coroutine
from contextvars import Context, copy_context
from random import Random
from typing import Any

from maillage.simulation.clock import WorldTime
from maillage.simulation.loop import SimLoop

FAULTS_KEPT = 100
"""The first ones tell the story."""


class World:
    """``counts`` is what happened how often; ``faults`` what can't be right, in words."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        executor = self.random("executor")
        self.loop = SimLoop(lambda: executor.expovariate(1_000.0))
        self.time = WorldTime(self.loop.time)
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        self._history = hashlib.blake2b(digest_size=16)
        self._outside = copy_context()

    def random(self, name: str) -> Random:
        """A stream of chance of its own for each part, so that one more draw in one does not change all others."""
        return Random(f"{self.seed}/{name}")  # noqa: S311  chance that can be played again, not secrets

    def note(self, what: str, detail: str = "") -> None:
        """Count something that happened, and enter it in the history, with its instant."""
        self.counts[what] += 1
        self._history.update(f"{self.loop.now_s:.6f} {what} {detail}\n".encode())

    def record(self, content: bytes) -> None:
        """Enter something in the history that has no instant of its own."""
        self._history.update(content)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Have something done that belongs to no process."""
        task = self.loop.create_task(work, context=self.outside())
        task.add_done_callback(self._look_at)
        return task

    def _look_at(self, task: asyncio.Task[Any]) -> None:
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            self.crashed("the simulation itself", fault)

    def outside(self) -> Context:
        """A context that is that of no process."""
        return self._outside.copy()

    async def settled(self, task: asyncio.Future[Any], timeout_s: float | None = None) -> None:
        """Wait until a task of whatever life is done, however it ends, or the timeout is over."""
        done = self.loop.create_future()
        task.add_done_callback(lambda _: _wake(done))
        timer = None if timeout_s is None else self.loop.call_later(timeout_s, _wake, done)
        await done
        if timer is not None:
            timer.cancel()

    async def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        done = self.loop.create_future()
        self.loop.call_later(seconds, _wake, done)
        await done

    def fault(self, text: str) -> None:
        """Something was found that can't be right."""
        self.counts["faults"] += 1
        if len(self.faults) < FAULTS_KEPT:
            self.faults.append(text)

    def crashed(self, process: str, fault: BaseException) -> None:
        """A task of a process ended in what can only be a fault of the program."""
        where = fault.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        place = "" if where is None else f" at {where.tb_frame.f_code.co_filename.rpartition('/')[2]}:{where.tb_lineno}"
        self.fault(f"{process}: {type(fault).__name__}{place}: {fault}")

    @property
    def digest(self) -> str:
        """What stands for the whole history so far."""
        return self._history.hexdigest()


def _wake(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
