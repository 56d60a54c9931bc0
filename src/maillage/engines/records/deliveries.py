"""Deliveries in a database, from being entered to being settled. What is said of an attempt changes a delivery only
while it waits with as many attempts as the sender knew of, so that what is said late, or twice, says nothing."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from maillage.engines.records.database import Database, Turn
from maillage.engines.records.inserts import insert_if_new, insert_or_replace
from maillage.engines.records.tables import deliveries, webhook_feeds, webhooks
from maillage.tenancy.webhooks.ports import Delivery

_DELIVERIES = sa.select(*(deliveries.c[name] for name in Delivery.__struct_fields__)).order_by(deliveries.c.number)
_FORGET_AT_ONCE = 5_000
"""Rows that one transaction drops: others wait for it on SQLite."""


class SqlDeliveries:
    """The part of ``tenancy.webhooks.ports.WebhookRecords`` that is about deliveries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def position(self, feed: str) -> int:
        wanted = sa.select(webhook_feeds.c.position).where(webhook_feeds.c.name == feed)
        with self._database.reading() as connection:
            return int(connection.execute(wanted).scalar_one_or_none() or 0)

    def enter(self, feed: str, position: int, entered: Sequence[Delivery]) -> None:
        with self._database.transaction() as connection:
            if entered:
                # One after another: two that entered the same events in different orders would wait for each other.
                self._database.take_turn(connection, Turn.WEBHOOKS)
                self._insert(connection, entered)
            moved = insert_or_replace(connection, webhook_feeds, "name", "position")
            connection.execute(moved, {"name": feed, "position": position})

    def due(self, webhook_id: str, now: int, most: int) -> list[Delivery]:
        waiting = _DELIVERIES.where(deliveries.c.webhook == webhook_id, deliveries.c.state == "waiting")
        return self._read_deliveries(waiting.where(deliveries.c.due_at <= now).limit(most))

    def dead(self, webhook_id: str, after: int, most: int) -> list[Delivery]:
        dead = _DELIVERIES.where(deliveries.c.webhook == webhook_id, deliveries.c.state == "dead")
        return self._read_deliveries(dead.where(deliveries.c.number > after).limit(most))

    def delivered(self, delivery: Delivery, at: int) -> None:
        with self._database.transaction() as connection:
            well = sa.update(webhooks).where(webhooks.c.id == delivery.webhook, webhooks.c.failing_since.is_not(None))
            connection.execute(well, {"failing_since": None})
            _attempted(connection, delivery, state="delivered", settled_at=at, reason="", body=b"")

    def put_off(self, delivery: Delivery, at: int, due_at: int, reason: str) -> None:
        self._failed(delivery, at, due_at=due_at, reason=reason)

    def give_up(self, delivery: Delivery, at: int, reason: str) -> None:
        self._failed(delivery, at, state="dead", settled_at=at, reason=reason)

    def replay(self, webhook_id: str, ids: Sequence[str] | None, now: int) -> int:
        dead = sa.update(deliveries).where(deliveries.c.webhook == webhook_id, deliveries.c.state == "dead")
        if ids is not None:
            dead = dead.where(deliveries.c.id.in_(ids))
        again = {"state": "waiting", "attempts": 0, "due_at": now, "reason": "", "settled_at": None}
        with self._database.transaction() as connection:
            connection.execute(sa.update(webhooks).where(webhooks.c.id == webhook_id), {"paused_until": 0})
            return connection.execute(dead, again).rowcount

    def prune(self, delivered_before: int, dead_before: int) -> int:
        return self._drop("delivered", delivered_before) + self._drop("dead", dead_before)

    def _insert(self, connection: sa.Connection, entered: Sequence[Delivery]) -> None:
        # Locked, so that none of them is removed before its deliveries are in.
        names = sorted({delivery.webhook for delivery in entered})
        there = sa.select(webhooks.c.id).where(webhooks.c.id.in_(names), webhooks.c.disabled_at.is_(None))
        known = set(connection.execute(there.with_for_update(read=True, key_share=True)).scalars())
        rows = [_row(delivery) for delivery in entered if delivery.webhook in known]
        if rows:
            connection.execute(insert_if_new(connection, deliveries), rows)

    def _failed(self, delivery: Delivery, at: int, **values: Any) -> None:
        with self._database.transaction() as connection:
            ill = sa.update(webhooks).where(webhooks.c.id == delivery.webhook, webhooks.c.failing_since.is_(None))
            connection.execute(ill, {"failing_since": at})
            _attempted(connection, delivery, **values)

    def _drop(self, state: str, before: int) -> int:
        old = sa.select(deliveries.c.number).where(deliveries.c.settled_at < before, deliveries.c.state == state)
        dropped = 0
        while True:
            with self._database.statement() as connection:
                some = sa.delete(deliveries).where(deliveries.c.number.in_(old.limit(_FORGET_AT_ONCE)))
                count = connection.execute(some).rowcount
            dropped += count
            if count < _FORGET_AT_ONCE:
                return dropped

    def _read_deliveries(self, wanted: sa.Select[Any]) -> list[Delivery]:
        with self._database.reading() as connection:
            return [Delivery(*row) for row in connection.execute(wanted)]


def _attempted(connection: sa.Connection, delivery: Delivery, **values: Any) -> None:
    known = sa.and_(deliveries.c.state == "waiting", deliveries.c.attempts == delivery.attempts)
    change = sa.update(deliveries).where(deliveries.c.id == delivery.id, known)
    connection.execute(change, {**values, "attempts": delivery.attempts + 1})


def _row(delivery: Delivery) -> dict[str, Any]:
    row = {**msgspec.structs.asdict(delivery), "state": "waiting"}
    del row["number"]
    return row
