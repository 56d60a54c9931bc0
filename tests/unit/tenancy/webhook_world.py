"""A chain in memory, the records of webhooks, and what carries events from the one to receivers."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from maillage.engines.clocks import ManualClock
from maillage.kernel.events import Event, Leased
from maillage.kernel.feed import Feed
from maillage.tenancy.webhooks.courier import Courier
from maillage.tenancy.webhooks.desk import Issued, Webhooks
from maillage.tenancy.webhooks.outbox import Outbox
from maillage.tenancy.webhooks.ports import Delivery, Sender, Webhook, WebhookRecords
from maillage.tenancy.webhooks.sending import HttpSender
from maillage.tenancy.webhooks.signing import Secrets
from maillage.tenancy.webhooks.targets import resolve_by_system
from maillage.tenancy.webhooks.worker import CLAIM_S, Worker
from tests.kernel_world import World

T = TypeVar("T")
SECRETS = Secrets(lambda: b"a master secret of the tests, long enough")
WORKER = "the worker of the tests"


class FeedToItsEnd(Feed):
    """Ends where the journal ends."""

    async def follow(self, pos: int, idle_s: float) -> AsyncIterator[tuple[int, Event] | None]:
        if pos < self.end:
            async for item in super().follow(pos, idle_s):
                yield item
                if item is None or item[0] + 1 == self.end:
                    return


class Post:
    """Everything between a world's journal and receivers on this machine. The world's clock says what time it is, from
    the real one on, since verifiers look at that; no delay is lengthened by chance."""

    def __init__(self, records: WebhookRecords, world: World | None = None) -> None:
        self.records = records
        self.world = world or World()
        if world is None:
            self.world.clock.set(int(time.time()))
            self.world.pool("cpu", 1_000)
        self.filled = 0

    @property
    def clock(self) -> ManualClock:
        return self.world.clock

    @property
    def now(self) -> int:
        return self.world.now

    def owner(self, event: Event) -> str | None:
        if isinstance(event, Leased):
            return event.tenant
        lease = getattr(event, "lease", None)
        return None if lease is None else self.world.ledger.leases[lease].tenant

    def ask(self, question: Callable[[Webhooks], Awaitable[T]]) -> T:
        """Ask the desk something."""

        async def main() -> T:
            desk = self.desk(self.sender())
            try:
                return await question(desk)
            finally:
                await desk.stop()

        return asyncio.run(main())

    def webhook(self, url: str, tenant: str = "acme", types: Sequence[str] = (), sees_all: bool = False) -> Issued:
        """Register an address."""
        return self.ask(lambda desk: desk.create(tenant, None if sees_all else tenant, url, types))

    def outbox(self, feed: Feed) -> Outbox:
        return Outbox(self.records, feed, "chain", self.owner, self.clock, self._count)

    def sender(self) -> HttpSender:
        return HttpSender(self.clock, allow_local=True)

    def courier(self, sender: Sender) -> Courier:
        return Courier(self.records, sender, SECRETS, self.clock, lambda: 0.0)

    def desk(self, sender: Sender) -> Webhooks:
        courier = self.courier(sender)
        worker = Worker(self.records, courier, self.clock)
        outbox = self.outbox(Feed(self.world.journal, self.world.announcer))
        return Webhooks(
            self.records, outbox, courier, worker, sender, SECRETS, self.clock, resolve_by_system, allow_local=True
        )

    def enter(self) -> None:
        """Run the outbox until it has looked at everything there is; there must be a webhook for it to look at all."""
        asyncio.run(self.outbox(FeedToItsEnd(self.world.journal, self.world.announcer)).run())

    def deliver(self, sender: Sender | None = None) -> None:
        """Take turns until there is none to take."""

        async def main() -> None:
            carrier = sender or self.sender()
            courier = self.courier(carrier)
            while (webhook := self.records.take_turn(WORKER, self.now, self.now + CLAIM_S)) is not None:
                await courier.turn(webhook, WORKER)
            await carrier.close()

        asyncio.run(main())

    def known(self, issued: Issued) -> Webhook:
        """A webhook as it is by now."""
        found = self.records.webhook(issued.webhook.id)
        assert found is not None
        return found

    def waiting(self, issued: Issued) -> list[Delivery]:
        """All that waits, due or not."""
        return self.records.due(issued.webhook.id, 1 << 40, 1_000)

    def dead(self, issued: Issued) -> list[Delivery]:
        return self.records.dead(issued.webhook.id, 0, 1_000)

    def _count(self) -> None:
        self.filled += 1


def run_worker(post: Post, done: threading.Event) -> None:
    """A worker, as a process has one, until ``done``."""

    async def main() -> None:
        sender = post.sender()
        running = asyncio.create_task(Worker(post.records, post.courier(sender), post.clock).run())
        await asyncio.to_thread(done.wait, 30)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await sender.close()

    asyncio.run(main())
