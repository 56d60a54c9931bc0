"""What becomes of messages that come in: requests are answered side by side, the others heard one after another."""

import asyncio
import logging
from contextlib import suppress

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from maillage.engines.bus_rules import SERVED_AT_ONCE_MAX, check_body
from maillage.engines.hearing import Hearing
from maillage.engines.nats.line import Line, Wish
from maillage.mesh.ports import Hear, Message, Serve

_log = logging.getLogger(__name__)
SERVERS = "servers"
"""The queue group of those who serve a subject: each request goes to one of them."""


def message_of(message: Msg) -> Message:
    """What came, without the headers that NATS uses for itself."""
    headers = {name: value for name, value in (message.headers or {}).items() if not name.startswith("Nats-")}
    return Message(message.subject, bytes(message.data), headers)


class Serving:
    """Answers the requests to one subject, each in a task of its own."""

    def __init__(self, line: Line, subject: str, handler: Serve) -> None:
        self._line, self._handler = line, handler
        self.wish = Wish(subject, SERVERS, self._take)
        self._slots = asyncio.Semaphore(SERVED_AT_ONCE_MAX)
        self._tasks: set[asyncio.Task[None]] = set()

    def running(self) -> list[asyncio.Task[None]]:
        return list(self._tasks)

    async def stop(self) -> None:
        await self._line.withdraw(self.wish)

    async def _take(self, message: Msg) -> None:
        await self._slots.acquire()
        task = asyncio.get_running_loop().create_task(self._answer(message))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._slots.release()

    async def _answer(self, message: Msg) -> None:
        try:
            answer = check_body(await self._handler(message_of(message)), message.subject)
        except Exception:
            _log.exception("no answer to a request on %s: its handler failed", message.subject)
            return
        if message.reply:
            with suppress(NatsError, OSError):  # the connection it came by is lost, and the answer with it
                await message.respond(answer)


class Listening:
    """Hears the messages on one subject, one after another, also across connections."""

    def __init__(self, line: Line, subject: str, handler: Hear) -> None:
        self._line, self._hearing = line, Hearing(handler)
        self.wish = Wish(subject, "", self._take)

    def running(self) -> list[asyncio.Task[None]]:
        return self._hearing.running()

    async def stop(self) -> None:
        self._hearing.end()
        await self._line.withdraw(self.wish)

    async def _take(self, message: Msg) -> None:
        self._hearing.take(message_of(message))
