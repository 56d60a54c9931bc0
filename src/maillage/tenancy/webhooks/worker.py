"""The way out: turns at the outbox, taken by whichever process is first.

A turn claims one webhook, for so long that it can only run out where its process died; then another process takes it,
and what was sent but not yet marked is sent again, by the same id.
"""

import asyncio
import logging
import secrets

from maillage.kernel.ports import Clock
from maillage.kernel.times import DAY_S, HOUR_S
from maillage.kernel.waiting import signalled
from maillage.tenancy.webhooks.courier import Courier
from maillage.tenancy.webhooks.ports import Webhook, WebhookRecords

log = logging.getLogger(__name__)

TURNS_AT_ONCE = 32
CLAIM_S = 60
"""Well above the longest turn: 20 seconds and one last request."""
LOOK_EVERY_S = 2.0
"""How often to look for what other processes entered, and for what is due again."""
FINISH_WITHIN_S = 2.0
"""How long requests may take to finish at a stop; what is cut off then comes again."""
TIDY_EVERY_S = HOUR_S
BEHIND_MAX = 200_000
"""More deliveries than this may not wait for one webhook: it would never get through them."""
KEEP_DELIVERED_S = 7 * DAY_S
"""How long it is known that an event was delivered, so that it is not delivered again."""
KEEP_DEAD_S = 30 * DAY_S


class Worker:
    """Several may work on the same records, in one process or in many."""

    def __init__(self, records: WebhookRecords, courier: Courier, clock: Clock) -> None:
        self._records = records
        self._courier = courier
        self._clock = clock
        self._name = secrets.token_hex(8)
        self._turns: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._tidied_at = 0

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver until cancelled; a fault of the records is told, and all goes on."""
        try:
            while True:
                self._wake.clear()
                try:
                    await self._tidy_when_due()
                    await self._start_turns()
                except Exception:
                    log.exception("webhooks could not be looked after; trying again")
                await signalled(self._wake, LOOK_EVERY_S)
        finally:
            self._courier.stop()
            if self._turns:
                await asyncio.wait(self._turns, timeout=FINISH_WITHIN_S)
            for turn in self._turns:
                turn.cancel()
            await asyncio.gather(*self._turns, return_exceptions=True)

    async def tidy(self) -> None:
        """Forget what was settled long ago, and disable what can't keep up."""
        now = self._clock.now()
        await asyncio.to_thread(self._records.prune, now - KEEP_DELIVERED_S, now - KEEP_DEAD_S)
        for webhook_id in await asyncio.to_thread(self._records.behind, BEHIND_MAX):
            await self._courier.disable(webhook_id, f"more than {BEHIND_MAX:,} events waited for it")

    async def _tidy_when_due(self) -> None:
        if self._clock.now() - self._tidied_at >= TIDY_EVERY_S:
            await self.tidy()
            self._tidied_at = self._clock.now()

    async def _start_turns(self) -> None:
        """As many as there is room for and need of."""
        while len(self._turns) < TURNS_AT_ONCE:
            now = self._clock.now()
            webhook = await asyncio.to_thread(self._records.take_turn, self._name, now, now + CLAIM_S)
            if webhook is None:
                return
            turn = asyncio.create_task(self._turn(webhook))
            self._turns.add(turn)
            turn.add_done_callback(self._turn_ended)

    def _turn_ended(self, turn: asyncio.Task[None]) -> None:
        self._turns.discard(turn)
        self.wake()

    async def _turn(self, webhook: Webhook) -> None:
        try:
            await self._courier.turn(webhook, self._name)
        except Exception:
            log.exception("a turn of webhook %s broke off; what was not marked is sent again", webhook.id)
