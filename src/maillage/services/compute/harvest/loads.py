"""Recorded processor load of machines: a CSV file with a row per slot of five minutes and a column per machine."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from maillage.kernel.errors import Invalid, Malformed
from maillage.kernel.files import BROKEN_GZIP, open_data_file
from maillage.kernel.geo import FloatArray

SLOT_S = 300
"""Length of a slot."""
MACHINES_MAX = 10_000
CELLS_MAX = 50_000_000
"""Figures that are read from one file at most: 400 MB in memory."""
_NUMBER = re.compile(r"\+?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)


class Loads(msgspec.Struct, frozen=True):
    """``shares`` has a row per slot and a column per machine: the part of the machine that was busy, 0 to 1. The first
    row is slot number ``first_slot``."""

    machines: list[str]
    first_slot: int
    shares: FloatArray


def read_loads(path: Path) -> Loads:
    """Loads in a CSV file, plain or packed with gzip: a header, then slot numbers that count up by one, and percents.

    Malformed, naming line and column, for what can't be read.
    """
    with open_data_file(path) as stream:
        text = io.TextIOWrapper(stream, "utf-8-sig", newline="")
        reader = csv.reader(text, strict=True)
        try:
            return _read(reader)
        except Invalid as invalid:
            raise Malformed(f"line {reader.line_num}: {invalid.detail}", line=reader.line_num) from None
        except UnicodeDecodeError:
            raise Malformed(f"after line {reader.line_num} the file is not UTF-8; save it as UTF-8") from None
        except csv.Error as error:
            raise Malformed(f"line {reader.line_num} is not CSV: {error}", line=reader.line_num) from None
        except BROKEN_GZIP as error:
            raise Malformed(f"the packed file is damaged or was cut short ({error}); pack it again") from None
        except OSError as error:
            raise Invalid("file", f"{path} can't be read: {error.strerror or error}") from None


def require_alike(loads: Loads, peaks: Loads) -> None:
    """Malformed unless the maxima are of the same machines and slots as the means, and nowhere below them."""
    if peaks.machines != loads.machines:
        other = next((name for name in loads.machines if name not in peaks.machines), None)
        what = "the same machines in another order" if other is None else f"no machine {other[:40]!r}"
        raise Malformed(f"the file of maxima has {what}; its header must be that of the means")
    if (peaks.first_slot, len(peaks.shares)) != (loads.first_slot, len(loads.shares)):
        raise Malformed(
            f"the file of maxima has {len(peaks.shares):,} slots from {peaks.first_slot} on, "
            f"the means {len(loads.shares):,} from {loads.first_slot} on; both must cover the same"
        )
    below = np.argwhere(peaks.shares < loads.shares - 1e-9)
    if len(below):
        slot, machine = below[0]
        raise Malformed(
            f"line {slot + 2} of the maxima, column {loads.machines[machine][:40]!r}: the maximum is below the mean; "
            "perhaps the two files were swapped"
        )


def _read(reader: Iterator[list[str]]) -> Loads:
    header = [name.strip() for name in next(reader, [])]
    machines = header[1:]
    if not machines:
        raise Invalid("header", "needs a column for the slot and one for each machine, such as slot,vm00,vm01")
    if all(_NUMBER.fullmatch(name) for name in header):
        raise Invalid("header", "is missing; the first line names the columns, such as slot,vm00,vm01")
    if len(machines) > MACHINES_MAX:
        raise Invalid("header", f"has {len(machines):,} machines; at most {MACHINES_MAX:,} can be read")
    if len(set(machines)) < len(machines):
        twice = next(name for name in machines if machines.count(name) > 1)
        raise Invalid("header", f"names the machine {twice[:40]!r} twice")
    first_slot = slot = -1
    rows: list[FloatArray] = []
    for fields in reader:
        if len(fields) <= 1 and not "".join(fields).strip():
            continue
        if len(fields) != len(header):
            raise Invalid("columns", f"there are {len(fields)} where the header has {len(header)}")
        if not (fields[0].strip().isascii() and fields[0].strip().isdigit() and len(fields[0]) <= 15):
            raise Invalid(header[0][:40] or "slot", f"{fields[0][:40]!r} is not a slot number, such as 1")
        number = int(fields[0])
        if rows and number != slot + 1:
            raise Invalid(header[0][:40] or "slot", f"is {number} after {slot}; slots of five minutes count up by one")
        first_slot, slot = (first_slot if rows else number), number
        rows.append(_shares(fields, header))
        if len(rows) * len(machines) > CELLS_MAX:
            raise Invalid("rows", f"are too many; at most {CELLS_MAX:,} figures can be read, so split the file")
    if not rows:
        raise Invalid("rows", "there are none below the header")
    return Loads(machines, first_slot, np.vstack(rows))


def _shares(fields: list[str], header: list[str]) -> FloatArray:
    try:
        percents = np.array(fields[1:], dtype=np.float64)
    except ValueError:
        percents = np.array([-1.0])
    if ((percents >= 0) & (percents <= 100)).all():  # false for NaN as well
        return percents / 100
    for name, text in zip(header[1:], fields[1:], strict=True):
        if not _NUMBER.fullmatch(text.strip()):
            raise Invalid(name[:40], f"{text[:40]!r} is not a percentage, such as 12.5")
        if not float(text) <= 100:
            raise Invalid(name[:40], f"{text[:40]} is no percentage of a machine; they go from 0 to 100")
    return np.array([float(text) for text in fields[1:]]) / 100
