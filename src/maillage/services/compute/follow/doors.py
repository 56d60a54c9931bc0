"""The way to a session: requests go to the lease where it lives, and wait for the moment in which that changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from maillage.services.compute.errors import NoInstance


class _Door:
    def __init__(self, lease: str) -> None:
        self.lease = lease
        self.inside = 0
        self.open = asyncio.Event()
        self.open.set()
        self.empty = asyncio.Event()
        self.empty.set()


class Visit:
    """A request that is served at ``lease``."""

    def __init__(self, door: _Door) -> None:
        self.lease = door.lease
        self._door: _Door | None = door
        door.inside += 1
        door.empty.clear()

    def end(self) -> None:
        """It was answered, or given up. Once is enough."""
        door, self._door = self._door, None
        if door is not None:
            door.inside -= 1
            if not door.inside:
                door.empty.set()


class Doors:
    """For one event loop."""

    def __init__(self) -> None:
        self._doors: dict[str, _Door] = {}

    @asynccontextmanager
    async def enter(self, device: str) -> AsyncIterator[str]:
        """The lease to serve a request at, while it is served; else as ``come_in``."""
        visit = await self.come_in(device)
        try:
            yield visit.lease
        finally:
            visit.end()

    async def come_in(self, device: str) -> "Visit":
        """Begin a request, which has to be ended; waits where the session is on the move. NoInstance where the device
        has no session."""
        while True:
            door = self._doors.get(device)
            if door is None:
                raise NoInstance(f"{device} has no session; it begins with the device's next report")
            if door.open.is_set():
                return Visit(door)
            await door.open.wait()

    async def freeze(self, device: str, wait_s: float) -> None:
        """Let nobody in any more; returns once all are out. TimeoutError, with the door open again, where that takes
        longer than ``wait_s``."""
        door = self._doors.get(device)
        if door is None:
            return
        door.open.clear()
        try:
            async with asyncio.timeout(wait_s):
                await door.empty.wait()
        except BaseException:
            door.open.set()
            raise

    def thaw(self, device: str) -> None:
        """Let requests in again."""
        door = self._doors.get(device)
        if door is not None:
            door.open.set()

    def switch(self, device: str, lease: str) -> None:
        """From now on the session lives at this lease."""
        door = self._doors.setdefault(device, _Door(lease))
        door.lease = lease
        door.open.set()

    def close(self, device: str) -> None:
        """There is no session any more: who waits is refused."""
        door = self._doors.pop(device, None)
        if door is not None:
            door.open.set()
