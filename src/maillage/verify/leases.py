"""A lease as the checker sees it, the steps each state allows, and what its time is worth."""

from dataclasses import dataclass
from typing import Any, Literal

State = Literal["held", "confirmed", "ended", "released", "reclaimed", "expired", "voided"]

STEPS: dict[str, tuple[State, ...]] = {
    "confirmed": ("held",),
    "extended": ("held", "confirmed"),
    "released": ("held", "confirmed"),
    "expired": ("held",),
    "reclaimed": ("held", "confirmed", "reclaimed"),
    "ended": ("confirmed",),
    "charged": ("confirmed", "ended", "released", "reclaimed"),
    "voided": ("held", "confirmed", "ended", "reclaimed"),
}
"""From which states each event may come."""


@dataclass(slots=True)
class Lease:
    """Times are seconds UTC, ``needs`` thousandths, ``per_hour``, ``charge`` and ``credit`` micro-units.

    ``billed`` says whether it is to be paid: it was confirmed once, and its key not made void. ``key`` is the
    idempotency key that it was granted for.
    """

    tenant: str
    needs: dict[str, int]
    start: int
    end: int
    cls: str
    per_hour: int
    state: State
    billed: bool
    hold_until: int | None
    key: str | None = None
    charge: int = 0
    credit: int = 0

    def due(self, seconds: int) -> int:
        """What a time costs, by ``money``; nothing for a lease that is not to be paid."""
        return money(self.per_hour, seconds) if self.billed else 0


def lease_of(event: dict[str, Any]) -> Lease:
    """The lease that a leased event grants."""
    hold_until = event.get("hold_until")
    return Lease(
        tenant=event["tenant"],
        needs=event["needs"],
        start=event["start"],
        end=event["end"],
        cls=event["class"],
        per_hour=event["per_hour"],
        state="confirmed" if hold_until is None else "held",
        billed=hold_until is None,
        hold_until=hold_until,
        key=event.get("key"),
    )


def money(per_hour: int, seconds: int) -> int:
    """Micro-units for a time at a price an hour, to the nearest micro-unit, halves up."""
    return (per_hour * seconds + 1_800) // 3_600
