"""What the catalogue needs of the outside: a place to be kept."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from maillage.services.roof.catalogue.model import Roof


class StoredPopulation(msgspec.Struct, frozen=True):
    """Where people live, as the operator entered it last: points as CSV, packed with gzip. ``revision`` counts."""

    name: str
    entered_at: int
    places: int
    people: int
    revision: int
    packed: bytes


class RoofRecords(Protocol):
    """Calls block; threads and other processes may come at once. What returned is durable."""

    def put(self, roof: Roof, check: Callable[[], None] | None = None) -> bool:
        """Write it where the record's revision is one less (0 is none yet); False where somebody else was faster.

        ``check`` may raise a Refusal: nothing is written then, and nobody can change a roof lease in between.
        """
        ...

    def get(self, site: str) -> Roof | None: ...

    def all(self) -> list[Roof]:
        """In order of their sites' ids."""
        ...

    def drop(self, site: str, check: Callable[[], None] | None = None) -> bool:
        """Whether it was there; ``check`` as for ``put``."""
        ...

    def put_population(self, population: StoredPopulation) -> int:
        """In the place of the one that was; the revision it has now, one more than that one's, whatever it says."""
        ...

    def population(self) -> StoredPopulation | None: ...

    def population_revision(self) -> int:
        """That of what is kept, 0 without it; cheap, to see whether it changed."""
        ...
