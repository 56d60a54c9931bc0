"""What a scenario found: printed for the reader, kept as JSON beside, and as a row of the Markdown table."""

import json
import os
import platform
import sqlite3
import sysconfig
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy
import scipy

from benchmarks.rounds import FSYNC_MOVE_MAX, Round, fsync_moved

RESULTS = Path(__file__).parent / "results"


@dataclass
class Line:
    """One figure with its goal.

    With ``other`` the figure is the median of ``ours / other`` over the rounds, without it the median of ours. ``goal``
    None only reports; ``at_most`` turns the goal round. ``judged`` False where the sync time moved too much.
    """

    name: str
    unit: str
    ours: list[float]
    other: list[float] = field(default_factory=list)
    other_name: str = ""
    goal: float | None = None
    at_most: bool = False
    judged: bool = True

    @property
    def figure(self) -> float:
        if not self.other:
            return median(self.ours)
        return median(mine / theirs for mine, theirs in zip(self.ours, self.other, strict=True))

    @property
    def compared(self) -> str:
        """Both medians, the ratio and how far it went from round to round; without a peer the median alone."""
        ours = f"ours {number(median(self.ours))} {self.unit}"
        if not self.other:
            return f"{ours} ({number(min(self.ours))} to {number(max(self.ours))})"
        ratios = [mine / theirs for mine, theirs in zip(self.ours, self.other, strict=True)]
        spread = f"({min(ratios):.3g} to {max(ratios):.3g})"
        return f"{ours}, {self.other_name} {number(median(self.other))}: {self.figure_text} {spread}"

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return "reported"
        if not self.judged:
            return "not to be judged"
        return "met" if (self.figure <= self.goal if self.at_most else self.figure >= self.goal) else "MISSED"

    @property
    def goal_text(self) -> str:
        if self.goal is None:
            return "-"
        return f"{'<=' if self.at_most else '>='} {self.goal:g}{' x' if self.other else ' ' + self.unit}"

    @property
    def figure_text(self) -> str:
        return f"{self.figure:.3g} x" if self.other else f"{number(self.figure)} {self.unit}"


@dataclass
class Outcome:
    """``notes`` are sentences a reader of the figures must know. ``uses_disk`` False: the sync time can't matter."""

    scenario: str
    lines: list[Line]
    rounds: list[Round]
    notes: list[str] = field(default_factory=list)
    uses_disk: bool = True
    quick: bool = False

    def __post_init__(self) -> None:
        if self.uses_disk and fsync_moved(self.rounds) > FSYNC_MOVE_MAX:
            for line in self.lines:
                line.judged = False

    def print(self) -> None:
        for line in self.lines:
            print(f"  {line.name:<26} {line.compared}  goal {line.goal_text}  {line.verdict}")
        probes = ", ".join(f"{each.fsync_p50_us:.0f}" for each in self.rounds)
        loads = ", ".join(f"{each.load_1min:.1f}" for each in self.rounds)
        print(f"  fsync p50 by round: {probes} us (moved {fsync_moved(self.rounds):.1f} x); load: {loads}")
        for note in self.notes:
            print(f"  {note}")
        print(flush=True)

    def save(self) -> None:
        RESULTS.mkdir(exist_ok=True)
        document = {"taken": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": machine(), **asdict(self)}
        for line, stored in zip(self.lines, document["lines"], strict=True):
            stored |= {
                "figure": line.figure_text,
                "goal_text": line.goal_text,
                "verdict": line.verdict,
                "ours_median": median(line.ours),
                "other_median": median(line.other) if line.other else None,
            }
        (RESULTS / f"{self.scenario}.json").write_text(json.dumps(document, indent=1) + "\n")


def number(value: float) -> str:
    """Three digits or all whole ones, with thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine() -> dict[str, str]:
    """What the figures were taken on."""
    return {
        "cpu": f"{_first('/proc/cpuinfo', 'model name')}, {_cores()} cores",
        "memory": f"{int(_first('/proc/meminfo', 'MemTotal').split()[0] or 0) // 2**20} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"Python {platform.python_version()} ({_python_build()})",
        "libraries": f"SQLite {sqlite3.sqlite_version}, numpy {numpy.__version__}, scipy {scipy.__version__}",
    }


def markdown(order: list[str]) -> str:
    """The table of all results that are kept, in the order of the scenarios."""
    rows = ["| scenario | | ours | the other | measured | goal | |", "|---|---|---|---|---|---|---|"]
    foot: list[str] = []  # what decides whether a run can be judged
    for name in order:
        path = RESULTS / f"{name}.json"
        if not path.exists():
            continue
        document: dict[str, Any] = json.loads(path.read_text())
        for line in document["lines"]:
            other = f"{line['other_name']} {number(line['other_median'])}" if line["other"] else "-"
            ours = f"{number(line['ours_median'])} {line['unit']}"
            size = ", quick" if document["quick"] else ""
            rows.append(
                f"| {name}{size} | {line['name']} | {ours} | {other} | {line['figure']} | {line['goal_text']} "
                f"| {line['verdict']} |"
            )
        probes = [each["fsync_p50_us"] for each in document["rounds"]]
        loads = [each["load_1min"] for each in document["rounds"]]
        foot.append(
            f"- {name}: {len(probes)} rounds, {document['taken']}, "
            f"fsync p50 {min(probes):.0f} to {max(probes):.0f} us, load {min(loads):.1f} to {max(loads):.1f}"
        )
    about = "; ".join(f"{value}" for value in machine().values())
    return "\n".join([*rows, "", f"Machine: {about}.", "", *foot])


def _python_build() -> str:
    """Whether the interpreter was built with profile-guided optimisation, which is worth a fifth and more."""
    built_with = sysconfig.get_config_var("CONFIG_ARGS") or ""
    return "optimised build" if "--enable-optimizations" in built_with else "built without --enable-optimizations"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _first(path: str, field_name: str) -> str:
    """The first value of a field in one of the kernel's tables; '0' where there is no such table."""
    try:
        for line in Path(path).read_text().splitlines():
            if line.startswith(field_name):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return "0"
