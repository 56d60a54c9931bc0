"""Floors as planning wants them, read once each, and the docks that robots have there."""

import math
from collections.abc import Sequence

import msgspec
import shapely

from maillage.kernel.errors import Invalid
from maillage.services.robots.cleaning.book import Book, Key
from maillage.services.robots.cleaning.floor_documents import DockDocument, NewFloor, check_docks, collected
from maillage.services.robots.cleaning.measuring import Ground
from maillage.services.robots.cleaning.model import FloorRecord
from maillage.services.robots.cleaning.planning import Machine, machine_of
from maillage.services.robots.cleaning.ports import Unit
from maillage.services.robots.coverage.geojson import read_geojson
from maillage.services.robots.coverage.model import SPEED_M_S, WIDTH_M, Floor
from maillage.services.robots.coverage.model import Robot as CoverageRobot
from maillage.services.robots.coverage.room import SNAP_M, Room
from maillage.services.robots.model import Pose, Robot

REACHABLE_MIN = 0.1
"""A floor of which less can be reached is refused: its dock is in another room, or its measures are wrong."""
USUAL = Machine(WIDTH_M, WIDTH_M / 2, SPEED_M_S)
"""What a floor is judged for where its site has no robot that cleans yet."""


class ReadFloor(msgspec.Struct, frozen=True):
    """A floor, its docks, and the record's revision."""

    floor: Floor
    map_id: str
    docks: tuple[DockDocument, ...]
    revision: int


class Grounds:
    """The floors of a book."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._read: dict[Key, ReadFloor] = {}

    def get(self, site: str, floor: str) -> ReadFloor | None:
        """None without it."""
        record = self._book.floors.get((site, floor))
        if record is None:
            return None
        known = self._read.get((site, floor))
        if known is None or known.revision != record.revision:
            known = self._read[site, floor] = read_floor(msgspec.convert(record.body, NewFloor), record.revision)
        return known

    def ground(self, site: str, floor: str, unit: Unit | None) -> Ground | None:
        """What evidence of a robot is measured on; None without the floor."""
        known = self.get(site, floor)
        if known is None:
            return None
        dock = None if unit is None else dock_of(known, unit.robot, unit.pose)
        return Ground(known.floor, known.map_id, known.revision, None if dock is None else (dock.x, dock.y))


def read_floor(document: NewFloor, revision: int) -> ReadFloor:
    """Invalid where it is no floor, or a dock is not on it."""
    check_docks(document)
    floor = read_geojson(collected(document))
    around = floor.area.buffer(SNAP_M)
    for number, dock in enumerate(document.docks):
        if not around.covers(shapely.Point(dock.x, dock.y)):
            raise Invalid(f"docks[{number}]", f"({dock.x:g}, {dock.y:g}) is not on the floor, or within an obstacle")
    return ReadFloor(floor, document.map_id, tuple(document.docks), revision)


def reachable_m2(floor: ReadFloor, units: Sequence[Unit]) -> float:
    """How much of a floor a robot can clean: the site's first one that cleans. Invalid where it fits nowhere, or where
    hardly anything can be reached from its dock."""
    cleaner = next((unit.robot for unit in units if unit.robot.clean_width_m is not None), None)
    machine = USUAL if cleaner is None else machine_of(cleaner)
    dock = dock_of(floor, cleaner, None)
    robot = CoverageRobot(width_m=machine.width_m, radius_m=machine.radius_m, speed_m_s=machine.speed_m_s)
    room = Room(floor.floor, robot, None if dock is None else (dock.x, dock.y), "docks")
    share = room.reachable.area / floor.floor.area.area
    if share < REACHABLE_MIN:
        raise Invalid(
            "area",
            f"a robot of {2 * machine.radius_m:g} m can reach only {share:.1%} of it from its dock; is the dock in "
            "another room, or something in the way?",
        )
    return float(room.reachable.area)


def dock_of(floor: ReadFloor, robot: Robot | None, pose: Pose | None) -> Pose | None:
    """Where a robot is to end: its own dock, or the floor's that is for it, or the one nearest to where it stands (the
    first where that is not known); None where there is none."""
    if robot is not None and robot.dock is not None and robot.dock.map_id == floor.map_id:
        return robot.dock
    own = [dock for dock in floor.docks if robot is not None and dock.robot == robot.id]
    docks = own or [dock for dock in floor.docks if dock.robot is None]
    if not docks:
        return None
    nearest = docks[0] if pose is None else min(docks, key=lambda dock: math.hypot(dock.x - pose.x, dock.y - pose.y))
    return Pose(nearest.x, nearest.y, nearest.theta, floor.map_id)


def floor_record(
    site: str, floor_id: str, document: NewFloor, units: Sequence[Unit], former: FloorRecord | None, now: int
) -> FloorRecord:
    """The record of a floor that was put; Invalid for what is no floor. It takes a moment."""
    revision = 1 if former is None else former.revision + 1
    found = read_floor(document, revision)
    return FloorRecord(
        site=site,
        id=floor_id,
        body=msgspec.to_builtins(document),
        created_at=now if former is None else former.created_at,
        revision=revision,
        area_m2=round(found.floor.area.area, 2),
        reachable_m2=round(reachable_m2(found, units), 2),
    )
