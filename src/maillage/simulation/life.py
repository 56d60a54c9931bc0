"""A life: one run of a process, from its start to its end. What belongs to it dies with it.

Which life code runs in goes along with the context, as tasks and timers inherit it; so a bus can give a handler to the
process that registered it, and a crash ends that process's tasks and nobody else's.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, copy_context
from typing import Any, ClassVar, TypeVar

from maillage.kernel.errors import Refusal

T = TypeVar("T")

OUR_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NameError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What no network or disk raises: a task that ends in one of these has found a fault of the program."""


class ProcessGone(BaseException):
    """Raised in code that still runs though its process is no more; no handler of errors is to catch it."""


class Life:
    """``name`` is that of the process. ``failed`` is told what went wrong in a task that can only be our fault."""

    running: ClassVar[ContextVar["Life | None"]] = ContextVar("life", default=None)

    def __init__(self, name: str, failed: Callable[[str, BaseException], None]) -> None:
        self.name = name
        self.alive = True
        self._failed = failed
        self._at_end: list[Callable[[], None]] = []
        self._tasks: dict[asyncio.Task[Any], None] = {}

    @staticmethod
    def current() -> "Life | None":
        return Life.running.get()

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Have something done in this life, whoever asks for it."""
        if not self.alive:
            work.close()
            raise ProcessGone(self.name)
        context = copy_context()
        context.run(Life.running.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Take a task that was started within this life."""
        self._tasks[task] = None
        task.add_done_callback(self._done)

    def require(self) -> None:
        """ProcessGone where this life is over: what is left of it can do nothing any more."""
        if not self.alive:
            raise ProcessGone(self.name)

    def at_end(self, told: Callable[[], None]) -> None:
        """Have somebody told when this life ends."""
        self._at_end.append(told)

    def end(self) -> None:
        """The process is no more. Its handlers may still run to their end, and find every door shut."""
        self.alive = False
        for task in list(self._tasks):
            task.cancel()
        for told in self._at_end:
            told()

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        fault = None if task.cancelled() else task.exception()
        if self.alive and isinstance(fault, OUR_FAULTS) and not isinstance(fault, Refusal):
            self._failed(self.name, fault)
