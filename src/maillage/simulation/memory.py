"""What the clients were told, for the checker to compare with what the ledgers have in the end."""

from dataclasses import dataclass, field

from maillage.kernel.documents import LeaseDocument


@dataclass(frozen=True, slots=True)
class Told:
    """An answer that a client got: the lease as it was then. ``at`` is the world's time, ``step`` what was done to it,
    ``key`` what it was asked with, ``end`` what an extension asked for."""

    step: str
    at: float
    lease: LeaseDocument
    key: str | None = None
    end: int | None = None


@dataclass(slots=True)
class Memory:
    """``told`` holds every acknowledged answer; ``together`` the leases that were granted as one, by (tenant, key), for
    each answer. ``metered`` is what was acknowledged per lease, and ``meters_sent`` what may have arrived at the most,
    both in thousandths."""

    told: list[Told] = field(default_factory=list)
    together: dict[tuple[str, str], list[list[str]]] = field(default_factory=dict)
    metered: dict[str, int] = field(default_factory=dict)
    meters_sent: dict[str, int] = field(default_factory=dict)

    def metering(self, lease: str, amount: int) -> None:
        """A report of use is on its way."""
        self.meters_sent[lease] = self.meters_sent.get(lease, 0) + amount

    def was_metered(self, lease: str, amount: int) -> None:
        """And was acknowledged."""
        self.metered[lease] = self.metered.get(lease, 0) + amount
