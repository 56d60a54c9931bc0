"""Path losses of the rows of a CSV file: which columns it has, and what is wrong in which line.

``scenario,condition,fc_ghz,h_bs_m,h_ut_m,d2d_m`` are needed; ``h_bldg_m`` and ``w_street_m`` may be there, and may be
empty, which takes their defaults. Other columns are kept as they are.
"""

import csv
import re
from collections.abc import Sequence
from typing import Any, NamedTuple, TextIO, cast

import numpy as np

from maillage.kernel.errors import Invalid, Malformed
from maillage.kernel.files import BROKEN_GZIP
from maillage.kernel.geo import FloatArray
from maillage.services.roof.radio.path_loss import path_loss_db
from maillage.services.roof.radio.scenarios import Condition, Scenario
from maillage.services.roof.radio.validity import require_scenario, require_valid, warnings_for

NUMBERS = ("d2d_m", "fc_ghz", "h_bs_m", "h_ut_m")
DEFAULTS = {"h_bldg_m": 5.0, "w_street_m": 20.0}
REQUIRED = ("scenario", "condition", "fc_ghz", "h_bs_m", "h_ut_m", "d2d_m")
ADDED = "model_db"
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class Row(NamedTuple):
    """A line of the file: its number, its cells as they were, and what the model is given."""

    line: int
    cells: list[str]
    scenario: Scenario
    condition: Condition
    numbers: list[float]


class LossTable(NamedTuple):
    """The file and, row by row, its losses."""

    columns: list[str]
    rows: list[Row]
    model_db: FloatArray

    def documents(self) -> list[dict[str, Any]]:
        """Rows by column; what the model is given as numbers (None where it was left out), the rest as text."""
        known = [name.strip().lower() for name in self.columns]
        numeric = {known.index(name) for name in (*NUMBERS, *DEFAULTS) if name in known}
        found = []
        for row, loss_db in zip(self.rows, self.model_db.tolist(), strict=True):
            cells = [
                cell if column not in numeric else (float(cell) if cell.strip() else None)
                for column, cell in enumerate(row.cells)
            ]
            found.append(dict(zip(self.columns, cells, strict=True)) | {ADDED: round(loss_db, 6)})
        return found

    def warnings(self) -> list[str]:
        """What a reader must know, each once, in the order of the rows."""
        cases = dict.fromkeys(
            (row.scenario, row.numbers[2], row.numbers[3], row.numbers[4] if row.scenario == "RMa" else 5.0)
            for row in self.rows
        )
        told = (
            warnings_for(scenario, h_bs_m, h_ut_m, h_bldg_m=h_bldg_m) for scenario, h_bs_m, h_ut_m, h_bldg_m in cases
        )
        return list(dict.fromkeys(warning for warnings in told for warning in warnings))


def read_loss_table(text: TextIO) -> LossTable:
    """The losses of all rows. Malformed where the text is no such table, Invalid where a row is outside its model;
    both name the first line that is wrong."""
    columns, rows = _read(text)
    return LossTable(columns, rows, _losses(rows))


def _losses(rows: Sequence[Row]) -> FloatArray:
    model_db = np.zeros(len(rows))
    wrong: list[tuple[int, str]] = []
    for scenario, condition in dict.fromkeys((row.scenario, row.condition) for row in rows):
        places = [at for at, row in enumerate(rows) if (row.scenario, row.condition) == (scenario, condition)]
        numbers = np.array([rows[at].numbers for at in places]).T
        try:
            model_db[places] = _loss_db(scenario, condition, numbers)
        except Invalid:
            first = _first_invalid(scenario, condition, numbers)
            wrong.append((rows[places[first]].line, _reason(scenario, condition, numbers[:, first])))
    if wrong:
        line, reason = min(wrong)
        raise Malformed(f"line {line}: {reason}", line=line)
    return model_db


def _loss_db(scenario: Scenario, condition: Condition, numbers: FloatArray) -> FloatArray:
    d2d_m, fc_ghz, h_bs_m, h_ut_m, h_bldg_m, w_street_m = numbers
    return path_loss_db(scenario, condition, d2d_m, fc_ghz, h_bs_m, h_ut_m, h_bldg_m=h_bldg_m, w_street_m=w_street_m)


def _first_invalid(scenario: Scenario, condition: Condition, numbers: FloatArray) -> int:
    """Halving: of ``numbers``, which are invalid as a whole, the first column that is."""
    low, high = 0, numbers.shape[1]
    while high - low > 1:
        middle = (low + high) // 2
        if _reason(scenario, condition, numbers[:, low:middle]):
            high = middle
        else:
            low = middle
    return low


def _reason(scenario: Scenario, condition: Condition, numbers: FloatArray) -> str:
    """Why these are refused; empty where they are not."""
    d2d_m, fc_ghz, h_bs_m, h_ut_m, h_bldg_m, w_street_m = numbers
    try:
        require_valid(scenario, condition, d2d_m, fc_ghz, h_bs_m, h_ut_m, h_bldg_m=h_bldg_m, w_street_m=w_street_m)
    except Invalid as invalid:
        return invalid.detail
    return ""


def _read(text: TextIO) -> tuple[list[str], list[Row]]:
    reader = csv.reader(text, strict=True)
    try:
        columns = next(reader, [])
        names = _names(columns)
        return columns, [
            _row(reader.line_num, cells, names) for cells in reader if len(cells) > 1 or "".join(cells).strip()
        ]
    except Invalid as invalid:
        raise Malformed(f"line {reader.line_num}: {invalid.detail}", line=reader.line_num) from None
    except UnicodeDecodeError:
        raise Malformed(f"after line {reader.line_num} the file is not UTF-8; save it as UTF-8") from None
    except csv.Error as error:
        raise Malformed(f"line {reader.line_num} is not CSV: {error}", line=reader.line_num) from None
    except BROKEN_GZIP as error:
        raise Malformed(f"the packed file is damaged or was cut short ({error}); pack it again") from None


def _names(columns: Sequence[str]) -> list[str]:
    names = [name.strip().lower() for name in columns]
    if missing := [name for name in REQUIRED if name not in names]:
        has = ", ".join(names)[:200] or "nothing"
        raise Malformed(f"the header has no {', no '.join(missing)}; it needs {', '.join(REQUIRED)}, and has: {has}")
    if ADDED in names:
        raise Malformed(f"the header has {ADDED}, which is what is added; drop or rename that column")
    if twice := {name for name in names if names.count(name) > 1}:
        raise Malformed(f"the header has {min(twice)!r} twice")
    return names


def _row(line: int, cells: list[str], names: list[str]) -> Row:
    if len(cells) != len(names):
        raise Invalid("columns", f"there are {len(cells)} where the header has {len(names)}")
    of = dict(zip(names, cells, strict=True))
    scenario, condition = of["scenario"].strip(), of["condition"].strip()
    require_scenario(scenario, condition)
    numbers = [_number(of[name], name) for name in NUMBERS]
    numbers += [_number(of[name], name) if of.get(name, "").strip() else default for name, default in DEFAULTS.items()]
    return Row(line, cells, cast(Scenario, scenario), cast(Condition, condition), numbers)


def _number(text: str, field: str) -> float:
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        raise Invalid(field, f"{text[:40]!r} is not a number")
    return float(text)
