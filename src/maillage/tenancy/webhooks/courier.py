"""One turn: the deliveries of one webhook that are due, sent and marked.

A site's events go one after another, those of different sites side by side. A failure ends the turn and pauses the
webhook: what is slow or down costs little, and nothing that others wait for.
"""

import asyncio
import logging
from collections.abc import Callable
from random import SystemRandom

from maillage.kernel.ports import Clock
from maillage.kernel.times import DAY_S
from maillage.tenancy.webhooks.ports import Delivery, Outcome, Sender, Webhook, WebhookRecords
from maillage.tenancy.webhooks.schedule import PAUSE_MAX_S, next_delay_s, pause_s
from maillage.tenancy.webhooks.signing import Secrets, signed_headers

log = logging.getLogger(__name__)

LANES = 4
"""Requests to one webhook at the same time, each for another site; one that is failing is tried with one."""
TURN_MAX = 64
"""Deliveries of one turn; then other webhooks have theirs first."""
TURN_S = 20.0
"""No request of a turn begins later than this after the first."""
FAILING_MAX_S = 5 * DAY_S
"""A delivery that is given up after so long without one success takes the webhook along."""


class _Turn:
    """How a turn goes; ``paused_until`` and ``failing_since`` are seconds UTC."""

    def __init__(self, webhook: Webhook, ends_at: float) -> None:
        self.webhook = webhook
        self.failing_since = webhook.failing_since
        self.paused_until = 0
        self.ends_at = ends_at
        self.lanes = asyncio.Semaphore(LANES if webhook.failing_since is None else 1)

    @property
    def over(self) -> bool:
        return self.paused_until > 0 or asyncio.get_running_loop().time() >= self.ends_at


class Courier:
    """``chance`` gives numbers of 0 to 1, for the jitter of delays."""

    def __init__(
        self,
        records: WebhookRecords,
        sender: Sender,
        secrets: Secrets,
        clock: Clock,
        chance: Callable[[], float] | None = None,
    ) -> None:
        self._records = records
        self._sender = sender
        self._secrets = secrets
        self._clock = clock
        self._chance = chance or SystemRandom().random
        self._stopping = False

    def stop(self) -> None:
        """Begin nothing more; what is being sent goes on."""
        self._stopping = True

    async def attempt(self, webhook: Webhook, message_id: str, body: bytes) -> Outcome:
        """Sign and send once, whatever the records say."""
        now = self._clock.now()
        numbers = [webhook.version, webhook.version - 1][: 2 if now < webhook.former_until else 1]
        by = [self._secrets.of(webhook.id, number) for number in numbers]
        return await self._sender.send(webhook.url, signed_headers(by, message_id, now, body), body)

    async def turn(self, webhook: Webhook, worker: str) -> None:
        """Deliver what is due of a webhook that ``worker`` has claimed, and give the claim back."""
        turn = _Turn(webhook, asyncio.get_running_loop().time() + TURN_S)
        try:
            due = await asyncio.to_thread(self._records.due, webhook.id, self._clock.now(), TURN_MAX)
            lanes: dict[str, list[Delivery]] = {}
            for delivery in due:
                lanes.setdefault(delivery.site, []).append(delivery)
            async with asyncio.TaskGroup() as going:
                for lane in lanes.values():
                    going.create_task(self._go(turn, lane))
        except Exception:  # ours, or the records': not the receiver's, but soon again would be no better
            turn.paused_until = self._clock.now() + PAUSE_MAX_S
            raise
        finally:
            await asyncio.to_thread(self._records.end_turn, webhook.id, worker, turn.paused_until)

    async def disable(self, webhook_id: str, reason: str) -> None:
        """Send it nothing more, and say so in the log."""
        if await asyncio.to_thread(self._records.disable, webhook_id, self._clock.now(), reason):
            log.warning("webhook %s was disabled: %s", webhook_id, reason)

    async def _go(self, turn: _Turn, lane: list[Delivery]) -> None:
        async with turn.lanes:
            for delivery in lane:
                if turn.over or self._stopping:
                    return
                await self._settle(turn, delivery, await self.attempt(turn.webhook, delivery.id, delivery.body))

    async def _settle(self, turn: _Turn, delivery: Delivery, outcome: Outcome) -> None:
        now = self._clock.now()
        if outcome.taken:
            turn.failing_since = None
            await asyncio.to_thread(self._records.delivered, delivery, now)
            return
        failing_since = turn.failing_since = now if turn.failing_since is None else turn.failing_since
        turn.paused_until = now + pause_s(now - failing_since, outcome.retry_after_s)
        if outcome.gone:
            await self.disable(turn.webhook.id, "the receiver answered 410: it wants no more")
            return
        delay_s = next_delay_s(delivery.attempts + 1, self._chance(), outcome.retry_after_s)
        if delay_s is not None:
            await asyncio.to_thread(self._records.put_off, delivery, now, now + delay_s, outcome.reason)
            return
        await asyncio.to_thread(self._records.give_up, delivery, now, outcome.reason)
        if now - failing_since >= FAILING_MAX_S:
            days = FAILING_MAX_S // DAY_S
            await self.disable(turn.webhook.id, f"it took nothing for {days} days, in the end: {outcome.reason}")
