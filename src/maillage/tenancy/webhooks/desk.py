"""What may be asked about webhooks: register, look, rotate, test, replay. And the whole of it, started and stopped."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any

import msgspec

from maillage.kernel.cloudevents import CloudEvent
from maillage.kernel.errors import NotFound, TooManyWebhooks, WebhookDisabled
from maillage.kernel.ports import Clock
from maillage.kernel.times import DAY_S, format_time
from maillage.tenancy.webhooks.courier import Courier
from maillage.tenancy.webhooks.outbox import Outbox
from maillage.tenancy.webhooks.ports import Delivery, Outcome, Sender, Webhook, WebhookRecords
from maillage.tenancy.webhooks.signing import Secrets
from maillage.tenancy.webhooks.targets import Resolve, parse_target, resolved
from maillage.tenancy.webhooks.types import checked_types
from maillage.tenancy.webhooks.worker import Worker

WEBHOOKS_MAX = 20
"""Webhooks of one tenant."""
BOTH_SIGN_S = DAY_S
"""How long the former secret signs too after a rotation."""
TEST_TYPE = "maillage.webhook.test"


class Issued(msgspec.Struct, frozen=True):
    """A webhook and its secret, which is shown this once."""

    webhook: Webhook
    secret: str


class Tested(msgspec.Struct, frozen=True):
    """What came of a test, and the ``webhook-id`` that it went by."""

    message_id: str
    outcome: Outcome


class Webhooks:
    """``tenant`` None in a call means somebody who may see the webhooks of all."""

    def __init__(
        self,
        records: WebhookRecords,
        outbox: Outbox,
        courier: Courier,
        worker: Worker,
        sender: Sender,
        signing: Secrets,
        clock: Clock,
        resolve: Resolve,
        allow_local: bool,
    ) -> None:
        self._records = records
        self._outbox = outbox
        self._courier = courier
        self._worker = worker
        self._sender = sender
        self._signing = signing
        self._clock = clock
        self._resolve = resolve
        self._allow_local = allow_local
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Enter events and deliver them, from now on."""
        if not self._running:
            self._running = [asyncio.create_task(self._outbox.run()), asyncio.create_task(self._worker.run())]

    async def stop(self) -> None:
        """Let what is being sent finish for a moment; all that was not delivered waits for the next start."""
        running, self._running = self._running, []
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._sender.close()

    async def create(self, tenant: str, sees: str | None, url: str, types: Sequence[str]) -> Issued:
        """Register an address. Invalid for one that nothing may be sent to, TooManyWebhooks where there are enough."""
        target = parse_target(url, self._allow_local)
        wanted = checked_types(types)
        await resolved(target, self._allow_local, self._resolve)
        webhook = Webhook("wh_" + secrets.token_hex(12), tenant, url, wanted, sees, self._clock.now())
        secret = self._signing.of(webhook.id, webhook.version)
        if not await asyncio.to_thread(self._records.add_webhook, webhook, WEBHOOKS_MAX):
            raise TooManyWebhooks(f"{tenant} has {WEBHOOKS_MAX} webhooks; delete one that is not needed", tenant=tenant)
        self._outbox.look()
        return Issued(webhook, secret)

    async def list_webhooks(self, tenant: str | None) -> list[Webhook]:
        """All, the oldest first."""
        return await asyncio.to_thread(self._records.webhooks, tenant)

    async def get(self, webhook_id: str, tenant: str | None) -> Webhook:
        """NotFound for one that is another tenant's too."""
        webhook = await asyncio.to_thread(self._records.webhook, webhook_id)
        if webhook is None or tenant not in (None, webhook.tenant):
            raise NotFound(f"there is no webhook {webhook_id[:64]!r}")
        return webhook

    async def delete(self, webhook_id: str, tenant: str | None) -> None:
        """Forget it, with all that was to be delivered."""
        await self.get(webhook_id, tenant)
        await asyncio.to_thread(self._records.remove_webhook, webhook_id)

    async def rotate(self, webhook_id: str, tenant: str | None) -> Issued:
        """A new secret. The former one signs too for a day; what was before that one, no more."""
        while True:
            webhook = await self.get(webhook_id, tenant)
            version, former_until = webhook.version + 1, self._clock.now() + BOTH_SIGN_S
            secret = self._signing.of(webhook_id, version)
            if await asyncio.to_thread(self._records.set_version, webhook_id, version, former_until):
                return Issued(msgspec.structs.replace(webhook, version=version, former_until=former_until), secret)

    async def test(self, webhook_id: str, tenant: str | None) -> Tested:
        """Send a made-up event now, once, also to a webhook that is disabled; what comes of it changes nothing."""
        webhook = await self.get(webhook_id, tenant)
        number = secrets.token_hex(16)
        outcome = await self._courier.attempt(webhook, f"msg_{number}", _test_body(webhook, number, self._clock.now()))
        return Tested(f"msg_{number}", outcome)

    async def dead(self, webhook_id: str, tenant: str | None, after: int, most: int) -> list[Delivery]:
        """What was given up, in the order in which it happened, from the delivery behind number ``after`` on."""
        await self.get(webhook_id, tenant)
        return await asyncio.to_thread(self._records.dead, webhook_id, after, most)

    async def replay(self, webhook_id: str, tenant: str | None, ids: Sequence[str] | None) -> int:
        """Try what was given up again from the first attempt on, by the same ids: those named, or all; how many.
        WebhookDisabled where nothing is sent."""
        webhook = await self.get(webhook_id, tenant)
        if webhook.disabled_at is not None:
            raise WebhookDisabled(f"{webhook_id} is disabled: {webhook.reason}; enable it first", reason=webhook.reason)
        count = await asyncio.to_thread(self._records.replay, webhook_id, ids, self._clock.now())
        self._worker.wake()
        return count

    async def enable(self, webhook_id: str, tenant: str | None) -> Webhook:
        """Send again, from what happens next on. One that is enabled has its pause ended."""
        await self.get(webhook_id, tenant)
        await asyncio.to_thread(self._records.enable, webhook_id)
        self._outbox.look()
        self._worker.wake()
        return await self.get(webhook_id, tenant)


def _test_body(webhook: Webhook, number: str, now: int) -> bytes:
    data: dict[str, Any] = {"webhook": webhook.id, "tenant": webhook.tenant}
    source = f"/webhooks/{webhook.id}"
    event = CloudEvent("1.0", number, source, TEST_TYPE, format_time(now), webhook.id, "application/json", "0", data)
    return msgspec.json.encode(event)
