"""The standing connection to NATS: made again whenever it is lost, for ever, with all that was subscribed to."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription

from maillage.engines.nats.link import Address, Link
from maillage.mesh.ports import Unreachable

_log = logging.getLogger(__name__)
RETRY_FIRST_S = 0.1
RETRY_LAST_S = 4.0
PLACE_S = 10.0
CLOSE_S = 5.0
_NOT_ADMITTED = "authorization violation"

OnUp = Callable[[Link], Awaitable[None]]


class Wish:
    """A subscription that is wanted: placed on the present connection, and on every one after it."""

    def __init__(self, subject: str, queue: str, take: Callable[[Msg], Awaitable[None]]) -> None:
        self.subject, self.queue, self.take = subject, queue, take
        self.link: Link | None = None
        self.placed: NatsSubscription | None = None


class Line:
    """Holds one ``Link`` at a time. ``on_up`` runs on each new one once all wishes are placed."""

    def __init__(self, address: Address, on_up: OnUp) -> None:
        self._address, self._on_up = address, on_up
        self._link: Link | None = None
        self._wishes: list[Wish] = []
        self._up = asyncio.Event()
        self._said: list[str] = []
        self._key_alone: set[str] = set()  # servers that want no token: a store's leaf server knows its node's key
        self._closing = False
        self._task = asyncio.get_running_loop().create_task(self._hold())

    @property
    def link(self) -> Link | None:
        """The present connection, ready for use; None while there is none."""
        return self._link if self._link is not None and not self._link.is_lost and self._up.is_set() else None

    @property
    def trouble(self) -> str:
        """Why there is no connection, as far as is known."""
        return self._said[-1] if self._said else "still connecting"

    def require(self, what: str) -> Link:
        """The present connection, or Unreachable."""
        if (link := self.link) is None:
            raise Unreachable(f"{what}: no connection to the bus")
        return link

    async def up(self) -> Link:
        """Wait for a connection."""
        while (link := self.link) is None:
            await self._up.wait()
            await asyncio.sleep(0)
        return link

    async def place(self, wish: Wish) -> None:
        """From now on, and on a connected line known to the server on return."""
        self._wishes.append(wish)
        if (link := self.link) is not None:
            with suppress(Unreachable):  # then the next connection takes it up
                async with link.within(PLACE_S, wish.subject):
                    await self._subscribe(wish, link)
                    await link.settle()

    async def withdraw(self, wish: Wish) -> None:
        """From now on no more messages come."""
        if wish not in self._wishes:
            return
        self._wishes.remove(wish)
        link = self._link
        if wish.placed is not None and link is not None and wish.link is link:
            with suppress(Unreachable):
                async with link.within(PLACE_S, wish.subject):
                    await wish.placed.unsubscribe()
                    await link.settle()

    async def close(self) -> None:
        self._closing = True
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=CLOSE_S)
        if self._link is not None:
            await self._link.close()

    async def _hold(self) -> None:
        while (link := await self._connect()) is not None:
            self._link = link
            try:
                await self._take_up(link)
            except Unreachable as error:
                link.abandon(str(error))
            else:
                self._say(None)
                self._up.set()
                await self._on_up(link)
            self._say(await link.lost())
            self._up.clear()

    async def _connect(self) -> Link | None:
        """The next connection, however long it takes; None when the line is being closed.

        That is asked for, and not left to the task's cancellation alone: what waits below can swallow one.
        """
        attempt = 0
        while not self._closing:
            # Another order each time, so that the members of a chain spread over its servers.
            for server in random.sample(self._address.servers, len(self._address.servers)):
                link = Link(self._address, server in self._key_alone)
                try:
                    await link.open(server)
                    return link
                except Exception as error:  # whatever it was, it may be mended while we try again
                    trouble = link.complaint or str(error) or f"{server} does not answer"
                    if _NOT_ADMITTED in trouble.lower():
                        self._key_alone ^= {server}
                    self._say(trouble)
                if self._closing:
                    return None
            # With some chance in it, so that a thousand stores do not come back in one instant.
            longest_s = min(RETRY_FIRST_S * 2.0 ** min(attempt, 10), RETRY_LAST_S)
            await asyncio.sleep(random.uniform(0.5, 1.0) * longest_s)  # noqa: S311
            attempt += 1
        return None

    async def _take_up(self, link: Link) -> None:
        async with link.within(PLACE_S, "subscribing"):
            while new := [wish for wish in self._wishes if wish.link is not link]:
                for wish in new:
                    await self._subscribe(wish, link)
                await link.settle()

    async def _subscribe(self, wish: Wish, link: Link) -> None:
        if wish.link is not link:
            wish.link = link
            wish.placed = await link.client.subscribe(wish.subject, queue=wish.queue, cb=wish.take)

    def _say(self, trouble: str | None) -> None:
        """Log a change, and in one outage nothing twice."""
        if trouble is None:
            _log.info("%s is connected to the bus", self._address.name)
            self._said.clear()
        elif trouble not in self._said:
            _log.warning("%s has no connection to the bus, and goes on trying: %s", self._address.name, trouble)
            self._said.append(trouble)
