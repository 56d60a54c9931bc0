"""Webhooks in a database: who is to be told, and where the telling stands.

Whatever touches a webhook's row and its deliveries takes the row first: two that went the other way round would wait
for each other.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from maillage.engines.records.database import Turn
from maillage.engines.records.deliveries import SqlDeliveries
from maillage.engines.records.inserts import insert_if_new
from maillage.engines.records.tables import deliveries, webhooks
from maillage.tenancy.webhooks.ports import Webhook

_WEBHOOKS = sa.select(*(webhooks.c[name] for name in Webhook.__struct_fields__)).order_by(
    webhooks.c.created_at, webhooks.c.id
)
_ENABLED = webhooks.c.disabled_at.is_(None)
_FRESH = {"claimed_by": "", "claimed_until": 0, "paused_until": 0, "turned_at": 0}


class SqlWebhookRecords(SqlDeliveries):
    """``tenancy.webhooks.ports.WebhookRecords``."""

    def webhooks(self, tenant: str | None = None) -> list[Webhook]:
        return self._read(_WEBHOOKS if tenant is None else _WEBHOOKS.where(webhooks.c.tenant == tenant))

    def webhook(self, webhook_id: str) -> Webhook | None:
        found = self._read(_WEBHOOKS.where(webhooks.c.id == webhook_id))
        return found[0] if found else None

    def has_webhooks(self) -> bool:
        with self._database.reading() as connection:
            return connection.execute(sa.select(webhooks.c.id).where(_ENABLED).limit(1)).first() is not None

    def hearing(self, tenants: Sequence[str]) -> list[Webhook]:
        return self._read(_WEBHOOKS.where(_ENABLED, sa.or_(webhooks.c.sees.is_(None), webhooks.c.sees.in_(tenants))))

    def add_webhook(self, webhook: Webhook, most: int) -> bool:
        row = {**msgspec.structs.asdict(webhook), **_FRESH, "types": msgspec.json.encode(webhook.types).decode()}
        with self._database.transaction() as connection:
            self._database.take_turn(connection, Turn.WEBHOOKS)
            count = sa.select(sa.func.count()).select_from(webhooks).where(webhooks.c.tenant == webhook.tenant)
            if connection.execute(count).scalar_one() >= most:
                return False
            connection.execute(insert_if_new(connection, webhooks), row)
        return True

    def remove_webhook(self, webhook_id: str) -> None:
        with self._database.statement() as connection:
            connection.execute(sa.delete(webhooks).where(webhooks.c.id == webhook_id))

    def set_version(self, webhook_id: str, version: int, former_until: int) -> bool:
        former = webhooks.c.version == version - 1
        return self._change(webhook_id, former, version=version, former_until=former_until) == 1

    def disable(self, webhook_id: str, at: int, reason: str) -> bool:
        with self._database.transaction() as connection:
            one = sa.update(webhooks).where(webhooks.c.id == webhook_id, _ENABLED)
            if not connection.execute(one, {"disabled_at": at, "reason": reason}).rowcount:
                return False
            waiting = sa.update(deliveries).where(deliveries.c.webhook == webhook_id, deliveries.c.state == "waiting")
            told = f"the webhook was disabled: {reason}"
            connection.execute(waiting, {"state": "dead", "settled_at": at, "reason": told})
        return True

    def enable(self, webhook_id: str) -> None:
        self._change(webhook_id, sa.true(), disabled_at=None, reason="", failing_since=None, paused_until=0)

    def take_turn(self, worker: str, now: int, until: int) -> Webhook | None:
        due = sa.exists().where(
            deliveries.c.webhook == webhooks.c.id, deliveries.c.state == "waiting", deliveries.c.due_at <= now
        )
        free = sa.and_(_ENABLED, webhooks.c.claimed_until <= now, webhooks.c.paused_until <= now)
        # What another process is claiming right now is left to it. SQLite has no such clause and needs none.
        next_one = (
            sa.select(webhooks.c.id)
            .where(free, due)
            .order_by(webhooks.c.turned_at, webhooks.c.id)
            .limit(1)
            .with_for_update(of=webhooks, skip_locked=True)
        )
        with self._database.reading() as connection:  # most looks find nothing, and need no writer's lock
            if connection.execute(sa.select(webhooks.c.id).where(free, due).limit(1)).first() is None:
                return None
        with self._database.transaction() as connection:
            webhook_id = connection.execute(next_one).scalar_one_or_none()
            if webhook_id is None:
                return None
            claim = sa.update(webhooks).where(webhooks.c.id == webhook_id)
            connection.execute(claim, {"claimed_by": worker, "claimed_until": until, "turned_at": now})
            (row,) = connection.execute(_WEBHOOKS.where(webhooks.c.id == webhook_id))
            return _webhook(row)

    def end_turn(self, webhook_id: str, worker: str, paused_until: int) -> None:
        mine = webhooks.c.claimed_by == worker
        self._change(webhook_id, mine, claimed_by="", claimed_until=0, paused_until=paused_until)

    def behind(self, most: int) -> list[str]:
        waiting = sa.and_(deliveries.c.webhook == webhooks.c.id, deliveries.c.state == "waiting")
        many = (
            sa.select(webhooks.c.id)
            .join(deliveries, waiting)
            .where(_ENABLED)
            .group_by(webhooks.c.id)
            .having(sa.func.count() > most)
        )
        with self._database.reading() as connection:
            return [str(webhook_id) for (webhook_id,) in connection.execute(many)]

    def _change(self, webhook_id: str, only: sa.ColumnElement[bool], **values: Any) -> int:
        with self._database.statement() as connection:
            changed = sa.update(webhooks).where(webhooks.c.id == webhook_id, only)
            return connection.execute(changed, values).rowcount

    def _read(self, wanted: sa.Select[Any]) -> list[Webhook]:
        with self._database.reading() as connection:
            return [_webhook(row) for row in connection.execute(wanted)]


def _webhook(row: sa.Row[Any]) -> Webhook:
    fields = dict(row._mapping)
    fields["types"] = msgspec.json.decode(fields["types"], type=list[str])
    return Webhook(**fields)
