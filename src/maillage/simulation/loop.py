"""An event loop on virtual time: one thread, no waiting, and the same order of everything for the same seed.

Where nothing is ready it jumps to the next timer. What is handed to an executor runs in this thread too, at a later
virtual instant, so that a crash can fall between the handing over, the work and its result.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any

from maillage.simulation.life import Life, ProcessGone

_RESOLUTION_S = 1e-9


class Deadlock(Exception):
    """Nothing is left that could ever happen, and what was waited for has not come."""


class _Task(asyncio.Task[Any]):
    """Tasks go into sets, inside asyncio and outside; by address, the order of those would change from run to run."""

    def __init__(self, number: int, coro: Any, loop: asyncio.AbstractEventLoop, context: Context | None) -> None:
        self.number = number  # first: asyncio puts a task into a set as it begins
        super().__init__(coro, loop=loop, context=context)

    def __hash__(self) -> int:
        return self.number


class _Jump:
    """Stands where a real loop waits for files: moves the time on instead. It knows that select gets the whole wait."""

    def __init__(self, loop: "SimLoop") -> None:
        self._loop = loop

    def select(self, timeout_s: float | None) -> list[Any]:
        if timeout_s is None:
            raise Deadlock("nothing is left to happen, and the end was not reached")
        self._loop.now_s += timeout_s
        return []


class SimLoop(asyncio.BaseEventLoop):
    """``executor_s`` gives the seconds that one leg of a way to an executor and back takes, by the seed.

    ``failed`` is told of what a task of a process ended with, where that is no refusal but a fault of the program.
    """

    def __init__(self, executor_s: Callable[[], float]) -> None:
        super().__init__()
        self.now_s = 0.0
        self._selector = _Jump(self)
        self._clock_resolution = _RESOLUTION_S
        self._executor_s = executor_s
        self._free_at: dict[Any, float] = {}
        self._made = 0
        self.set_task_factory(self._make_task)
        self.set_debug(False)

    def time(self) -> float:
        return self.now_s

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Run a function in this thread a little later; those of an executor with one thread one after another."""
        future, life, context = self.create_future(), Life.current(), copy_context()
        starts = self.now_s + self._executor_s()
        if getattr(executor, "_max_workers", None) == 1:
            starts = max(starts, self._free_at.get(executor, 0.0))
            self._free_at[executor] = starts + _RESOLUTION_S * 2

        def work() -> None:
            if life is not None and not life.alive:
                return
            try:
                answer = func(*args)
            except ProcessGone:
                return  # nobody is left to be told
            except Exception as fault:
                self._later(life, context, _fail, future, fault)
            else:
                self._later(life, context, _succeed, future, answer)

        self.call_at(starts, work, context=context)
        return future

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:
        """Run to the end of ``main``; Deadlock where that can't be reached. What goes on besides is cancelled."""
        asyncio.set_event_loop(self)
        try:
            return self.run_until_complete(main)
        finally:
            left = asyncio.all_tasks(self)
            for task in left:
                task.cancel()
            if left:
                self.run_until_complete(asyncio.wait(left, timeout=1.0))
            asyncio.set_event_loop(None)
            self.close()

    def _later(self, life: Life | None, context: Context, step: Callable[..., None], *args: Any) -> None:
        def deliver() -> None:
            if life is None or life.alive:
                step(*args)

        self.call_later(self._executor_s(), deliver, context=context)

    def _make_task(
        self, _: asyncio.AbstractEventLoop, coro: Any, context: Context | None = None
    ) -> asyncio.Future[Any]:
        self._made += 1
        task = _Task(self._made, coro, self, context)
        life = context.get(Life.running) if context is not None else Life.current()
        if life is not None:
            life.adopt(task)
        return task

    # -- what a loop with files would do -------------------------------------------------------------------------

    def _process_events(self, event_list: list[Any]) -> None:
        """There are no files to look after."""

    def _write_to_self(self) -> None:
        """There is no other thread that could have to wake this one."""


def _succeed(future: asyncio.Future[Any], answer: Any) -> None:
    if not future.done():
        future.set_result(answer)


def _fail(future: asyncio.Future[Any], fault: Exception) -> None:
    if not future.done():
        future.set_exception(fault)
