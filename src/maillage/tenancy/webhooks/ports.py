"""What webhooks need from outside: records that several processes share, and something that sends."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec


class Webhook(msgspec.Struct, frozen=True):
    """An address that is told of events; times are seconds UTC.

    ``types`` are types of CloudEvents, with a ``*`` at the end for all that begin so. ``sees`` is the tenant whose
    leases it hears of, None for everything. Secret number ``version`` signs, and until ``former_until`` the one before
    it too. ``failing_since`` is when the first of the failures came that no success followed.
    """

    id: str
    tenant: str
    url: str
    types: list[str]
    sees: str | None
    created_at: int
    version: int = 1
    former_until: int = 0
    disabled_at: int | None = None
    reason: str = ""
    failing_since: int | None = None


class Delivery(msgspec.Struct, frozen=True):
    """One event on its way to one webhook. ``id`` follows from the webhook and the event's (site, seq), so it is the
    same however often the event is entered or sent. ``body`` is the CloudEvent; ``number`` is given by the records and
    grows; ``due_at`` and ``settled_at`` are seconds UTC, the latter when it was delivered or given up."""

    id: str
    webhook: str
    site: str
    seq: int
    type: str
    body: bytes
    due_at: int
    attempts: int = 0
    reason: str = ""
    settled_at: int | None = None
    number: int = 0


class WebhookRecords(Protocol):
    """Webhooks and their outbox. Each call is durable when it returns and atomic among all processes that share them.

    A delivery is waiting, delivered or dead; only waiting ones are changed by what is said of an attempt.
    """

    def webhooks(self, tenant: str | None = None) -> list[Webhook]:
        """Those of a tenant, or all; oldest first."""
        ...

    def webhook(self, webhook_id: str) -> Webhook | None: ...

    def has_webhooks(self) -> bool:
        """Whether there is one at all that is enabled."""
        ...

    def hearing(self, tenants: Sequence[str]) -> list[Webhook]:
        """Enabled webhooks that hear of these tenants' leases, or of everything."""
        ...

    def add_webhook(self, webhook: Webhook, most: int) -> bool:
        """False, and nothing changed, where its tenant has ``most`` already."""
        ...

    def remove_webhook(self, webhook_id: str) -> None:
        """With all its deliveries."""
        ...

    def set_version(self, webhook_id: str, version: int, former_until: int) -> bool:
        """Whether the webhook had the version before this one, and has this one now."""
        ...

    def disable(self, webhook_id: str, at: int, reason: str) -> bool:
        """Send nothing more; what waits is dead for that reason. False where it was disabled already."""
        ...

    def enable(self, webhook_id: str) -> None:
        """Send again from now on; what is known of failures is forgotten."""
        ...

    def position(self, feed: str) -> int:
        """The number of the first event of this feed that was not looked at; 0 at first."""
        ...

    def enter(self, feed: str, position: int, entered: Sequence[Delivery]) -> None:
        """Have these wait (those that are known already stay as they are) and move the feed's position, in one step.
        What is for a webhook that was removed is left out."""
        ...

    def take_turn(self, worker: str, now: int, until: int) -> Webhook | None:
        """Claim, until an instant, the webhook whose last turn is longest ago among those that are enabled, unclaimed,
        not paused, and have a delivery due. None where there is no such webhook."""
        ...

    def due(self, webhook_id: str, now: int, most: int) -> list[Delivery]:
        """Deliveries that wait and are due, in the order in which they were entered."""
        ...

    def delivered(self, delivery: Delivery, at: int) -> None:
        """It was taken: its body is dropped, and the webhook fails no longer."""
        ...

    def put_off(self, delivery: Delivery, at: int, due_at: int, reason: str) -> None:
        """One more attempt failed; try again at ``due_at``."""
        ...

    def give_up(self, delivery: Delivery, at: int, reason: str) -> None:
        """One more attempt failed, and it was the last."""
        ...

    def end_turn(self, webhook_id: str, worker: str, paused_until: int) -> None:
        """Give a claim back, if it is still this worker's."""
        ...

    def dead(self, webhook_id: str, after: int, most: int) -> list[Delivery]:
        """Dead deliveries with a number above ``after``, in order."""
        ...

    def replay(self, webhook_id: str, ids: Sequence[str] | None, now: int) -> int:
        """Have dead deliveries wait again as if new, those named or all; how many."""
        ...

    def behind(self, most: int) -> list[str]:
        """Enabled webhooks for which more than ``most`` deliveries wait."""
        ...

    def prune(self, delivered_before: int, dead_before: int) -> int:
        """Forget deliveries that were settled before these instants; how many."""
        ...


class Outcome(msgspec.Struct, frozen=True):
    """What came of an attempt: the answer's ``status``, None where none came. ``reason`` says in a few words what went
    wrong; ``retry_after_s`` is what the receiver asked for."""

    status: int | None
    reason: str = ""
    retry_after_s: int | None = None

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """The receiver wants no more of them, ever."""
        return self.status == 410


class Sender(Protocol):
    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Post a body, once; whatever goes wrong is in the outcome."""
        ...

    async def close(self) -> None: ...
