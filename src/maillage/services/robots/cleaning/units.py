"""The robots of a site as cleaning sees them, over the fleet; and which of them is sent."""

from collections.abc import Sequence
from typing import NamedTuple

from maillage.services.robots.cleaning.ports import Fault, Unit
from maillage.services.robots.fleet.service import Fleet
from maillage.services.robots.model import Pose, Robot

BATTERY_START = 40.0
"""Percent below which a robot is left at its dock: so that a run is worth its way."""
BATTERY_LOW = 15.0
"""Percent at which one is called back: enough for the way home, and deep discharges age batteries."""


class FleetUnits:
    """``services.robots.cleaning.ports.Units``."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def unit(self, robot_id: str) -> Unit | None:
        return next((self._unit(robot) for robot in self._fleet.robots() if robot.id == robot_id), None)

    def units(self, site: str) -> Sequence[Unit]:
        return [self._unit(robot) for robot in self._fleet.robots(site)]

    def _unit(self, robot: Robot) -> Unit:
        live, mission = self._fleet.live(robot.id), self._fleet.missions.of_robot(robot.id)
        state, position = live.state, live.position
        pose = None
        if position is not None and position.position_initialized:
            pose = Pose(position.x, position.y, position.theta, position.map_id)
        battery = None if state is None else state.battery_state
        errors = () if state is None else state.errors
        return Unit(
            robot=robot,
            in_touch=live.in_touch,
            drivable=live.drivable,
            busy=mission is not None or live.order_under_way is not None,
            mode="" if state is None else state.operating_mode,
            pose=pose,
            battery=None if battery is None else battery.battery_charge,
            charging=battery is not None and battery.charging,
            faults=tuple(
                Fault(error.error_type, error.error_level == "FATAL", error.error_description[:200]) for error in errors
            ),
        )


class Choice(NamedTuple):
    """The robot to send, or why none can be."""

    unit: Unit | None
    why: str = ""


def choose(units: Sequence[Unit], wanted: str, map_id: str, battery_start: float = BATTERY_START) -> Choice:
    """The one that was asked for (empty: any that cleans), if it can be sent now; of several the one with the fullest
    battery."""
    candidates = [unit for unit in units if (unit.robot.id == wanted if wanted else _cleans(unit))]
    if not candidates:
        return Choice(None, f"there is no robot {wanted}" if wanted else "the site has no robot that cleans")
    reasons = {unit.robot.id: _unfit(unit, map_id, battery_start) for unit in candidates}
    fit = [unit for unit in candidates if not reasons[unit.robot.id]]
    if fit:
        return Choice(max(fit, key=lambda unit: (unit.battery or 0.0, unit.robot.id)))
    told = [f"{name} {reason}" for name, reason in reasons.items()]
    return Choice(None, "; ".join(told[:5]))


def _cleans(unit: Unit) -> bool:
    facts = unit.robot.facts
    return unit.robot.clean_width_m is not None and (facts is None or facts.knows("startCleaning", "NODE"))


def _unfit(unit: Unit, map_id: str, battery_start: float) -> str:
    """Why a robot can't be sent now, or nothing."""
    fatal = next((fault for fault in unit.faults if fault.fatal), None)
    if not _cleans(unit):
        return "does not clean, as far as is known"
    if not unit.in_touch:
        return "can't be heard"
    if not unit.drivable:
        return f"is in mode {unit.mode}"
    if fatal is not None:
        return f"needs a person: {fatal.type}"
    if unit.busy:
        return "has something to do"
    if unit.pose is None:
        return "does not know where it is"
    if unit.pose.map_id != map_id:
        return f"is on map {unit.pose.map_id!r}, the floor on {map_id!r}"
    if unit.battery is not None and unit.battery < battery_start:
        return f"has {unit.battery:.0f} % of battery"
    return ""
