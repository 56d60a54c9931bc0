"""Site files in CSV (RFC 4180): columns ``id,name,lat,lon`` and optional ``country,region,tz``; others are attributes.

One bad row must not take others with it. A quote that is never closed would swallow all that follows, so a record
may run over a few lines only; when it does not end there, its first line is rejected and reading resumes at the next.
"""

import csv
import re
from collections import Counter, deque
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from maillage.kernel.errors import Invalid, Malformed
from maillage.kernel.site_files.roll import Rejection, Roll
from maillage.kernel.sites import Site, attribute_value

LINE_BYTES_MAX = 1 << 17
"""Longest line that is read at all, as long as the longest field that Python's csv module takes."""
RECORD_LINES_MAX = 50
"""Lines that a record may run over by line breaks within quotes; addresses have a handful."""
REQUIRED = ("id", "name", "lat", "lon")
OPTIONAL = ("country", "region", "tz")

_BOM = b"\xef\xbb\xbf"
_DEGREES = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)


def read_csv(stream: BinaryIO) -> Iterator[Site | Rejection]:
    """Sites and rejections in the order of the file. Malformed for a file that is empty or has another header."""
    lines = _Lines(stream)
    header = _next_record(lines, columns=None)
    if header is None:
        raise Malformed("the file is empty; it starts with a header line such as id,name,lat,lon")
    if header.fault:
        raise Malformed(f"the header line can't be read: it {header.fault}", line=header.line)
    layout = _Layout(header)
    roll = Roll("line")
    while record := _next_record(lines, layout.columns):
        if record.fault:
            yield Rejection(record.line, layout.id_of(record.fields), f"the line {record.fault}")
            continue
        try:
            yield roll.enter(layout.site_of(record.fields), record.line)
        except Invalid as invalid:
            yield Rejection(record.line, layout.id_of(record.fields), invalid.detail)


class _Record(NamedTuple):
    """Fields of one record and the line it starts on; ``fault``, where there is one, goes on after "the line"."""

    line: int
    fields: list[str]
    fault: str = ""


class _Lines:
    """Lines of a stream, counted; those that a broken record ran over can be put back."""

    def __init__(self, stream: BinaryIO) -> None:
        self.number = 0
        self._stream = stream
        self._waiting: deque[bytes] = deque()

    def take(self) -> bytes:
        """The next line with its end, empty after the last. One beyond LINE_BYTES_MAX is cut to a byte more."""
        if self._waiting:
            line = self._waiting.popleft()
        else:
            line = self._stream.readline(LINE_BYTES_MAX + 1)
            if len(line) > LINE_BYTES_MAX and not line.endswith(b"\n"):
                self._skip_line()
            if self.number == 0:
                line = line.removeprefix(_BOM)
        if line:
            self.number += 1
        return line

    def put_back(self, lines: list[bytes]) -> None:
        self._waiting.extendleft(reversed(lines))
        self.number -= len(lines)

    def _skip_line(self) -> None:
        while (piece := self._stream.readline(LINE_BYTES_MAX)) and not piece.endswith(b"\n"):
            pass


def _next_record(lines: _Lines, columns: int | None) -> _Record | None:
    """The next record that is not blank, None after the last; with ``columns`` given, it must have as many."""
    while first := lines.take():
        line = lines.number
        if len(first) > LINE_BYTES_MAX:
            return _Record(line, [], f"is longer than {LINE_BYTES_MAX} bytes")
        taken = [first]
        try:
            fields = next(csv.reader(_texts(lines, taken), strict=True))
        except csv.Error:
            lines.put_back(taken[1:])
            return _Record(line, [], _syntax_fault(first))
        if len(fields) <= 1 and not "".join(fields).strip():
            continue
        if columns is not None and len(fields) != columns:
            lines.put_back(taken[1:])
            return _Record(line, fields, _count_fault(len(fields), columns, len(taken)))
        return _Record(line, fields, _encoding_fault(b"".join(taken)))
    return None


def _texts(lines: _Lines, taken: list[bytes]) -> Iterator[str]:
    """The line in ``taken`` and, as long as the csv module asks for more, those after it, kept in ``taken`` too."""
    yield taken[0].decode("utf-8", "backslashreplace")
    while len(taken) < RECORD_LINES_MAX and (line := lines.take()):
        taken.append(line)
        if len(line) > LINE_BYTES_MAX:
            return
        yield line.decode("utf-8", "backslashreplace")


def _syntax_fault(line: bytes) -> str:
    if b"\r" in line.rstrip(b"\r\n"):
        return "has a carriage return in its midst; lines end with LF or CR LF"
    return (
        "has a quote that is not closed, or closed within the text; a text with commas, quotes or line breaks "
        'stands between quotes, and quotes within it are doubled: "Joe ""Big"" Smith, Jr."'
    )


def _count_fault(found: int, columns: int, lines: int) -> str:
    over = f" (a quote opened here is closed {lines - 1} lines below)" if lines > 1 else ""
    return f"has {found} columns where the header has {columns}{over}; texts with commas stand between quotes"


def _encoding_fault(record: bytes) -> str:
    try:
        record.decode()
    except UnicodeDecodeError as error:
        return f"is not UTF-8 at its byte {error.start + 1} (0x{record[error.start]:02x}); save the file as UTF-8"
    return ""


class _Layout:
    """Which column holds what. Names of columns are read in lower case."""

    def __init__(self, header: _Record) -> None:
        names = [" ".join(name.split()).lower() for name in header.fields]
        found = ", ".join(name[:32] for name in names[:32])
        if missing := [name for name in REQUIRED if name not in names]:
            raise Malformed(
                f"the header has no {', no '.join(missing)}; it needs id, name, lat and lon, separated by commas, "
                f"and has: {found}",
                line=header.line,
            )
        if twice := [name for name, times in Counter(names).items() if name and times > 1]:
            raise Malformed(
                f"the header names {twice[0][:64]} twice; a column needs a name of its own", line=header.line
            )
        self.columns = len(names)
        self._column = {name: column for column, name in enumerate(names)}
        known = {*REQUIRED, *OPTIONAL}
        if "region" not in names and "state" in names:
            self._column["region"] = self._column["state"]
            known.add("state")
        self._attributes = [(name, column) for column, name in enumerate(names) if name and name not in known]

    def id_of(self, fields: list[str]) -> str | None:
        """The id of a row that may be faulty, for showing."""
        column = self._column["id"]
        return fields[column].strip()[:80] or None if column < len(fields) else None

    def site_of(self, fields: list[str]) -> Site:
        """The site in a row, not yet checked; Invalid when it has no id or its position is not in numbers."""
        site_id = fields[self._column["id"]].strip()
        if not site_id:
            raise Invalid("id", "is empty; each store needs one, such as st-100")
        return Site(
            id=site_id,
            name=self._text(fields, "name") or site_id,
            lat=_degrees(fields[self._column["lat"]], "lat"),
            lon=_degrees(fields[self._column["lon"]], "lon"),
            tz=self._text(fields, "tz"),
            country=self._text(fields, "country").upper(),
            region=self._text(fields, "region"),
            attributes={
                name: attribute_value(text) for name, column in self._attributes if (text := fields[column].strip())
            },
        )

    def _text(self, fields: list[str], name: str) -> str:
        column = self._column.get(name)
        return "" if column is None else " ".join(fields[column].split())


def _degrees(text: str, field: str) -> float:
    text = text.strip()
    if not _DEGREES.fullmatch(text):
        raise Invalid(field, f"{text[:40]!r} is not a number of degrees, such as 36.3313")
    return float(text)
