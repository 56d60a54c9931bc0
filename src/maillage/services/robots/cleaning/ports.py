"""What cleaning needs of the outside, besides the missions of robots and the kernel's office."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from maillage.services.robots.cleaning.evidence import Evidence
from maillage.services.robots.cleaning.model import Cleaning, FloorRecord, GiveWay, Schedule
from maillage.services.robots.model import Pose, Robot


class Fault(msgspec.Struct, frozen=True):
    """Something that a robot reports to be wrong with it; ``fatal`` where a person has to come."""

    type: str
    fatal: bool
    detail: str = ""


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """A robot and how it does at this moment. ``drivable`` says that it is in a mode in which it takes orders,
    ``busy`` that it has something to do, ``battery`` is in percent, None where it says nothing."""

    robot: Robot
    in_touch: bool
    drivable: bool
    busy: bool
    mode: str = ""
    pose: Pose | None = None
    battery: float | None = None
    charging: bool = False
    faults: tuple[Fault, ...] = ()


class Units(Protocol):
    """The robots of the sites of this process."""

    def unit(self, robot_id: str) -> Unit | None:
        """One robot; None without it."""
        ...

    def units(self, site: str) -> Sequence[Unit]:
        """Those of a site."""
        ...


class FloorRecords(Protocol):
    """Floors, by site and id. Calls block; what returned is durable."""

    def put(self, floor: FloorRecord) -> None: ...

    def drop(self, site: str, floor: str) -> bool:
        """Whether it was there."""
        ...

    def all(self) -> list[FloorRecord]:
        """In order of site and id."""
        ...


class CleaningRecords(Protocol):
    """Cleanings and their evidence. Calls block; what returned is durable."""

    def put(self, cleaning: Cleaning) -> None:
        """Enter it, or how it does now."""
        ...

    def get(self, cleaning_id: str) -> Cleaning | None: ...

    def unfinished(self) -> list[Cleaning]:
        """Those that have not ended, the oldest first."""
        ...

    def some(
        self, site: str | None, floor: str | None, state: str | None, before: str | None, limit: int
    ) -> list[Cleaning]:
        """The newest first, those older than the cleaning ``before``."""
        ...

    def put_evidence(self, evidence: Evidence) -> None: ...

    def evidence(self, cleaning_id: str) -> Evidence | None: ...


class ScheduleRecords(Protocol):
    """Schedules by site and id, and until when sites want their robots for themselves. Calls block; what returned is
    durable."""

    def put(self, schedule: Schedule) -> None: ...

    def drop(self, site: str, schedule: str) -> bool:
        """Whether it was there."""
        ...

    def all(self) -> list[Schedule]:
        """In order of site and id."""
        ...

    def put_give_way(self, give_way: GiveWay) -> None:
        """One a site."""
        ...

    def give_ways(self) -> list[GiveWay]: ...
