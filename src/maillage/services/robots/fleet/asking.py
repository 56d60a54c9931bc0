"""Instant actions that somebody waits for the outcome of."""

import asyncio

from maillage.devices.line import Unreachable
from maillage.services.robots.fleet.errors import RobotUnfit
from maillage.services.robots.fleet.live import Live
from maillage.services.robots.fleet.master import MasterControl
from maillage.services.robots.fleet.orders import instant, new_action_id
from maillage.services.robots.model import Robot
from maillage.services.robots.vda5050.topics import Address

ANSWER_S = 10.0


async def ask(
    master: MasterControl,
    robot: Robot,
    live: Live,
    action_type: str,
    at_ms: int,
    paused: bool | None = None,
    **parameters: object,
) -> None:
    """Have a robot do something at once, and return when it says that it did; where ``paused`` is given, its state
    says so as well. RobotUnfit where it can't be reached, does not know the action, refuses or does not answer."""
    if robot.facts is not None and not robot.facts.knows(action_type, "INSTANT"):
        raise RobotUnfit(f"{robot.id} does not know {action_type}: its factsheet does not have it", "unknown_action")
    if not live.in_touch:
        raise RobotUnfit(f"{robot.id} can't be heard: {live.reach}", "out_of_touch")
    action_id = new_action_id(at_ms)
    address = Address(robot.manufacturer, robot.serial)
    try:
        await master.act(address, live.version, instant(action_type, action_id, **parameters))
    except Unreachable as fault:
        raise RobotUnfit(f"the broker can't be reached: {fault}", "out_of_touch") from None
    try:
        async with asyncio.timeout(ANSWER_S):
            await _answer(robot, live, action_type, action_id, paused)
    except TimeoutError:
        detail = f"{robot.id} did not answer {action_type} within {ANSWER_S:g} s"
        raise RobotUnfit(detail, "no_answer") from None


async def _answer(robot: Robot, live: Live, action_type: str, action_id: str, paused: bool | None) -> None:
    since = 0
    while True:
        since = await live.changed(since, ANSWER_S)
        state = live.state
        if state is None:
            continue
        status = live.action_status(action_id)
        if status == "FINISHED" or (paused is not None and state.paused == paused):
            return
        errors = (error for error in state.errors if error.about("actionId") == action_id)
        told = next((f": {error.error_description or error.error_type}" for error in errors), None)
        if status == "FAILED" or told is not None:
            raise RobotUnfit(f"{robot.id} refused {action_type}{(told or '')[:200]}", "refused")
