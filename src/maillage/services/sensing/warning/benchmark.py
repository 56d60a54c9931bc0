"""The generic detector on the Numenta Anomaly Benchmark's series: a folder of CSV files with ``labels.json``."""

from pathlib import Path, PurePosixPath

import msgspec

from maillage.kernel.errors import Invalid, Malformed
from maillage.services.sensing.warning import nab
from maillage.services.sensing.warning.detect import detect
from maillage.services.sensing.warning.generic import STANDARD, Tuning
from maillage.services.sensing.warning.series import Table, parse_time, read_table


class Windows(msgspec.Struct, frozen=True):
    """What of ``labels.json`` is read: by file, the first and the last time of each window."""

    windows: dict[str, list[tuple[str, str]]]


class FileScore(msgspec.Struct, frozen=True):
    """One series; ``null`` is the raw score of a detector that never says anything."""

    file: str
    rows: int
    score: nab.Score
    null: float


def score_folder(folder: Path, tuning: Tuning = STANDARD) -> list[FileScore]:
    """Raw scores by the standard profile. Invalid or Malformed, naming the file, for what can't be read."""
    path = folder / "labels.json"
    try:
        labels = msgspec.json.decode(path.read_bytes(), type=Windows)
    except OSError as error:
        raise Invalid("nab", f"{path} can't be read: {error.strerror or error}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Malformed(f"{path}: {error}") from None
    if not labels.windows:
        raise Malformed(f"{path}: there are no windows")
    scores = []
    for name, spans in sorted(labels.windows.items()):
        table = read_table(folder / PurePosixPath(name).name)
        windows = [_rows(table, span, f"{path}: {name}") for span in spans]
        detection = detect(table, tuning)
        silent = nab.score([False] * len(table.at_s), windows)
        scores.append(FileScore(name, len(table.at_s), nab.score(detection.alarms, windows), silent.raw))
    return scores


def _rows(table: Table, span: tuple[str, str], where: str) -> tuple[int, int]:
    """The first and last row of a window."""
    try:
        first_s, last_s = (parse_time(text) for text in span)
        return table.at_s.index(first_s), table.at_s.index(last_s)
    except ValueError:
        raise Malformed(f"{where}: {span[0]!r} to {span[1]!r} are not times of two rows of the file") from None
