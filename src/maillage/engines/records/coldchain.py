"""The cold chain in a database: alarms, what its guard remembers, deliveries, plans, and the HACCP log."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from maillage.engines.records.coldchain_tables import (
    alarm_deliveries,
    alarm_states,
    alarms,
    escalation_plans,
    haccp_log,
)
from maillage.engines.records.database import Database
from maillage.engines.records.inserts import insert_if_new, insert_or_replace
from maillage.kernel.errors import AlreadyExists
from maillage.services.sensing.coldchain.alarms.signals import Remembered
from maillage.services.sensing.coldchain.escalation.deliveries import Delivery
from maillage.services.sensing.coldchain.escalation.plan import Plan
from maillage.services.sensing.coldchain.haccp.entry import Entry
from maillage.services.sensing.coldchain.model import OPEN, Alarm, State
from maillage.services.sensing.coldchain.ports import Changes, Kept

_encode = msgspec.json.Encoder().encode
_alarm = msgspec.json.Decoder(Alarm).decode
_delivery = msgspec.json.Decoder(Delivery).decode
_plan = msgspec.json.Decoder(Plan).decode
_entry = msgspec.json.Decoder(Entry).decode


class SqlColdChainRecords:
    """``services.sensing.coldchain.ports.ColdChainRecords``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> Kept:
        last = sa.select(haccp_log.c.site, sa.func.max(haccp_log.c.seq).label("seq")).group_by(haccp_log.c.site)
        ends = last.subquery()
        heads = sa.select(haccp_log.c.site, haccp_log.c.seq, haccp_log.c.hash).join(
            ends, sa.and_(haccp_log.c.site == ends.c.site, haccp_log.c.seq == ends.c.seq)
        )
        open_alarms = sa.select(alarms.c.body).where(alarms.c.state.in_(OPEN)).order_by(alarms.c.number)
        waiting = sa.select(alarm_deliveries.c.body).where(alarm_deliveries.c.state == "waiting")
        numbers = sa.select(alarms.c.site, sa.func.max(alarms.c.nth)).group_by(alarms.c.site)
        return Kept(
            [_alarm(body) for (body,) in self._read(open_alarms)],
            dict(self._read(sa.select(alarm_states.c.name, alarm_states.c.body))),
            [_delivery(body) for (body,) in self._read(waiting.order_by(alarm_deliveries.c.number))],
            {
                site: _plan(body)
                for site, body in self._read(sa.select(escalation_plans.c.site, escalation_plans.c.body))
            },
            {site: (seq, digest) for site, seq, digest in self._read(heads)},
            dict(self._read(numbers)),
        )

    def commit(self, changes: Changes) -> None:
        with self._database.transaction() as connection:
            if changes.alarms:
                put = insert_or_replace(connection, alarms, "id", "state", "body")
                connection.execute(put, [_alarm_row(alarm) for alarm in changes.alarms])
            self._remember(connection, changes.remembered)
            if changes.deliveries:
                put = insert_or_replace(connection, alarm_deliveries, "id", "state", "body")
                connection.execute(put, [_delivery_row(delivery) for delivery in changes.deliveries])
            for site, plan in changes.plans:
                put = insert_or_replace(connection, escalation_plans, "site", "body")
                connection.execute(put, {"site": site, "body": _encode(plan)})
            self._enter(connection, changes.entries)

    def alarms(
        self, site: str | None, states: Sequence[State] | None, unit: str | None, before: int | None, most: int
    ) -> list[tuple[int, Alarm]]:
        wanted = sa.select(alarms.c.number, alarms.c.body).order_by(alarms.c.number.desc()).limit(most)
        if site is not None:
            wanted = wanted.where(alarms.c.site == site)
        if states is not None:
            wanted = wanted.where(alarms.c.state.in_(states))
        if unit is not None:
            wanted = wanted.where(alarms.c.unit == unit)
        if before is not None:
            wanted = wanted.where(alarms.c.number < before)
        return [(number, _alarm(body)) for number, body in self._read(wanted)]

    def alarm(self, alarm_id: str) -> Alarm | None:
        found = self._read(sa.select(alarms.c.body).where(alarms.c.id == alarm_id))
        return _alarm(found[0][0]) if found else None

    def deliveries(self, alarm_id: str) -> list[Delivery]:
        wanted = sa.select(alarm_deliveries.c.body).where(alarm_deliveries.c.alarm == alarm_id)
        return [_delivery(body) for (body,) in self._read(wanted.order_by(alarm_deliveries.c.number))]

    def entries(self, site: str, after: int, start: int, end: int, most: int) -> list[Entry]:
        wanted = sa.select(haccp_log.c.body).where(haccp_log.c.site == site, haccp_log.c.seq > after)
        wanted = wanted.where(haccp_log.c.at >= start, haccp_log.c.at < end).order_by(haccp_log.c.seq).limit(most)
        return [_entry(body) for (body,) in self._read(wanted)]

    @staticmethod
    def _remember(connection: sa.Connection, remembered: Sequence[Remembered]) -> None:
        gone = [one.name for one in remembered if one.body is None]
        if gone:
            every = sa.delete(alarm_states).where(alarm_states.c.name == sa.bindparam("gone"))
            connection.execute(every, [{"gone": name} for name in gone])
        kept = [one._asdict() for one in remembered if one.body is not None]
        if kept:
            connection.execute(insert_or_replace(connection, alarm_states, "name", "body"), kept)

    @staticmethod
    def _enter(connection: sa.Connection, entries: Sequence[Entry]) -> None:
        """What was entered stays as it is: a repeated commit finds its own entries, anything else is somebody's."""
        if not entries:
            return
        connection.execute(insert_if_new(connection, haccp_log), [_entry_row(entry) for entry in entries])
        for site in {entry.site for entry in entries}:
            mine = {entry.seq: entry.hash for entry in entries if entry.site == site}
            there = sa.select(haccp_log.c.seq, haccp_log.c.hash).where(
                haccp_log.c.site == site, haccp_log.c.seq.between(min(mine), max(mine))
            )
            for seq, digest in connection.execute(there):
                if mine.get(seq, digest) != digest:
                    raise AlreadyExists(f"the log of {site} has another entry {seq}: somebody else writes it too")

    def _read(self, wanted: sa.Select[Any]) -> list[Any]:
        with self._database.reading() as connection:
            return [tuple(row) for row in connection.execute(wanted)]


def _alarm_row(alarm: Alarm) -> dict[str, Any]:
    return {
        "id": alarm.id,
        "site": alarm.site,
        "nth": alarm.nth,
        "unit": alarm.unit,
        "state": alarm.state,
        "body": _encode(alarm),
    }


def _delivery_row(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "alarm": delivery.alarm,
        "state": delivery.state,
        "body": _encode(delivery),
    }


def _entry_row(entry: Entry) -> dict[str, Any]:
    return {"site": entry.site, "seq": entry.seq, "at": entry.at, "hash": entry.hash, "body": _encode(entry)}
