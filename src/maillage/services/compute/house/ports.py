"""What looking after the house needs of the outside."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from maillage.services.compute.house.model import HouseRecord, Slot, Use
from maillage.services.compute.model import Meters


class HouseUse(Protocol):
    """Measures what the house uses, by site."""

    def sample(self) -> None:
        """Look at what can only be told from one look to the next; called every few seconds."""
        ...

    def report(self, site: str, cpu: int, at: int) -> None:
        """Take note of what a store's monitoring says that its house uses, as of an instant."""
        ...

    def use(self, site: str) -> Use: ...

    def forget(self, site: str) -> None:
        """What was reported of a site counts no more."""
        ...


class Totals(Protocol):
    def totals(self) -> Mapping[str, Meters]:
        """What leases have used so far, all their lives."""
        ...


class HouseStore(Protocol):
    """What is kept of the houses of a process. Calls block; a record is durable when ``put`` returns, and a power cut
    takes at most the last slots."""

    def put(self, record: HouseRecord) -> None: ...

    def drop(self, site: str) -> None:
        """With its history; does nothing where it is not kept."""
        ...

    def all(self) -> list[HouseRecord]: ...

    def add(self, slots: Sequence[tuple[str, Slot]]) -> None:
        """Keep slots of sites; one of a number that is kept already takes its place."""
        ...

    def slots(self, site: str) -> list[Slot]:
        """Those of the last weeks, the oldest first."""
        ...
