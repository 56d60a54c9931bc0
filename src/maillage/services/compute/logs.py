"""What instances say: a bounded log of each on disk, written by one thread.

Whoever notes a line waits for nothing. An instance may say so many lines and characters a second; what is above that
is counted, and its log says how much that was. So a flood costs its own instance's lines, and nobody else anything.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from maillage.kernel.times import DAY_S
from maillage.services.compute.log_files import LogFiles, NumberedLine, sweep
from maillage.services.compute.model import LogLine
from maillage.services.compute.ports import Note
from maillage.tenancy.limits import Bucket

log = logging.getLogger(__name__)

LINES_PER_S, LINES_BURST = 100, 1_000
CHARACTERS_PER_S, CHARACTERS_BURST = 64 << 10, 256 << 10
"""What one instance may say in the long run, and at once after a pause."""
WAITING_MAX = 16 << 20
"""Characters of all instances that may wait for the disk; reached only where that stands still."""
TEXT_MAX = 4_000
"""Characters of a line; what is longer is cut and ends in an ellipsis."""
TELL_DROPPED_EVERY_S = 1.0
KEPT_S = 7 * DAY_S
"""How long a log is kept after its last line."""
READ_WAIT_S = 1.0
"""How long a reader waits for what was noted before it."""


class LogPage(msgspec.Struct, frozen=True):
    """``next`` is what to give as ``after`` the next time; it never is None, for a log may always go on."""

    items: list[NumberedLine]
    next: int


class _Source:
    """An instance that speaks."""

    __slots__ = ("characters", "dropped", "lines", "told_at")

    def __init__(self) -> None:
        self.lines = Bucket(LINES_PER_S, LINES_BURST)
        self.characters = Bucket(CHARACTERS_PER_S, CHARACTERS_BURST)
        self.dropped = 0
        self.told_at = 0.0


class Logs:
    """Logs below a folder, which is made when something is said. Any thread may note, read and forget."""

    def __init__(self, folder: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._monotonic = monotonic
        self._sources: dict[str, _Source] = {}
        self._dropping: set[str] = set()
        self._waiting: deque[tuple[str, LogLine | None]] = deque()  # None: forget the instance
        self._waiting_characters = 0
        self._taken = self._done = 0
        self._changed = threading.Condition()
        self._writer: threading.Thread | None = None
        self._closed = False
        self._files: dict[str, LogFiles] = {}  # the writer's own, as is the next
        self._failing = False

    def note(self, instance_id: str) -> Note:
        """What takes the lines of an instance."""

        def noted(line: LogLine) -> None:
            self._note(instance_id, line)

        return noted

    def read(self, instance_id: str, after: int | None, limit: int) -> LogPage:
        """Up to ``limit`` lines after the one of that number; without a number, the last so many. What would steer a
        terminal is escaped. It blocks: from async code call it in a thread."""
        with self._changed:
            taken = self._taken
            self._changed.wait_for(lambda: self._done >= taken, READ_WAIT_S)
        lines = LogFiles(self._folder, instance_id).read(after or 0)
        chosen = lines[-limit:] if after is None else lines[:limit]
        items = [msgspec.structs.replace(line, text=shown(line.text)) for line in chosen]
        return LogPage(items, items[-1].number if items else after or 0)

    def forget(self, instance_id: str) -> None:
        """Drop an instance's log, with what was noted before."""
        with self._changed:
            if not self._closed:
                self._sources.pop(instance_id, None)
                self._dropping.discard(instance_id)
                self._enter(instance_id, None)

    def close(self) -> None:
        """Return when all that was noted is written; what comes later is dropped."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._writer is not None:
            self._writer.join()

    # -- whoever notes; the lock is held -------------------------------------------------------------------------

    def _note(self, instance_id: str, line: LogLine) -> None:
        if len(line.text) > TEXT_MAX:
            line = msgspec.structs.replace(line, text=line.text[: TEXT_MAX - 1] + "…")
        size, now = len(line.text), self._monotonic()
        with self._changed:
            if self._closed:
                return
            source = self._sources.get(instance_id)
            if source is None:
                source = self._sources[instance_id] = _Source()
            stuck = self._waiting_characters + size > WAITING_MAX
            if stuck or source.lines.take(1, now) or source.characters.take(size, now):
                self._drop(instance_id, 1)
            else:
                self._waiting_characters += size
                self._enter(instance_id, line)

    def _enter(self, instance_id: str, line: LogLine | None) -> None:
        self._waiting.append((instance_id, line))
        self._taken += 1
        self._wake()

    def _drop(self, instance_id: str, lines: int) -> None:
        source = self._sources.get(instance_id)
        if source is not None:
            source.dropped += lines
            if instance_id not in self._dropping:
                self._dropping.add(instance_id)
                self._wake()

    def _wake(self) -> None:
        if self._writer is None:
            self._writer = threading.Thread(target=self._run, name="instance-logs", daemon=True)
            self._writer.start()
        elif len(self._waiting) <= 1:
            self._changed.notify_all()

    # -- the writer ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        closing = False
        swept_at = 0.0
        while not closing:
            if time.time() - swept_at >= DAY_S:
                swept_at = time.time()
                self._sweep(swept_at - KEPT_S)
            with self._changed:
                if not self._waiting and not self._closed:
                    self._changed.wait(TELL_DROPPED_EVERY_S if self._dropping else None)
                closing = self._closed
                taken = len(self._waiting)
                said, dropped = self._taken_up(), self._dropped(all_of_them=closing)
            for instance_id in said | dropped:
                self._write(instance_id, said.get(instance_id, []), dropped.get(instance_id, 0))
            if taken:
                with self._changed:
                    self._done += taken
                    self._changed.notify_all()

    def _sweep(self, before: float) -> None:
        self._files.clear()  # what they know of a log that goes is no longer so
        try:
            sweep(self._folder, before)
        except OSError as fault:
            log.warning("old logs of instances could not be dropped: %s", fault)

    def _taken_up(self) -> dict[str, list[LogLine | None]]:
        by_instance: dict[str, list[LogLine | None]] = {}
        for instance_id, line in self._waiting:
            by_instance.setdefault(instance_id, []).append(line)
        self._waiting.clear()
        self._waiting_characters = 0
        return by_instance

    def _dropped(self, all_of_them: bool) -> dict[str, int]:
        """How many lines of whom are to be told as dropped by now."""
        now = self._monotonic()
        told: dict[str, int] = {}
        for instance_id in list(self._dropping):
            source = self._sources[instance_id]
            if all_of_them or now - source.told_at >= TELL_DROPPED_EVERY_S:
                told[instance_id] = source.dropped
                source.dropped, source.told_at = 0, now
                self._dropping.discard(instance_id)
        return told

    def _write(self, instance_id: str, lines: list[LogLine | None], dropped: int) -> None:
        files = self._files.get(instance_id)
        if files is None:
            files = self._files[instance_id] = LogFiles(self._folder, instance_id)
        if None in lines:
            files.drop()
            del self._files[instance_id]
            lines = lines[len(lines) - lines[::-1].index(None) :]
            if lines:  # it is spoken for again
                self._write(instance_id, lines, dropped)
            return
        said = [line for line in lines if line is not None]
        if dropped:
            text = "1 line was dropped" if dropped == 1 else f"{dropped} lines were dropped"
            said.append(LogLine(int(time.time() * 1_000), "host", "warning", text))
        try:
            files.append(said)
            self._failing = False
        except OSError as fault:
            if not self._failing:
                log.error("logs of instances can't be written, and what they say is dropped: %s", fault)
            self._failing = True
            with self._changed:
                self._drop(instance_id, len(lines) + dropped)


def shown(text: str) -> str:
    """A text without what steers a terminal or ends a line: such characters stand there escaped."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
