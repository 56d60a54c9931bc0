"""Sessions that follow devices, in a database: what was asked, and where each is."""

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from maillage.engines.records.database import Database
from maillage.engines.records.inserts import insert_if_new
from maillage.engines.records.tables import sessions
from maillage.kernel.errors import AlreadyExists, NotFound
from maillage.services.compute.follow.ports import Session
from maillage.services.compute.live.model import Plan

_ALL = sa.select(sessions.c.plan, sessions.c.state).order_by(sessions.c.created_at, sessions.c.id)


class SqlSessionRecords:
    """``services.compute.live.ports.LiveRecords``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, plan: Plan) -> None:
        row = {
            "id": plan.id,
            "app": plan.app,
            "digest": plan.digest,
            "device": plan.device,
            "created_at": plan.created_at,
            "plan": msgspec.json.encode(plan),
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
            same = sa.update(sessions).where(sessions.c.id == session.device)
            return connection.execute(same, {"state": msgspec.json.encode(session)}).rowcount == 1

    def drop(self, plan_id: str) -> None:
        with self._database.statement() as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.id == plan_id))

    def all(self) -> list[tuple[Plan, Session | None]]:
        with self._database.reading() as connection:
            rows = list(connection.execute(_ALL))
        return [
            (
                msgspec.json.decode(plan, type=Plan),
                None if state is None else msgspec.json.decode(state, type=Session),
            )
            for plan, state in rows
        ]
