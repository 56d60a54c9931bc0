"""The feed: committed events in order, from anywhere in the journal on, for whoever follows along."""

import asyncio
from collections.abc import AsyncIterator
from itertools import islice

from maillage.kernel.announcer import Announcer
from maillage.kernel.events import Event, decode_events
from maillage.kernel.ports import Committed, Journal
from maillage.kernel.waiting import signalled

BATCHES_AT_ONCE = 64


class Feed:
    """Reads the journal itself, so that a follower who was away misses nothing; it is only told when to look."""

    def __init__(self, journal: Journal, announcer: Announcer) -> None:
        self._journal = journal
        self._grown = asyncio.Event()
        self._closed = False
        announcer.subscribe(self._notice)

    @property
    def end(self) -> int:
        """The number that the next event will have."""
        return self._journal.end()

    async def follow(self, pos: int, idle_s: float) -> AsyncIterator[tuple[int, Event] | None]:
        """(number, event) from ``pos`` on, until the feed is closed; None whenever ``idle_s`` seconds were still."""
        while not self._closed:
            grown = self._grown
            if pos >= self._journal.end():
                if not await signalled(grown, idle_s):
                    yield None
                continue
            for batch in await asyncio.to_thread(lambda at: list(islice(self._journal.read(at), BATCHES_AT_ONCE)), pos):
                for number, event in enumerate(decode_events(batch.body), batch.pos):
                    if self._closed:
                        return
                    if number >= pos:
                        yield number, event
                        pos = number + 1

    def close(self) -> None:
        """Let all who follow, and all who come later, reach the end of their stream; for good."""
        self._closed = True
        self._wake_all()

    def _notice(self, _: Committed) -> None:
        self._wake_all()

    def _wake_all(self) -> None:
        # Whoever waits holds the old event; a new one for the next time means that nobody has to clear it.
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()
