"""What follow-me sessions need of the outside: the ground that they stand on, and records that outlive a crash."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec


class Owed(msgspec.Struct, frozen=True):
    """Something at a site that has to be given back. ``lease`` is "" where it is not known whether ``key`` was granted
    one: it was asked for, and the answer did not come."""

    site: str
    key: str = ""
    lease: str = ""


class Session(msgspec.Struct, frozen=True):
    """A device's session, as its record has it. ``lease`` and ``site`` are "" while it has none. ``since`` is when it
    came to this site (seconds UTC); ``turn`` counts the reservations asked for, each with a key of its own."""

    device: str
    id: str
    turn: int = 0
    site: str = ""
    lease: str = ""
    since: int = 0
    owed: tuple[Owed, ...] = ()


class Ground(Protocol):
    """Stores as a session sees them. What they refuse is a Refusal; every step may fail, and may be repeated."""

    def takes(self, site: str) -> bool:
        """Whether a session can come to a site now; one that it can't is not asked for room."""
        ...

    async def reserve(self, device: str, site: str, key: str) -> str:
        """A lease that is held for a while and then expires by itself; the same key is given the same one. NoCapacity
        and its like where there is none to be had."""
        ...

    async def keep(self, device: str, lease: str) -> None:
        """Confirm what was reserved, and have whatever serves there ready."""
        ...

    async def release(self, device: str, lease: str) -> None:
        """Give a lease back, be it held or confirmed; LeaseState where it is over already."""
        ...

    async def copy(self, device: str, former: str, following: str) -> int:
        """Copy the session's state, the first time all of it and then what changed since; how many bytes that were."""
        ...

    async def forget(self, device: str, lease: str) -> None:
        """Throw away the state that lies at a lease."""
        ...

    async def freeze(self, device: str) -> None:
        """Let requests wait from now on; returns when those under way have ended, TimeoutError where they don't."""
        ...

    def thaw(self, device: str) -> None:
        """Let requests through again, where they went before. Does nothing where nothing is frozen."""
        ...

    def switch(self, device: str, lease: str) -> None:
        """Requests go to this lease from now on, those that wait first."""
        ...

    def close(self, device: str) -> None:
        """There is no session any more; requests that wait are refused."""
        ...


class States(Protocol):
    """What sessions keep, by lease. Every step may fail, and may be repeated."""

    async def copy(self, former: str, following: str, bytes_max: int) -> int:
        """Copy what a lease keeps to another, the first time all of it and then what changed since; how many bytes of
        keys and values that were. NoCapacity where it is more than may be kept there."""
        ...

    async def forget(self, lease: str) -> None:
        """Throw away what a lease keeps."""
        ...

    async def kept_here(self) -> Sequence[str]:
        """Leases that keep something where this process has to look after it."""
        ...


class SessionRecords(Protocol):
    """Sessions by device. A change is durable when its call returns; what raises was not kept. What is there is known
    without waiting."""

    async def put(self, session: Session) -> None: ...

    def get(self, device: str) -> Session | None: ...

    async def drop(self, device: str) -> None: ...

    def all(self) -> Iterable[Session]: ...


class Counts(msgspec.Struct):
    """What happened: reports that came too late or were not believed; sessions that moved; sites that had no room;
    moves that failed midway; reservations that were given back unused; bytes of state handed over; and seconds (by the
    wall clock) in which a session had no lease because it was being moved."""

    reports: int = 0
    late: int = 0
    disbelieved: int = 0
    moves: int = 0
    no_room: int = 0
    failed: int = 0
    reservations: int = 0
    wasted: int = 0
    bytes_moved: int = 0
    bare_s: float = 0.0


class Mover(Protocol):
    """Brings a session from where it is (perhaps nowhere) to one of some sites."""

    @property
    def counts(self) -> Counts: ...

    async def move(self, session: Session, sites: list[str], t: int) -> Session:
        """Try the sites in this order; the session as it is afterwards, where it was if none would do."""
        ...

    async def settle(self, session: Session) -> Session:
        """Give back what is owed, as far as that can be done now."""
        ...
