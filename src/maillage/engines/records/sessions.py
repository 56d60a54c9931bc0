"""Sessions that follow devices, in a database: what was asked, where each is, and which process keeps it."""

from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from maillage.engines.records.database import Database
from maillage.engines.records.inserts import insert_if_new
from maillage.engines.records.tables import sessions
from maillage.kernel.errors import AlreadyExists, NotFound
from maillage.services.compute.follow.ports import Session
from maillage.services.compute.live.model import Plan
from maillage.services.compute.live.ports import Kept

_ALL = sa.select(sessions.c.plan, sessions.c.state, sessions.c.keeper).order_by(sessions.c.created_at, sessions.c.id)


class SqlSessionRecords:
    """``services.compute.live.ports.LiveRecords``. ``keeper`` is this process: the sessions that it adds are its own,
    and it changes no other's."""

    def __init__(self, database: Database, keeper: str = "") -> None:
        self._database = database
        self._keeper = keeper

    def add(self, plan: Plan) -> None:
        row = {
            "id": plan.id,
            "app": plan.app,
            "digest": plan.digest,
            "device": plan.device,
            "created_at": plan.created_at,
            "plan": msgspec.json.encode(plan),
            "keeper": self._keeper,
        }
        try:
            with self._database.statement() as connection:
                entered = connection.execute(insert_if_new(connection, sessions), row)
        except IntegrityError:
            raise NotFound(f"{plan.app} has no version {plan.digest}") from None
        if not entered.rowcount:
            raise AlreadyExists(f"{plan.device} has a session of {plan.app} already")

    def put(self, session: Session) -> bool:
        with self._database.statement() as connection:
            same = sa.update(sessions).where(*self._own(session.device))
            return connection.execute(same, {"state": msgspec.json.encode(session)}).rowcount == 1

    def drop(self, plan_id: str) -> None:
        with self._database.statement() as connection:
            connection.execute(sa.delete(sessions).where(*self._own(plan_id)))

    def all(self) -> list[Kept]:
        with self._database.reading() as connection:
            rows = list(connection.execute(_ALL))
        return [_kept(row) for row in rows]

    def find(self, plan_id: str) -> Kept | None:
        with self._database.reading() as connection:
            row = connection.execute(_ALL.where(sessions.c.id == plan_id)).first()
        return None if row is None else _kept(row)

    def take_over(self, plan_id: str, former: str) -> bool:
        with self._database.statement() as connection:
            same = sa.update(sessions).where(sessions.c.id == plan_id, sessions.c.keeper == former)
            return connection.execute(same, {"keeper": self._keeper}).rowcount == 1

    def _own(self, plan_id: str) -> tuple[sa.ColumnElement[bool], ...]:
        return sessions.c.id == plan_id, sessions.c.keeper == self._keeper


def _kept(row: Any) -> Kept:
    state = None if row.state is None else msgspec.json.decode(row.state, type=Session)
    return Kept(msgspec.json.decode(row.plan, type=Plan), state, row.keeper)
