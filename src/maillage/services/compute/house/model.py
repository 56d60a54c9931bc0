"""What is kept of a site's house: how it is looked after, and what it used. Quantities are thousandths of a vCPU."""

from typing import Literal, NamedTuple

import msgspec

from maillage.services.compute.harvest import QUANTILE

HORIZON_MAX_H = 168
SLOT_S = 300
"""Length of a slot of the history."""
SLOTS_AN_HOUR = 3_600 // SLOT_S


class HouseSettings(msgspec.Struct, frozen=True):
    """While not ``on``, use is measured and learnt from, and nothing is leased. ``quantile`` is the share of hours in
    which the house is to get all it needs at once, ``headroom`` what it is to have above that at any time. Leases stand
    ``horizon_h`` hours ahead, the one under way included."""

    on: bool = True
    kind: Literal["cpu"] = "cpu"
    quantile: float = QUANTILE
    headroom: int = 0
    horizon_h: int = 1


class HouseRecord(msgspec.Struct, frozen=True):
    """What of a site outlives the process, beside its history. Once the store's monitoring has reported
    (``monitored``), use is known only while it goes on to."""

    site: str
    settings: HouseSettings
    monitored: bool = False


class Slot(NamedTuple):
    """What the house used within ``[number * SLOT_S, (number + 1) * SLOT_S)``, seconds UTC."""

    number: int
    mean: int
    peak: int


class Use(NamedTuple):
    """What the house uses at this moment. ``apps`` is that of its instances on the store's own runtime; ``reported``
    (as of ``reported_at``) is what its monitoring says of everything else, None where it never said anything.
    ``total`` is None while the last report is too old to count."""

    apps: int
    reported: int | None
    reported_at: int | None
    total: int | None
