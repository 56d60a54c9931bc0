"""What became of every lease, read from the journals' events as they are written, without any code of the kernel."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

AT = "@"
"""Between a client's key and the site, in the name under which the owner of the site remembers it."""
OVER = ("released", "expired", "reclaimed", "ended", "voided")


@dataclass(slots=True)
class Fate:
    """A lease as its owner's journal has it. Times are seconds UTC, quantities thousandths, money micro-units;
    ``end`` is where it stopped, ``extended_to`` all the ends that it was granted."""

    tenant: str
    site: str
    needs: dict[str, int]
    start: int
    cls: str
    per_hour: int
    key: str | None
    granted_at: int
    end: int
    extended_to: list[int]
    confirmed: bool
    state: str = "active"
    metered: int = 0

    @property
    def stands(self) -> bool:
        """Whether the tenant had it for good: it was more than held, and was not made void."""
        return self.confirmed and self.state != "voided"


@dataclass(slots=True)
class Outcome:
    """Of all journals together. ``by_key`` lists what each (tenant, key) was granted, in no special order; ``charged``
    and ``credited`` are the sums of each tenant, in micro-units."""

    leases: dict[str, Fate] = field(default_factory=dict)
    by_key: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    charged: Counter[str] = field(default_factory=Counter)
    credited: Counter[str] = field(default_factory=Counter)

    def read(self, bodies: Iterable[bytes]) -> None:
        """Take in the events of one journal."""
        for body in bodies:
            for event in json.loads(body):
                self._event(event)

    def _event(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "leased":
            self._leased(event)
            return
        fate = self.leases.get(event.get("lease") or "")
        if fate is None:
            return
        if kind == "confirmed":
            fate.confirmed = True
        elif kind == "extended":
            fate.end = event["end"]
            fate.extended_to.append(fate.end)
        elif kind == "measured":
            fate.metered += sum(event["meters"].values())
        elif kind in OVER:
            fate.state = kind
            fate.end = event.get("end", fate.end)

    def _leased(self, event: dict[str, Any]) -> None:
        key = event.get("key")
        if key is not None:
            key = key.partition(AT)[0]
        self.leases[event["lease"]] = Fate(
            event["tenant"],
            event["site"],
            event["needs"],
            event["start"],
            event["class"],
            event["per_hour"],
            key,
            event["at"],
            event["end"],
            [event["end"]],
            event.get("hold_until") is None,
        )
        if key is not None:
            self.by_key.setdefault((event["tenant"], key), []).append(event["lease"])
