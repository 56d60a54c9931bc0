"""All parts of webhooks, put together."""

import os
from collections.abc import Callable
from pathlib import Path

from maillage.kernel.feed import Feed
from maillage.kernel.ports import Clock
from maillage.tenancy.secrets import secret
from maillage.tenancy.webhooks.courier import Courier
from maillage.tenancy.webhooks.desk import Webhooks
from maillage.tenancy.webhooks.master import NAME, master_secret
from maillage.tenancy.webhooks.outbox import Outbox, Owner
from maillage.tenancy.webhooks.ports import WebhookRecords
from maillage.tenancy.webhooks.sending import HttpSender
from maillage.tenancy.webhooks.signing import Secrets
from maillage.tenancy.webhooks.targets import Resolve, resolve_by_system
from maillage.tenancy.webhooks.worker import Worker

ALLOW_LOCAL = "MAILLAGE_WEBHOOKS_ALLOW_LOCAL"


def build_webhooks(
    records: WebhookRecords,
    feed: Feed,
    owner: Owner,
    clock: Clock,
    *,
    feed_name: str,
    secret_folder: Path | None,
    resolve: Resolve = resolve_by_system,
    chance: Callable[[], float] | None = None,
) -> Webhooks:
    """Not started yet. ``feed_name`` must be this feed's own among all that share the records, and stay; the master
    secret is kept in ``secret_folder`` unless one is given, and must be given where that is None."""
    allow_local = os.environ.get(ALLOW_LOCAL) == "1"
    signing = Secrets(lambda: master_secret(lambda: secret(NAME), secret_folder))
    sender = HttpSender(clock, allow_local, resolve)
    courier = Courier(records, sender, signing, clock, chance)
    worker = Worker(records, courier, clock)
    outbox = Outbox(records, feed, feed_name, owner, clock, worker.wake)
    return Webhooks(records, outbox, courier, worker, sender, signing, clock, resolve, allow_local)
