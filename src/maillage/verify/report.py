"""What a check found, in words for whoever runs the stores."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

FAULTS_KEPT = 1_000
"""Faults kept with their text: one lost batch can make thousands, and the first ones tell the story."""
FOREVER = 1 << 40
"""The end of an open lease."""
INSTANT_MAX = 253_370_764_800
"""9999-01-01T00:00:00Z: instants before it have a date everywhere on earth."""

FaultKind = Literal[
    "journal",  # a row is damaged, missing or miscounted
    "event",  # an event of no known type, or with a field missing or impossible
    "sequence",  # a site's numbers have a gap or a repeat, or begin without the site's record
    "time",  # a clock went backwards, or a lease was granted for the past
    "state",  # a lease took a step that its state does not allow
    "oversold",  # more leased than there is, at some instant
    "closed",  # a lease outside the calendar of its pool
    "notice",  # a firm lease displaced spot leases before their notice had run
    "money",  # a charge or a credit that the price does not give
    "key",  # an idempotency key was granted twice within a day, or although it was void
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that can't be right, found at event ``pos`` of the chain, which is event ``seq`` of ``site``.

    ``site`` and ``seq`` are None where a whole row or an event's frame could not be read.
    """

    kind: FaultKind
    pos: int
    site: str | None
    seq: int | None
    text: str

    def __str__(self) -> str:
        place = f"event {self.pos}" if self.site is None else f"event {self.pos} ({self.site}, number {self.seq})"
        return f"{place}: {self.text}"


@dataclass(slots=True)
class Report:
    """Counts, the time span in seconds UTC (None for an empty journal), and the faults.

    ``faults`` holds the first FAULTS_KEPT, ``faults_total`` counts all. ``charged_micro`` and ``credited_micro`` are
    per tenant in micro-units, as the journal states them; an invoice is the first less the second. ``measured`` has
    thousandths per meter for each month of the reports, as all invoices of that month together tell them.
    """

    events: int = 0
    sites: int = 0
    leases: int = 0
    pools: int = 0
    first_at: int | None = None
    last_at: int | None = None
    faults: list[Fault] = field(default_factory=list)
    faults_total: int = 0
    charged_micro: dict[str, int] = field(default_factory=dict)
    credited_micro: dict[str, int] = field(default_factory=dict)
    measured: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.faults_total == 0

    def add(self, fault: Fault) -> None:
        self.faults_total += 1
        if len(self.faults) < FAULTS_KEPT:
            self.faults.append(fault)


def instant_text(second: int) -> str:
    """RFC 3339 in UTC; what lies beyond the years that have a date is an open end."""
    return "no end" if second >= INSTANT_MAX else datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def month_text(second: int) -> str:
    """The month in UTC, as 2026-12."""
    return instant_text(second)[:7]


def amount_text(thousandths: int) -> str:
    """A quantity in units, without needless zeros."""
    return f"{thousandths / 1_000:.3f}".rstrip("0").rstrip(".")
