"""Plans of roofs as they are asked for and as they come out."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from maillage.kernel.documents import Quantity, ShortText
from maillage.services.roof.radio.scenarios import Scenario
from maillage.services.roof.radio.validity import Place

COUNT_MAX = 10_000
TIME_LIMIT_MAX_S = 120
CATCHMENT_MAX_KM = 200.0
Kilometres = Annotated[float, Meta(ge=0, le=20_100)]
AtLeast = Annotated[int, Meta(ge=0, le=10_000)]


class NearPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Only roofs within so many kilometres of a place in WGS84 degrees."""

    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]
    within_km: Kilometres


class ByDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom a roof serves: either all who live within ``catchment_km``, or those whom ``band`` reaches: within the cell
    that its link budget has from that roof's height, in a place, at a probability."""

    catchment_km: Annotated[float, Meta(gt=0, le=CATCHMENT_MAX_KM)] | None = None
    band: ShortText | None = None
    place: Place = "outdoor"
    probability: Annotated[float, Meta(ge=0.5, le=0.99)] = 0.9
    scenario: Scenario | None = None


class PlanWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which roofs are best: ``cover`` reaches most people, ``p-median`` has them nearest on the whole.

    At most ``count`` roofs, for at most ``budget``: a year's asking rent of one mount each, or where the cost is
    ``uniform`` one for each roof. The ``fixed`` sites are in the plan whatever the filters say, and count in both. No
    two are nearer to each other than ``separation_km``.
    """

    by: ByDocument
    count: Annotated[int, Meta(ge=1, le=COUNT_MAX)] | None = None
    budget: Quantity | None = None
    problem: Literal["cover", "p-median"] = "cover"
    country: Annotated[str, Meta(max_length=2)] | None = None
    region: ShortText | None = None
    near: NearPlan | None = None
    min_above_neighbours_m: Annotated[float, Meta(ge=-1_000, le=1_000)] | None = None
    unknown_heights: bool = False
    power_kw: Annotated[float, Meta(ge=0, le=1e6)] = 0.0
    fibre_pairs: AtLeast = 0
    free_mounts: AtLeast = 0
    fixed: Annotated[tuple[ShortText, ...], Meta(max_length=COUNT_MAX)] = ()
    separation_km: Kilometres = 0.0
    method: Literal["greedy", "exact"] = "greedy"
    time_limit_s: Annotated[float, Meta(ge=1, le=TIME_LIMIT_MAX_S)] = 60.0
    cost: Literal["asking_rent", "uniform"] = "asking_rent"


class PlannedRoof(msgspec.Struct, frozen=True, kw_only=True):
    """A roof of a plan. Of a cover, ``people`` are those whom it reaches and none before it does; of a p-median, those
    who have it nearest, within the catchment. ``cell_km`` is how far the band reaches from it, null where the plan is
    by catchment. ``rent_per_year`` is the asking rent of a mount, null where there is none."""

    site: str
    name: str
    lat: float
    lon: float
    radiation_centre_m: float
    above_neighbours_m: float | None
    cell_km: float | None
    people: int
    rent_per_year: str | None
    fixed: bool


class PlanDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, and how good that is known to be.

    ``roofs`` come in the order in which they add most, the fixed ones first. ``people`` of the ``population`` are
    reached by one of them at least; ``share`` is one over the other. ``objective`` is what the problem counts: people,
    or people times kilometres to the nearest chosen roof, ``catchment_km`` for whoever has none within it. No plan can
    be better than ``bound``; ``gap`` is how far the objective is from it as a share of it, and ``proved`` says that no
    other plan is better. ``cost`` adds up the rents a year, null where one of the roofs has none.
    ``passed_over`` counts roofs that the filters left out, by reason; ``sites_without_roof`` those of which no roof is
    known at all.
    """

    problem: str
    method: str
    by: ByDocument
    roofs: list[PlannedRoof]
    people: int
    population: int
    share: float
    mean_km: float | None
    cost: str | None
    currency: str
    objective: float
    bound: float
    gap: float
    proved: bool
    seconds: float
    candidates: int
    passed_over: dict[str, int]
    sites_without_roof: int
