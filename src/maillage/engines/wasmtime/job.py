"""One request under way: what it may still use, why it must stop, and what it has used."""

from collections.abc import Callable
from threading import local
from time import monotonic, sleep, thread_time, time_ns
from typing import Literal

from maillage.engines.wasmtime.budget import CpuBudget
from maillage.services.compute.errors import CodeFault
from maillage.services.compute.model import Instance, LogLine
from maillage.services.compute.ports import Note

LINE_CHARS_MAX = 8_192
LINES_AT_ONCE = 200
LINE_PAUSE_S = 0.001
"""After so many lines of one request each further one waits: a line takes the interpreter, which is everybody's."""
_NAP_S = 0.02

Level = Literal["debug", "info", "warning", "error"]


class Job:
    """Runs on one worker thread. ``stop`` may come from any."""

    def __init__(self, instance: Instance, note: Note, budget: CpuBudget, deadline: float) -> None:
        self.instance = instance
        self._note = note
        self._lines = 0
        self.deadline = deadline
        self.fuel = 0
        self._budget = budget
        self._cpu_mark = 0.0
        self.at_tick: Callable[[], None] | None = None
        self._let_go: Callable[[], object] | None = None
        self._stopped: tuple[str, str] | None = None

    def stop(self, fault: str, detail: str) -> None:
        """Have it stopped at the next tick; the first reason stands."""
        if self._stopped is None:
            self._stopped = (fault, detail)
        if (let_go := self._let_go) is not None:
            let_go()

    def on_stop(self, let_go: Callable[[], object] | None) -> None:
        """What to do at a stop while the job waits for something outside, where no tick reaches it."""
        self._let_go = let_go
        if let_go is not None and self.stopped:
            let_go()

    @property
    def stopped(self) -> bool:
        return self._stopped is not None

    @property
    def left_s(self) -> float:
        return self.deadline - monotonic()

    def begin(self) -> bool:
        """On the worker thread, before anything runs; False where it must not run any more."""
        self._cpu_mark = thread_time()
        return self.tick()

    def tick(self) -> bool:
        """Pay for the processor time since the last look, and wait where the lease's is used up; False to stop."""
        if self.at_tick is not None:
            self.at_tick()
        now_s = thread_time()
        wait_s = self._budget.charge(now_s - self._cpu_mark)
        self._cpu_mark = now_s
        return self.rest(wait_s)

    def rest(self, wait_s: float) -> bool:
        """Do nothing for so long, or until it must stop; False then."""
        until = monotonic() + wait_s
        while not self.stopped and (left_s := self.left_s) > 0:
            if (nap_s := until - monotonic()) <= 0:
                return True
            sleep(min(nap_s, left_s, _NAP_S))
        self.stop("time", f"it did not answer within {self.instance.limits.request_s:g} s")
        return False

    def pause(self, wait_s: float) -> None:
        """Wait because the code asks for it; what it has written so far goes out before."""
        if self.at_tick is not None:
            self.at_tick()
        self.rest(wait_s)

    def say(self, stream: Literal["log", "stderr"], level: Level, text: str) -> None:
        """A line for the instance's log."""
        self._note(LogLine(time_ns() // 1_000_000, stream, level, text[:LINE_CHARS_MAX]))
        self._lines += 1
        if self._lines > LINES_AT_ONCE:
            self.rest(LINE_PAUSE_S)

    def end(self) -> None:
        """On the worker thread, after everything."""
        self._budget.charge(thread_time() - self._cpu_mark)

    def fault(self, fault: str, detail: str) -> CodeFault:
        """What to tell the caller: why it was stopped, where it was, else this."""
        fault, detail = self._stopped or (fault, detail)
        return CodeFault(f"{self.instance.app}: {detail}", instance=self.instance.id, fault=fault)


class _Current(local):
    job: Job | None = None


current = _Current()
"""The job that this thread runs: code calls us back on the thread that entered it, and tells nothing else of itself."""
