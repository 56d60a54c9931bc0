"""The body of an answer while it passes through: counted, bounded, and ended in time also where nobody reads it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import httpcore

from maillage.services.compute.model import Limits, Meters

Told = Callable[[BaseException], Awaitable[BaseException]]


class AnswerTooLarge(Exception):
    """More than the instance's limits let pass."""


class Answering(AsyncIterator[bytes]):
    """``over`` is called once, when the body ended, failed, was closed, or ``until`` (the loop's time) has come: a
    slow reader keeps its turn no longer than a slow app does."""

    def __init__(
        self,
        answer: httpcore.Response,
        used: Meters,
        over: Callable[[], None],
        until: float,
        limits: Limits,
        told: Told,
    ) -> None:
        self._answer, self._used, self._limits = answer, used, limits
        self._chunks = cast(AsyncIterator[bytes], answer.stream).__aiter__()
        self._over, self._told, self._until = over, told, until
        self._ended = False
        self._late = False
        self._closing: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_at(until, self._time_is_up)

    def __aiter__(self) -> "Answering":
        return self

    async def __anext__(self) -> bytes:
        if self._late:
            raise await self._told(TimeoutError())
        if self._ended:
            raise StopAsyncIteration
        try:
            async with asyncio.timeout_at(self._until):
                chunk = await anext(self._chunks)
        except StopAsyncIteration:
            await self.aclose()
            raise
        except BaseException as fault:
            await self.aclose()
            raise await self._told(fault) from None
        self._used.bytes_out += len(chunk)
        if self._used.bytes_out > self._limits.response_bytes:
            await self.aclose()
            raise await self._told(AnswerTooLarge())
        return chunk

    async def aclose(self) -> None:
        """Read no more of it."""
        if not self._ended:
            self._ended = True
            self._timer.cancel()
            self._over()
            await self._answer.aclose()

    def _time_is_up(self) -> None:
        self._late = not self._ended
        self._closing = asyncio.get_running_loop().create_task(self.aclose())
