"""The feed: committed events in order, from anywhere in the journal on, for whoever follows along."""

import asyncio
from collections.abc import AsyncIterator
from itertools import islice

from maillage.kernel.announcer import Announcer
from maillage.kernel.events import Event, decode_events
from maillage.kernel.ports import Committed, Journal

BATCHES_AT_ONCE = 64


class Feed:
    """Reads the journal itself, so that a follower who was away misses nothing; it is only told when to look."""

    def __init__(self, journal: Journal, announcer: Announcer) -> None:
        self._journal = journal
        self._grown = asyncio.Event()
        announcer.subscribe(self._notice)

    @property
    def end(self) -> int:
        """The number that the next event will have."""
        return self._journal.end()

    async def follow(self, pos: int, idle_s: float) -> AsyncIterator[tuple[int, Event] | None]:
        """(number, event) from ``pos`` on, for ever; None whenever nothing came for ``idle_s`` seconds."""
        while True:
            grown = self._grown
            if pos >= self._journal.end():
                try:
                    await asyncio.wait_for(grown.wait(), idle_s)
                except TimeoutError:
                    yield None
                continue
            for batch in await asyncio.to_thread(lambda at: list(islice(self._journal.read(at), BATCHES_AT_ONCE)), pos):
                for number, event in enumerate(decode_events(batch.body), batch.pos):
                    if number >= pos:
                        yield number, event
                        pos = number + 1

    def _notice(self, _: Committed) -> None:
        # Whoever waits holds the old event; a new one for the next time means that nobody has to clear it.
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()
