"""The body of a request to an app as it comes, and the news that whoever sent it is gone."""

import asyncio
from collections.abc import Callable
from typing import Any

from maillage.faces.http.answers import Receive

PAUSE_MAX_S = 10.0
"""How long a sender may pause within a body."""


class Gone(Exception):
    """Whoever asked went away before all of the request had come."""


class TooSlow(Exception):
    """The body stopped coming."""


class RunBody:
    """Nothing is received before somebody reads it, so a sender is held back by what reads. Once all has come, it is
    listened whether the caller is still there; ``on_gone`` is called when not."""

    def __init__(self, receive: Receive, on_gone: Callable[[], object]) -> None:
        self._receive = receive
        self._on_gone = on_gone
        self._ended = False
        self._listening: asyncio.Task[None] | None = None
        self.fault: Gone | TooSlow | None = None
        """What kept it from coming, in case that it reached its reader and was made something else of."""
        self.is_deserted = False
        """Whether the caller went away after all of the request had come."""

    async def begin_without(self) -> None:
        """Of a request that announced no body: take its end, so that the caller is listened for at once. Gone where it
        has left already."""
        await self._message()

    def __aiter__(self) -> "RunBody":
        return self

    async def __anext__(self) -> bytes:
        while not self._ended:
            chunk: bytes = (await self._message()).get("body", b"")
            if chunk:
                return chunk
        raise StopAsyncIteration

    def close(self) -> None:
        """Listen no more."""
        if self._listening is not None:
            self._listening.cancel()

    async def _message(self) -> Any:
        if self.fault is not None:
            raise self.fault
        try:
            async with asyncio.timeout(PAUSE_MAX_S):
                message = await self._receive()
        except TimeoutError:
            self.fault = TooSlow(f"Nothing of the body came for {PAUSE_MAX_S:g} seconds.")
            raise self.fault from None
        if message["type"] == "http.disconnect":
            self.fault = Gone()
            raise self.fault
        if not message.get("more_body"):
            self._ended = True
            self._listening = asyncio.get_running_loop().create_task(self._listen())
        return message

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.is_deserted = True
        self._on_gone()
