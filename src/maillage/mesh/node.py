"""A node: the owner of its sites' ledgers, and its line to the hubs. Without a line it goes on by itself."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import msgspec

from maillage import __version__
from maillage.kernel.announcer import Announcer
from maillage.kernel.keeper import Keeper
from maillage.kernel.kinds import Kind
from maillage.kernel.owner import OwnerOffice
from maillage.kernel.ports import Clock
from maillage.kernel.prices import PriceBook
from maillage.kernel.waiting import signalled
from maillage.mesh.history import HistoryReader
from maillage.mesh.messages import (
    CHANGED_SUBJECT,
    Alive,
    PolicyGiven,
    PolicyWanted,
    alive_subject,
    hub_subject,
)
from maillage.mesh.outbox import Outbox
from maillage.mesh.ports import Bus, Message, Subscription, Unreachable
from maillage.mesh.service import SiteService

log = logging.getLogger(__name__)

ALIVE_EVERY_S = 2.0
NEWS_APART_S = 0.02
"""What services have to say within this goes into one sign of life."""
LOOK_FOR_LINE_S = 0.2
"""How often a node without a line looks whether it has one: then it gives a sign of life, and asks, at once."""
POLICY_EVERY_S = 60.0
HUB_TIMEOUT_S = 5.0
RETRY_S = 2.0

_encoder = msgspec.json.Encoder()
_policy = msgspec.json.Decoder(PolicyGiven)

TakePolicy = Callable[[tuple[Kind, ...], PriceBook], None]
"""Makes what a hub said the node's own policy, and keeps it for starts without a hub."""


class Node:
    """``keeper`` and ``office`` run already; ``sites`` are those that the node is enrolled for."""

    def __init__(
        self,
        node_id: str,
        sites: list[str],
        keeper: Keeper,
        office: OwnerOffice,
        clock: Clock,
        announcer: Announcer,
        bus: Bus,
        take_policy: TakePolicy | None,
    ) -> None:
        """``take_policy`` None for a hub's own ledger: it has the policy at hand."""
        self.id = node_id
        self.sites = sites
        self.outbox = Outbox(node_id, keeper.journal, announcer, bus)
        self._keeper = keeper
        self._clock = clock
        self._bus = bus
        self._take_policy = take_policy
        self._service = SiteService(office, keeper.journal, bus)
        self._history = HistoryReader(node_id, keeper, office, bus)
        self._notes: dict[str, str] = {}
        self._alive_due = asyncio.Event()
        self._policy_due = asyncio.Event()
        self._serving = asyncio.Event()
        self._subscription: Subscription | None = None
        self._tasks: list[asyncio.Task[Any]] = []

    async def start(self) -> None:
        """Returns at once, with or without a hub."""
        self._policy_due.set()
        self._subscription = await self._bus.listen(CHANGED_SUBJECT, self._heed_change)
        await self.outbox.start()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._live()), loop.create_task(self._begin())]
        if self._take_policy is not None:
            self._tasks.append(loop.create_task(self._keep_policy(self._take_policy)))

    async def stop(self) -> None:
        """Answer what is under way, then fall silent."""
        await self._service.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.outbox.stop()
        if self._subscription is not None:
            await self._subscription.stop()

    def note(self, service: str, word: str) -> None:
        """Have the signs of life say this of a service, the next one at once."""
        self._notes[service] = word
        self._alive_due.set()

    async def serve(self, sites: list[str]) -> None:
        """Answer for these sites too."""
        await self._service.serve(sites)

    async def _begin(self) -> None:
        """Serve the sites that are here, and first get those that are not."""
        if here := [site for site in self.sites if site in self._keeper.ledger.sites]:
            await self._serve_at_last(here)
        while missing := [site for site in self.sites if site not in self._keeper.ledger.sites]:
            try:
                await self._history.fetch(missing)
            except Unreachable:
                await asyncio.sleep(RETRY_S if self._bus.connected else LOOK_FOR_LINE_S)
            except Exception:
                log.exception("the records of %d sites could not be had from the hub", len(missing))
                await asyncio.sleep(RETRY_S)
        await self._serve_at_last(self.sites)

    async def _serve_at_last(self, sites: list[str]) -> None:
        while True:
            try:
                await self.serve(sites)
                self._serving.set()
                return
            except Exception:
                log.exception("%d sites can't be served yet", len(sites))
                await asyncio.sleep(RETRY_S)

    async def _live(self) -> None:
        """Signs of life, from when asks are answered: a hub that asked earlier would take the node for lost again."""
        await self._serving.wait()
        while True:
            connected = self._bus.connected
            self._alive_due.clear()
            try:
                alive = Alive(self._keeper.journal.end(), self._clock.now(), __version__, self._notes)
                await self._bus.send(alive_subject(self.id), _encoder.encode(alive))
            except Exception:
                log.exception("no sign of life could be given")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ALIVE_EVERY_S if connected else LOOK_FOR_LINE_S):
                    await self._alive_due.wait()
                    await asyncio.sleep(NEWS_APART_S)

    async def _keep_policy(self, take: TakePolicy) -> None:
        while True:
            self._policy_due.clear()
            try:
                body = await self._bus.request(hub_subject(self.id), _encoder.encode(PolicyWanted()), HUB_TIMEOUT_S)
                given = _policy.decode(body)
                take(tuple(given.kinds), given.book)
                wait_s = POLICY_EVERY_S
            except Unreachable:
                wait_s = RETRY_S
            except Exception:
                log.exception("what the hub says of kinds and prices could not be taken over; the former stays")
                wait_s = POLICY_EVERY_S
            await signalled(self._policy_due, wait_s)

    async def _heed_change(self, _: Message) -> None:
        self._policy_due.set()
