"""Robots and their missions, in a database. A mission's path is written once and read only where it is wanted."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from maillage.engines.records.database import Database
from maillage.engines.records.inserts import insert_if_new
from maillage.engines.records.robots_tables import mission_tracks, missions, robots
from maillage.kernel.errors import AlreadyExists, NotFound
from maillage.services.robots.model import Mission, Progress, Robot, TrackPoint, Waypoint
from maillage.services.robots.ports import MissionRow, Sent

_PATH = msgspec.json.Decoder(tuple[Waypoint, ...])
_TRACK = msgspec.json.Decoder(list[TrackPoint])
_FACTS_OF_MISSIONS = (missions.c.mission, missions.c.progress, missions.c.sent)


class SqlRobotRecords:
    """``services.robots.ports.RobotRecords``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, robot: Robot) -> None:
        with self._database.statement() as connection:
            entered = connection.execute(insert_if_new(connection, robots), _row_of(robot))
        if not entered.rowcount:
            raise AlreadyExists(f"there is a robot {robot.id}, or {robot.manufacturer}/{robot.serial}, already")

    def put(self, robot: Robot) -> bool:
        same = sa.update(robots).where(robots.c.id == robot.id)
        try:
            with self._database.statement() as connection:
                return connection.execute(same, _row_of(robot)).rowcount == 1
        except IntegrityError:
            raise AlreadyExists(f"there is a robot {robot.manufacturer}/{robot.serial} already") from None

    def drop(self, robot_id: str) -> bool:
        with self._database.statement() as connection:
            return connection.execute(sa.delete(robots).where(robots.c.id == robot_id)).rowcount == 1

    def all(self) -> list[Robot]:
        wanted = sa.select(robots.c.body).order_by(robots.c.created_at, robots.c.id)
        with self._database.reading() as connection:
            return [msgspec.json.decode(body, type=Robot) for (body,) in connection.execute(wanted)]


class SqlMissionRecords:
    """``services.robots.ports.MissionRecords``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, row: MissionRow) -> None:
        mission = row.mission
        values = {
            "id": mission.id,
            "robot": mission.robot,
            "created_at": mission.created_at,
            "mission": msgspec.json.encode(msgspec.structs.replace(mission, path=())),
            "path": msgspec.json.encode(mission.path),
            **_moving(row.progress, row.sent),
        }
        try:
            with self._database.statement() as connection:
                connection.execute(sa.insert(missions), values)
        except IntegrityError:
            raise NotFound(f"there is no robot {mission.robot} any more") from None

    def put(self, progress: Progress, sent: Sent | None) -> bool:
        same = sa.update(missions).where(missions.c.id == progress.mission)
        with self._database.statement() as connection:
            return connection.execute(same, _moving(progress, sent)).rowcount == 1

    def get(self, mission_id: str) -> MissionRow | None:
        found = self._whole(sa.select(*_FACTS_OF_MISSIONS, missions.c.path).where(missions.c.id == mission_id))
        return found[0] if found else None

    def unfinished(self) -> list[MissionRow]:
        wanted = sa.select(*_FACTS_OF_MISSIONS, missions.c.path).where(missions.c.ended_at.is_(None))
        return self._whole(wanted.order_by(missions.c.created_at, missions.c.id))

    def of_robot(self, robot_id: str, before: str | None, limit: int) -> list[MissionRow]:
        place = sa.tuple_(missions.c.created_at, missions.c.id)
        wanted = sa.select(*_FACTS_OF_MISSIONS).where(missions.c.robot == robot_id)
        if before is not None:
            last = sa.select(missions.c.created_at, missions.c.id).where(missions.c.id == before)
            wanted = wanted.where(place < last.scalar_subquery())
        wanted = wanted.order_by(missions.c.created_at.desc(), missions.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [_mission_row(*row) for row in connection.execute(wanted)]

    def add_track(self, mission_id: str, points: Sequence[TrackPoint]) -> None:
        last = sa.select(sa.func.coalesce(sa.func.max(mission_tracks.c.part), -1) + 1)
        part = last.where(mission_tracks.c.mission == mission_id).scalar_subquery()
        body = msgspec.json.encode(list(points))
        try:
            with self._database.statement() as connection:
                connection.execute(sa.insert(mission_tracks).values(mission=mission_id, part=part, body=body))
        except IntegrityError:
            raise NotFound(f"there is no mission {mission_id} any more") from None

    def track(self, mission_id: str) -> list[TrackPoint]:
        wanted = sa.select(mission_tracks.c.body).where(mission_tracks.c.mission == mission_id)
        with self._database.reading() as connection:
            bodies = [body for (body,) in connection.execute(wanted.order_by(mission_tracks.c.part))]
        return [point for body in bodies for point in _TRACK.decode(body)]

    def forget(self, before: int) -> int:
        with self._database.statement() as connection:
            return connection.execute(sa.delete(missions).where(missions.c.ended_at < before)).rowcount

    def _whole(self, wanted: sa.Select[Any]) -> list[MissionRow]:
        with self._database.reading() as connection:
            return [_mission_row(*row) for row in connection.execute(wanted)]


def _row_of(robot: Robot) -> dict[str, Any]:
    columns = ("id", "site", "manufacturer", "serial", "created_at")
    return {name: getattr(robot, name) for name in columns} | {"body": msgspec.json.encode(robot)}


def _moving(progress: Progress, sent: Sent | None) -> dict[str, Any]:
    return {
        "ended_at": progress.ended_at,
        "progress": msgspec.json.encode(progress),
        "sent": None if sent is None else msgspec.json.encode(sent),
    }


def _mission_row(mission: bytes, progress: bytes, sent: bytes | None, path: bytes | None = None) -> MissionRow:
    found = msgspec.json.decode(mission, type=Mission)
    if path is not None:
        found = msgspec.structs.replace(found, path=_PATH.decode(path))
    return MissionRow(
        found,
        msgspec.json.decode(progress, type=Progress),
        None if sent is None else msgspec.json.decode(sent, type=Sent),
    )
