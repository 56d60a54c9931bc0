"""Who may come in: so many requests run at once, so many more wait, and the others are told so at once."""

import asyncio
from collections import deque
from contextlib import suppress

from maillage.services.compute.errors import Busy


class Gate:
    """On the event loop only."""

    def __init__(self, app: str, at_once: int, waiting: int) -> None:
        self._app = app
        self._free = at_once
        self._places = at_once + waiting
        self._most = (at_once, waiting)
        self._queue: deque[asyncio.Future[None]] = deque()

    def admit(self) -> None:
        """Busy where no place is left, not even to wait. Each admitted one must ``leave``, or ``done`` after its
        ``turn``."""
        if self._places == 0:
            at_once, waiting = self._most
            raise Busy(f"{self._app}: {at_once} requests run and {waiting} wait, which is all that its lease admits")
        self._places -= 1

    async def turn(self, within_s: float) -> None:
        """Wait until it may run; Busy where that takes too long."""
        if self._free and not self._queue:
            self._free -= 1
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(mine)
        try:
            async with asyncio.timeout(within_s):
                await mine
        except BaseException as fault:
            if mine.done() and not mine.cancelled():  # the turn came at the very moment of giving up
                self._next()
            else:
                with suppress(ValueError):  # it was passed over already
                    self._queue.remove(mine)
            if isinstance(fault, TimeoutError):
                raise Busy(f"{self._app}: no turn came within {within_s:g} s") from None
            raise

    def leave(self) -> None:
        """Without having had a turn."""
        self._places += 1

    def done(self) -> None:
        self._places += 1
        self._next()

    def _next(self) -> None:
        while self._queue:
            if not (first := self._queue.popleft()).done():
                first.set_result(None)
                return
        self._free += 1
