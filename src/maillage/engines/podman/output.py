"""What a container writes, as lines of its instance's log: read from the file that conmon writes, where it lies.

Nobody waits for it: who writes more than is read between two looks loses the middle, and is told how much.
"""

import asyncio
import contextlib
import os
import time
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from maillage.services.compute.model import LogLine
from maillage.services.compute.ports import Note

LOOK_EVERY_S = 0.25
LOOK_BYTES_MAX = 64 * 1024
LINE_MAX = 4 * 1024
"""Characters of one line; the rest of it comes as another."""


class Output:
    """``path`` is a file in the format that Kubernetes gave its name: time, stream, F or P for a part, text."""

    def __init__(self, path: Path, note: Note) -> None:
        self._path = path
        self._note = note
        self._file: BinaryIO | None = None
        self._rest = b""
        self._partial: dict[str, str] = {}

    async def follow(self) -> None:
        """Until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Take in what came since the last look."""
        with contextlib.suppress(OSError):
            if self._file is None:
                self._file = self._path.open("rb")
            self._read(self._file)
            if os.fstat(self._file.fileno()).st_ino != self._path.stat().st_ino:  # it was full, and begun anew
                self._file.close()
                self._file, self._rest = self._path.open("rb"), b""
                self._read(self._file)

    def close(self) -> None:
        self.look()
        if self._file is not None:
            self._file.close()
            self._file = None
        for stream in list(self._partial):
            self._say(int(time.time() * 1000), stream, "")

    def _read(self, file: BinaryIO) -> None:
        waiting = os.fstat(file.fileno()).st_size - file.tell()
        if waiting > LOOK_BYTES_MAX:
            left_out = waiting - LOOK_BYTES_MAX
            file.seek(left_out, os.SEEK_CUR)
            self._rest = b""
            file.readline(LOOK_BYTES_MAX)
            text = f"{left_out:,} bytes of output were left out: they came faster than they are read"
            self._note(LogLine(int(time.time() * 1000), "host", "warning", text))
        *lines, self._rest = (self._rest + file.read(LOOK_BYTES_MAX)).split(b"\n")
        self._rest = self._rest[-LOOK_BYTES_MAX:]
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        at, _, rest = line.decode("utf-8", "replace").partition(" ")
        stream, _, rest = rest.partition(" ")
        part, _, text = rest.partition(" ")
        if stream not in ("stdout", "stderr"):
            return
        text = self._partial.pop(stream, "") + text
        while len(text) > LINE_MAX:
            self._say(_milliseconds(at), stream, text[:LINE_MAX])
            text = text[LINE_MAX:]
        if part == "P":
            self._partial[stream] = text
        else:
            self._say(_milliseconds(at), stream, text)

    def _say(self, at_ms: int, stream: str, text: str) -> None:
        text = self._partial.pop(stream, "") + text
        if stream == "stderr":
            self._note(LogLine(at_ms, "stderr", "info", text))
        else:
            self._note(LogLine(at_ms, "stdout", "info", text))


def _milliseconds(at: str) -> int:
    """``2026-11-21T15:46:24.123456789+00:00``; now where it is no time."""
    try:
        return int(datetime.fromisoformat(at).timestamp() * 1000)
    except ValueError:
        return int(time.time() * 1000)
