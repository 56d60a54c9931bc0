"""Rounds: the sides of a comparison take turns, so that whatever else the machine does hits all of them alike.

A single figure of a shared machine says little. A ratio within one round says more, the median of several rounds says
enough. Each round also notes the load and how long the disk takes to sync, for these decide what may be judged.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

FSYNC_MOVE_MAX = 3.0
"""A run in which the disk's sync time moved by more than this factor between rounds is not judged."""


@dataclass
class Setting:
    """What a scenario is told. ``folder`` lies on a real disk, is its own, and is removed afterwards."""

    rounds: int
    quick: bool
    folder: Path


@dataclass
class Round:
    fsync_p50_us: float
    load_1min: float
    values: dict[str, float]


def alternate(
    setting: Setting, sides: dict[str, Callable[[], float]], between: Callable[[], None] | None = None
) -> list[Round]:
    """Let each side run once a round, in turned order every second round. ``between`` tidies up before each round."""
    done = []
    for number in range(setting.rounds):
        if between is not None:
            between()
        probe_us = fsync_p50_us(setting.folder)
        names = list(sides) if number % 2 == 0 else list(reversed(sides))
        values = {name: sides[name]() for name in names}
        done.append(Round(probe_us, os.getloadavg()[0], {name: values[name] for name in sides}))
    return done


def fsync_p50_us(folder: Path, count: int = 100) -> float:
    """Median time of a 4 KiB write with fdatasync, in microseconds."""
    path = folder / "fsync-probe"
    taken = []
    with path.open("wb", buffering=0) as file:
        for _ in range(count):
            file.write(bytes(4096))
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - start)
    path.unlink()
    return median(taken) * 1e6


def fsync_moved(rounds: list[Round]) -> float:
    """By which factor the sync time moved between the rounds."""
    probes = [each.fsync_p50_us for each in rounds]
    return max(probes) / min(probes)


def per_second(work: Callable[[], int], seconds: float) -> float:
    """Call ``work``, which says how much it did, until the time is over; done a second."""
    done, start = 0, time.perf_counter()
    until = start + seconds
    while time.perf_counter() < until:
        done += work()
    return done / (time.perf_counter() - start)
