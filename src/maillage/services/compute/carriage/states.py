"""What sessions keep in stores, as a hub has it: ``follow.ports.States`` over the bus.

A copy reads at the one store and writes at the other, a message at a time. It goes by the numbers of the changes at the
first, so an answer that is lost loses no change: the next question names the last that came.
"""

import asyncio

import msgspec

from maillage.kernel.errors import NoCapacity, NotReady
from maillage.kernel.leases import site_of
from maillage.services.compute.carriage.asking import InstanceOwners
from maillage.services.compute.carriage.messages import (
    DropState,
    ReadState,
    StateDropped,
    StateGiven,
    StateKept,
    WriteState,
)
from maillage.services.compute.follow.office_ground import HOLD_S

COPY_MAX_S = float(HOLD_S)
"""Longer than the lease at the next store is held no copy has to go on, whatever a store still has to say."""
TIMEOUT_S = 15.0
"""For a message full of state over a line of a megabit a second, and as long again."""


class _Copied(msgspec.Struct, frozen=True):
    """Up to where the state of a lease was copied to another; ``mark`` "" before the first answer."""

    following: str
    mark: str = ""
    after: int = 0
    within: int = 0
    offset: int = 0


class RemoteStates:
    """Use on one event loop."""

    def __init__(self, owners: InstanceOwners) -> None:
        self._owners = owners
        self._copied: dict[str, _Copied] = {}

    async def copy(self, former: str, following: str, bytes_max: int) -> int:
        """As ``States.copy``. Refusals leave it open how much was written: then the move is given up, with all that
        lies at ``following``. TimeoutError where it does not come to an end."""
        async with asyncio.timeout(COPY_MAX_S):
            return await self._copy(former, following, bytes_max)

    async def forget(self, lease: str) -> None:
        self._copied.pop(lease, None)
        await self._owners.ask(site_of(lease), DropState(lease), StateDropped, TIMEOUT_S)

    async def kept_here(self) -> tuple[str, ...]:
        """None: each store looks after what is kept there."""
        return ()

    async def _copy(self, former: str, following: str, bytes_max: int) -> int:
        done = self._copied.pop(former, None)
        if done is None or done.following != following:
            done = _Copied(following)
        sent, goal = 0, -1
        while True:
            wanted = ReadState(former, following, done.mark, done.after, done.within, done.offset)
            given = await self._owners.ask(site_of(former), wanted, StateGiven, TIMEOUT_S)
            goal = given.newest if goal < 0 else goal
            if given.pieces:
                wrote = WriteState(following, given.pieces, bytes_max)
                if not (await self._owners.ask(site_of(following), wrote, StateKept, TIMEOUT_S)).fits:
                    told = (
                        f"the state of lease {former} is more than the {bytes_max:,} bytes that {following} may store"
                    )
                    raise NoCapacity(told, reasons=[])
                sent += sum(len(piece.key.encode()) + len(piece.body or b"") for piece in given.pieces)
            done = _Copied(following, given.mark, given.upto, given.within, given.offset)
            if not given.more or done.after >= goal or done.within > goal:  # the rest was written since it began
                self._copied[former] = done
                return sent
            if not given.pieces:
                raise NotReady(f"the store of {former} has more to say of its state, and does not say it")
