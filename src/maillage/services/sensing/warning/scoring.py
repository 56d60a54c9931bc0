"""How good early warning is on simulated faults: what was found before food left its limits, how long before, and how
often something was said without a cause."""

from collections.abc import Callable, Iterable, Sequence
from statistics import median

import msgspec

from maillage.services.sensing.simulate.faults import FaultKind
from maillage.services.sensing.simulate.files import LabelledFault, LabelledUnit
from maillage.services.sensing.warning.advice import Advice, AdviceKind
from maillage.services.sensing.warning.pages import LIMITS, Pages, RulePages
from maillage.services.sensing.warning.settings import DAY_S, Settings
from maillage.services.sensing.warning.state import State
from maillage.services.sensing.warning.unit import Thresholds, UnitWatch

AFTER_S = 2 * DAY_S
"""What is said so soon after a fault was mended is about that fault: food and walls are warm for days."""
MONTH_DAYS = 30


class UnitSeries(msgspec.Struct, frozen=True):
    """What one unit reported, all lists alike in length. A value that is missing is NaN."""

    times_s: Sequence[float]
    values: Sequence[float]
    door: Sequence[bool]
    defrost: Sequence[bool]


class KindScore(msgspec.Struct, kw_only=True):
    """One kind of fault. ``harmful`` faults took food out of its limits; the ``found`` of those are the ones seen
    before that, by advice, by a page, or by either. ``lead_h`` are hours from the first sign to the food's leaving,
    ``delay_h`` hours from a fault's start to its first advice, harmful or not, where it came while the fault lasted."""

    faults: int = 0
    seen: int = 0
    harmful: int = 0
    found_by_advice: int = 0
    found_by_page: int = 0
    found: int = 0
    lead_h: list[float] = msgspec.field(default_factory=list)
    delay_h: list[float] = msgspec.field(default_factory=list)
    said: dict[AdviceKind, int] = msgspec.field(default_factory=dict)
    """First advice by its kind."""


class Tally(msgspec.Struct, kw_only=True):
    """The sums over all units. ``missed`` names each harmful fault that nothing was said of in time."""

    units: int = 0
    days: float = 0.0
    readings: int = 0
    false_advice: int = 0
    false_pages: int = 0
    kinds: dict[FaultKind, KindScore] = msgspec.field(default_factory=dict)
    missed: list[tuple[str, LabelledFault]] = msgspec.field(default_factory=list)

    @property
    def device_months(self) -> float:
        return self.days / MONTH_DAYS

    @property
    def harmful(self) -> int:
        return sum(kind.harmful for kind in self.kinds.values())

    @property
    def recall(self) -> float | None:
        """Share of harmful faults found before food left its limits; None where there were none."""
        return sum(kind.found for kind in self.kinds.values()) / self.harmful if self.harmful else None

    @property
    def median_lead_h(self) -> float | None:
        leads = [lead for kind in self.kinds.values() for lead in kind.lead_h]
        return median(leads) if leads else None


def advice_on(series: UnitSeries, settings: Settings) -> list[Advice]:
    """What early warning says of one unit, reading by reading as if it were live."""
    said: list[Advice] = []

    def tell(kind: AdviceKind, text: str, at_s: float, score: float) -> None:
        said.append(Advice("", "", kind, text, round(at_s * 1000), score))

    watch = UnitWatch(State.fresh(series.times_s[0], settings), settings, Thresholds(settings), tell)
    rows = zip(series.times_s, series.values, series.door, series.defrost, strict=True)
    for at, value, door, defrost in rows:
        if value == value:
            deadline = watch.silent_from_s()
            if at > deadline:
                watch.tick(deadline + 1)
            watch.observe(at, value, door, defrost)
    return said


def score_units(
    units: Iterable[tuple[LabelledUnit, UnitSeries]],
    settings: Settings | None = None,
    pages_of: Callable[[str], Pages] = lambda kind: RulePages(LIMITS[kind]),
    advance: Callable[[], object] = lambda: None,
) -> Tally:
    """Score all units. ``pages_of`` gives what pages for a kind of cabinet: the rules' defaults unless another is
    put in their place."""
    tally = Tally()
    settings = settings or Settings()
    for unit, series in units:
        advice = [(each.at_ms / 1000.0, each.kind) for each in advice_on(series, settings)]
        pages = pages_of(unit.kind)(series.times_s, series.values, series.door, series.defrost)
        tally.units += 1
        tally.days += (series.times_s[-1] - series.times_s[0]) / DAY_S
        tally.readings += len(series.times_s)
        tally.false_advice += sum(not _explained(at, unit.faults) for at, _ in advice)
        tally.false_pages += sum(not _explained(at, unit.faults) for at in pages)
        for fault in unit.faults:
            _add(tally, unit, fault, advice, pages)
        advance()
    return tally


def _explained(at: float, faults: Sequence[LabelledFault]) -> bool:
    return any(fault.start_s <= at < fault.end_s + AFTER_S for fault in faults)


def _add(
    tally: Tally,
    unit: LabelledUnit,
    fault: LabelledFault,
    advice: Sequence[tuple[float, AdviceKind]],
    pages: Sequence[float],
) -> None:
    kind = tally.kinds.setdefault(fault.kind, KindScore())
    kind.faults += 1
    until = fault.end_s + AFTER_S
    said = [(at, what) for at, what in advice if fault.start_s <= at < until]
    if said:
        first, what = said[0]
        kind.said[what] = kind.said.get(what, 0) + 1
        if first < fault.end_s:
            kind.seen += 1
            kind.delay_h.append((first - fault.start_s) / 3_600)
    if fault.food_left_s is None:
        return
    kind.harmful += 1
    advised = [at for at, _ in said if at < fault.food_left_s]
    paged = [at for at in pages if fault.start_s <= at < fault.food_left_s]
    kind.found_by_advice += bool(advised)
    kind.found_by_page += bool(paged)
    if advised or paged:
        kind.found += 1
        kind.lead_h.append((fault.food_left_s - min(advised + paged)) / 3_600)
    else:
        tally.missed.append((unit.file, fault))
