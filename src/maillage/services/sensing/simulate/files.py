"""A run as files: ``unit-NNN.csv`` for each device and ``labels.json``; and back."""

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from maillage.kernel.errors import AlreadyExists, Invalid, Malformed
from maillage.services.sensing.simulate.cabinets import FOOD_LIMIT_C, CabinetKind
from maillage.services.sensing.simulate.faults import FaultKind
from maillage.services.sensing.simulate.run import START_S, STEP_S, Run

LABELS = "labels.json"
HEADER = b"timestamp,value,door,defrost,food\n"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}", re.ASCII)


class LabelledFault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault of one unit. ``food_left`` is when food left its limits because of it, None where it never did. Times are
    seconds since 1970, ``[start_s, end_s)``."""

    kind: FaultKind
    start_s: int
    end_s: int
    food_left_s: int | None = None


class LabelledUnit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One unit: its file, what it is, and all that went wrong in it."""

    file: str
    kind: CabinetKind
    food_limit_c: float
    faults: list[LabelledFault]


class Labels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``labels.json`` holds. ``seed`` makes the same run again."""

    start_s: int
    days: int
    interval_s: int
    seed: int
    units: list[LabelledUnit]


def label(run: Run, seed: int) -> Labels:
    """The labels of a run."""
    units = [
        LabelledUnit(file=f"unit-{number:03}.csv", kind=kind, food_limit_c=FOOD_LIMIT_C[kind], faults=[])
        for number, kind in enumerate(run.cabinets.kinds, 1)
    ]
    for fault, left in zip(run.faults, run.left_min, strict=True):
        units[fault.device].faults.append(
            LabelledFault(
                kind=fault.kind,
                start_s=START_S + fault.start_min * STEP_S,
                end_s=START_S + fault.end_min * STEP_S,
                food_left_s=None if left is None else START_S + left * STEP_S,
            )
        )
    days = run.value.shape[1] * STEP_S // 86_400
    return Labels(start_s=START_S, days=days, interval_s=STEP_S, seed=seed, units=units)


def write_run(folder: Path, run: Run, seed: int, advance: Callable[[], object] = lambda: None) -> Labels:
    """Write a run into a folder that is made, or empty. Labels come last, so that a folder with them is whole.
    AlreadyExists when something is in it; OSError as the file system says."""
    require_new(folder)
    folder.mkdir(parents=True, exist_ok=True)
    labels = label(run, seed)
    stamps = _stamps(run.value.shape[1])
    for number, unit in enumerate(labels.units):
        with (folder / unit.file).open("wb") as file:
            file.write(HEADER)
            file.writelines(_rows(run, number, stamps))
        advance()
    (folder / LABELS).write_bytes(msgspec.json.format(msgspec.json.encode(labels), indent=1) + b"\n")
    return labels


def require_new(folder: Path) -> None:
    """AlreadyExists unless the folder is missing or empty: no run is ever mixed with another."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AlreadyExists(f"{folder} is there already and not an empty folder; name another")


def read_labels(folder: Path) -> Labels:
    """The labels in a folder. Invalid or Malformed, naming the file, when they can't be read or can't be right."""
    path = folder / LABELS
    try:
        labels = msgspec.json.decode(path.read_bytes(), type=Labels)
    except OSError as error:
        raise Invalid("folder", f"{path} can't be read: {error.strerror or error}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Malformed(f"{path}: {error}") from None
    for unit in labels.units:
        if not _NAME.fullmatch(unit.file) or unit.file.startswith("."):
            raise Malformed(f"{path}: {unit.file[:40]!r} is no plain file name such as unit-001.csv")
        if not math.isfinite(unit.food_limit_c):
            raise Malformed(f"{path}: the food limit of {unit.file} is no finite number")
        if any(fault.end_s <= fault.start_s for fault in unit.faults):
            raise Malformed(f"{path}: a fault of {unit.file} ends before it starts")
    if not labels.units:
        raise Malformed(f"{path}: there are no units")
    return labels


STRETCH = 100_000


def _stamps(minutes: int) -> npt.NDArray[np.uint8]:
    """``2026-01-01T00:00:00Z,`` for each minute, as rows of bytes."""
    first = np.datetime64(START_S, "s")
    texts = np.char.add(np.datetime_as_string(first + np.arange(minutes) * np.timedelta64(STEP_S, "s")), "Z,")
    return np.frombuffer(texts.astype("S21").tobytes(), np.uint8).reshape(minutes, 21)


def _rows(run: Run, number: int, stamps: npt.NDArray[np.uint8]) -> Iterator[bytes]:
    """Lines of one device. Padding is NUL and is cut out at the end: a million lines take a second, not ten."""
    for low in range(0, len(stamps), STRETCH):
        span = slice(low, low + STRETCH)
        value = run.value[number, span]
        there = np.isfinite(value)
        parts = [
            stamps[span],
            _texts(np.nan_to_num(value), 1),
            _bytes(b","),
            _digits(run.door[number, span]),
            _bytes(b","),
            _digits(run.defrost[number, span]),
            _bytes(b","),
            _texts(run.food_c[number, span], 2),
            _bytes(b"\n"),
        ]
        whole = np.concatenate([np.broadcast_to(part, (len(there), part.shape[1])) for part in parts], axis=1)[there]
        yield whole[whole != 0].tobytes()


def _bytes(text: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(text, np.uint8)[None, :]


def _digits(truths: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    return (truths.astype(np.uint8) + ord("0"))[:, None]


def _texts(values: npt.NDArray[np.float64], decimals: int) -> npt.NDArray[np.uint8]:
    """Numbers as text: each different one is written once."""
    different, index = np.unique(np.round(values * 10**decimals).astype(np.int64), return_inverse=True)
    texts = np.array([f"{each / 10**decimals:.{decimals}f}" for each in different.tolist()], dtype="S12")
    return np.frombuffer(texts.tobytes(), np.uint8).reshape(len(different), 12)[index]
