"""On what terms a replay sells, and what it tells in the end."""

import msgspec

from maillage.kernel.errors import Invalid
from maillage.services.compute.harvest import QUANTILE
from maillage.services.compute.harvest.loads import SLOT_S
from maillage.services.compute.harvest.stores import Reading
from maillage.services.compute.harvest.tally import MEANS, Starved


class Terms(msgspec.Struct, frozen=True):
    """Sizes are thousandths of a vCPU: ``size`` of a store, ``grain`` of a spot lease. The house's use is seen
    ``reaction_s`` after it changed, by the reading ``learns``; an instance takes ``grace_s`` to leave its cores; after
    a reclaim nobody buys spot there for ``cool_down_s``."""

    size: int = 64_000
    quantile: float = QUANTILE
    grain: int = 500
    reaction_s: int = 5
    grace_s: int = 5
    cool_down_s: int = 300
    learns: Reading = MEANS

    def __post_init__(self) -> None:
        if not 0 < self.quantile < 1:
            raise Invalid("quantile", f"{self.quantile:g} lies outside 0 to 1; 0.9999 means one hour of 10,000")
        if not 0 < self.grain <= self.size:
            raise Invalid("grain", "a spot lease is larger than nothing and at most as large as the store")
        if not 0 <= self.reaction_s < SLOT_S:
            raise Invalid("reaction", f"goes from 0 to {SLOT_S - 1} s: a slot of the file has {SLOT_S} s")
        if not 0 <= self.grace_s <= self.cool_down_s:
            raise Invalid("grace", "goes from 0 to the cool-down: nobody may buy a core that is still being left")


class Outcome(msgspec.Struct):
    """What became of it, all stores together. CPU-hours are of vCPUs; those are idle that the house did not use (by
    the means), and sold that a lease stood on and the house left alone. ``margin_share`` and ``house_reserve_share``
    are parts of a store's size, the latter on average over time. ``house_refused`` counts the samples at which firm
    leases stood where the house wanted to be; ``starved`` is by reading of the load."""

    learns: str
    quantile: float
    blend: float
    margin_share: float
    store_hours: float
    idle_cpu_hours: float
    sold_cpu_hours: float
    firm_cpu_hours: float
    spot_cpu_hours: float
    sold_share: float
    house_reserve_share: float
    reclaims_per_store_day: float
    reclaimed_vcpu_per_store_day: float
    house_refused: int
    starved: dict[str, Starved]
