"""Waiting for what is seen only by trying: an answer over a line that comes up by itself, a line in a log."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from maillage.mesh.ports import Message, Unreachable

Got = TypeVar("Got")
TRY_EVERY_S = 0.1


async def until_reachable(attempt: Callable[[], Awaitable[Got]], within_s: float = 20.0) -> tuple[Got, float]:
    """What the attempt gives once it does not fail as Unreachable any more, and after how many seconds it did."""
    began = monotonic()
    while True:
        try:
            return await attempt(), monotonic() - began
        except Unreachable:
            if monotonic() - began > within_s:
                raise
            await asyncio.sleep(TRY_EVERY_S)


async def until(holds: Callable[[], bool], within_s: float = 20.0) -> float:
    """After how many seconds it holds."""
    began = monotonic()
    while not holds():
        assert monotonic() - began < within_s, "it did not come about"
        await asyncio.sleep(TRY_EVERY_S / 5)
    return monotonic() - began


class Heard:
    """Hears messages, and lets a test wait until there are so many."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._more = asyncio.Condition()

    @property
    def bodies(self) -> list[bytes]:
        return [message.body for message in self.messages]

    async def __call__(self, message: Message) -> None:
        async with self._more:
            self.messages.append(message)
            self._more.notify_all()

    async def until(self, number: int, within_s: float = 20.0) -> list[bytes]:
        async with asyncio.timeout(within_s), self._more:
            await self._more.wait_for(lambda: len(self.messages) >= number)
        return self.bodies


async def echo(message: Message) -> bytes:
    return message.subject.encode() + b":" + message.body
