"""Hearing messages one after another, in the order in which they came."""

import asyncio
import logging

from maillage.engines.bus_rules import HEARD_WAITING_MAX
from maillage.mesh.ports import Hear, Message

_log = logging.getLogger(__name__)


class Hearing:
    """Gives each message to a handler; a stop lets the one under way end. What comes while too many wait is lost."""

    def __init__(self, handler: Hear) -> None:
        self._handler = handler
        self._waiting: asyncio.Queue[Message] = asyncio.Queue()
        self._stopped = self._busy = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    def take(self, message: Message) -> None:
        """Have it heard after those that came before."""
        if self._waiting.qsize() < HEARD_WAITING_MAX:
            self._waiting.put_nowait(message)

    def running(self) -> list[asyncio.Task[None]]:
        """What has not ended yet."""
        return [] if self._task.done() else [self._task]

    def end(self) -> None:
        """Hear no more."""
        self._stopped = True
        if not self._busy:
            self._task.cancel()

    async def _run(self) -> None:
        while not self._stopped:
            message = await self._waiting.get()
            self._busy = True
            try:
                await self._handler(message)
            except Exception:
                _log.exception("a message on %s was not heard: its handler failed", message.subject)
            finally:
                self._busy = False
