"""Stores made of recorded machines: each store's own work is that of a few machines, scaled to the store's size."""

from collections.abc import Mapping
from random import Random
from typing import Literal

import msgspec
import numpy as np

from maillage.kernel.errors import Invalid
from maillage.kernel.geo import FloatArray
from maillage.kernel.prices import HOURS_A_WEEK
from maillage.services.compute.harvest.loads import SLOT_S, Loads
from maillage.services.compute.harvest.profile import IntArray
from maillage.services.compute.harvest.tally import MEANS

Reading = Literal["means", "one-peak", "all-peaks"]
PEAK_READINGS: tuple[Reading, ...] = ("one-peak", "all-peaks")
SAMPLES_AN_HOUR = 3_600 // SLOT_S


class Stores(msgspec.Struct, frozen=True):
    """``needs`` has for each reading of the load a row per slot and a column per store: what the house needs, as a
    share of the store. ``machines`` names those of each store."""

    machines: list[list[str]]
    needs: Mapping[str, FloatArray]

    def hours(self) -> IntArray:
        """The hour of the week of each slot. Files have no dates: their first slot is where a week begins."""
        return np.arange(len(self.needs[MEANS])) // SAMPLES_AN_HOUR % HOURS_A_WEEK


def make_stores(loads: Loads, peaks: Loads | None, machines_each: int, shuffle: int | None = None) -> Stores:
    """Stores of ``machines_each`` machines, in the order of the file or, with ``shuffle``, as that seed deals them.
    Machines that are left over are in no store.

    With maxima there are two more readings, between which the truth lies, since nobody knows which peaks within a slot
    met: ``one-peak`` has the machine whose peak is farthest above its mean at its peak and the others at their means,
    ``all-peaks`` has all at their peaks at once. Either is taken for the whole slot.
    """
    count = len(loads.machines) // machines_each
    if not count:
        raise Invalid(
            "machines",
            f"a store of {machines_each} can't be made of {len(loads.machines)}; ask for {len(loads.machines)} or less",
        )
    order = list(range(len(loads.machines)))
    if shuffle is not None:
        Random(shuffle).shuffle(order)  # noqa: S311  it has to be the same everywhere, not secret
    groups = [order[number * machines_each : (number + 1) * machines_each] for number in range(count)]
    needs = {MEANS: np.stack([loads.shares[:, group].mean(axis=1) for group in groups], axis=1)}
    if peaks is not None:
        above = peaks.shares - loads.shares
        farthest = np.stack([above[:, group].max(axis=1) for group in groups], axis=1)
        needs["one-peak"] = needs[MEANS] + farthest / machines_each
        needs["all-peaks"] = np.stack([peaks.shares[:, group].mean(axis=1) for group in groups], axis=1)
    return Stores([[loads.machines[column] for column in group] for group in groups], needs)
