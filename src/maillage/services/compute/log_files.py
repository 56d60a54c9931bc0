"""One instance's log on disk: two files of JSON lines, the newer in front of the older."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import msgspec

from maillage.services.compute.model import LogLine

FILE_MAX_BYTES = 1 << 20
"""A file that is full takes the place of the older one. So an instance has at most twice as much."""
_TAIL_BYTES = 64 << 10
"""Longer than any line, whatever it holds: its text is bounded, and JSON makes at most 6 bytes of a character."""


class NumberedLine(msgspec.Struct, frozen=True, rename={"number": "n"}):
    """A line and its number in its instance's log, greater than that of the line before."""

    number: int
    at_ms: int
    stream: str
    level: str
    text: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(NumberedLine).decode


class LogFiles:
    """One thread may append while others read; what a killed process left half written is passed over."""

    def __init__(self, folder: Path, instance_id: str) -> None:
        self._folder = folder / quote(instance_id, safe="~").replace(".", "%2E")
        self._newer = self._folder / "log.jsonl"
        self._older = self._folder / "log.older.jsonl"
        self._last: int | None = None

    def append(self, lines: Sequence[LogLine]) -> None:
        """OSError where the disk does not take them; some may then be there."""
        last = self._recovered() if self._last is None else self._last
        self._last = None  # until all went well: what is written only in part has to be recovered from
        out = bytearray()
        for line in lines:
            last += 1
            out += _line(last, line)
            if len(out) >= FILE_MAX_BYTES // 2:
                self._write(out)
                out.clear()
        self._write(out)
        self._last = last

    def read(self, after: int) -> list[NumberedLine]:
        """All that are there with a greater number, in order; all there are, where such a number was never given out:
        the log began anew."""
        found: dict[int, NumberedLine] = {}
        for path in (self._newer, self._older, self._newer):  # a file that changes its place meanwhile is met as well
            for row in _rows(path):
                try:
                    line = _decode(row)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
                found[line.number] = line
        numbers = sorted(found)
        if numbers and numbers[-1] < after:
            after = 0
        return [found[number] for number in numbers if number > after]

    def drop(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._last = None

    def _write(self, out: bytearray) -> None:
        with self._newer.open("ab") as file:
            size = os.fstat(file.fileno()).st_size
            if not size or size + len(out) <= FILE_MAX_BYTES:
                file.write(out)
                return
        self._newer.replace(self._older)
        with self._newer.open("ab") as file:
            file.write(out)

    def _recovered(self) -> int:
        """The last number that was given out, after the end of a file that was cut within a line is made one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._newer.open("ab+") as file:
            size = file.tell()
            file.seek(max(size - _TAIL_BYTES, 0))
            if size and not file.read().endswith(b"\n"):
                file.write(b"\n")
        return max((line.number for line in self.read(0)), default=0)


def sweep(folder: Path, before: float) -> None:
    """Drop the logs in which nothing was written since an instant, in seconds UTC."""
    for log in folder.glob("*/log.jsonl"):
        if log.stat().st_mtime < before:
            shutil.rmtree(log.parent, ignore_errors=True)


def _line(number: int, line: LogLine) -> bytes:
    try:
        return _encode(NumberedLine(number, line.at_ms, line.stream, line.level, line.text)) + b"\n"
    except UnicodeEncodeError:  # half of a surrogate pair, which UTF-8 has no bytes for
        text = line.text.encode("utf-8", "replace").decode()
        return _encode(NumberedLine(number, line.at_ms, line.stream, line.level, text)) + b"\n"


def _rows(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\n")
    except (FileNotFoundError, NotADirectoryError):
        return []
