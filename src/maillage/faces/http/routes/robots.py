"""Robots and their missions: for the chain's own staff."""

from typing import Annotated

from litestar import delete, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from maillage.faces.http.routes.mqtt_rights import robot_changes
from maillage.faces.http.routes.parameters import PAGE_DEFAULT, Caller, Cursor, Limit, TheChain
from maillage.kernel.errors import Invalid
from maillage.services.robots.fleet.documents import (
    MissionDocument,
    MissionDocuments,
    MovedDocument,
    NewMission,
    NewRobot,
    PlaceDocument,
    RobotChange,
    RobotDocument,
    RobotDocuments,
    TrackDocument,
)
from maillage.services.robots.fleet.service import Fleet
from maillage.services.robots.fleet.views import (
    mission_document,
    robot_document,
    stranger_document,
    track_document,
)
from maillage.services.robots.model import Progress, Robot

SiteOnly = Annotated[str | None, QueryParameter(name="site", max_length=64, description="only robots of this site")]


@get("/v1/robots", summary="Robots and how each does; with those on the broker that nobody has registered")
async def list_robots(
    chain: TheChain, principal: Caller, site: SiteOnly = None, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT
) -> RobotDocuments:
    principal.require_staff()
    fleet = chain.robots.fleet
    robots = fleet.robots(site)
    start = 0
    if cursor is not None:
        start = next((number for number, robot in enumerate(robots, 1) if robot.id == cursor), 0)
        if not start:
            raise Invalid("cursor", "is not one that this list gave; start again without it")
    some = robots[start : start + limit]
    following = some[-1].id if start + limit < len(robots) else None
    strangers = [stranger_document(each) for each in fleet.strangers.all()]
    return RobotDocuments([_document(fleet, robot) for robot in some], following, strangers)


@post("/v1/robots", summary="Register a robot; a `robot` of its site can be leased from now on")
async def register_robot(data: JSONBody[NewRobot], chain: TheChain, principal: Caller) -> RobotDocument:
    principal.require_staff()
    robot = await chain.robots.fleet.register(data.robot())
    names = f"{robot.manufacturer}/{robot.serial} at {robot.site}"
    await chain.audit.done(principal, "robot.register", robot.id, names)
    return _document(chain.robots.fleet, robot)


@get("/v1/robots/{robot:str}", summary="One robot, and how it does")
async def get_robot(robot: FromPath[str], chain: TheChain, principal: Caller) -> RobotDocument:
    principal.require_staff()
    return _document(chain.robots.fleet, chain.robots.fleet.robot(robot))


@put("/v1/robots/{robot:str}", summary="Change a robot's name, cleaning width and dock")
async def change_robot(
    robot: FromPath[str], data: JSONBody[RobotChange], chain: TheChain, principal: Caller
) -> RobotDocument:
    principal.require_staff()
    dock = None if data.dock is None else data.dock.pose()
    changed = await chain.robots.fleet.change(robot, data.name, data.clean_width_m, dock)
    await chain.audit.done(principal, "robot.change", robot, changed.name)
    return _document(chain.robots.fleet, changed)


@delete("/v1/robots/{robot:str}", summary="Forget a robot and its missions")
async def remove_robot(robot: FromPath[str], chain: TheChain, principal: Caller) -> None:
    principal.require_staff()
    async with robot_changes(chain, robot):
        removed = await chain.robots.fleet.remove(robot)
    await chain.audit.done(principal, "robot.remove", robot, f"{removed.manufacturer}/{removed.serial}")


@post("/v1/robots/{robot:str}/pause", summary="Have a robot stop where it is", status_code=200)
async def pause_robot(robot: FromPath[str], chain: TheChain, principal: Caller) -> MovedDocument:
    principal.require_staff()
    progress = await chain.robots.fleet.pause(robot)
    await chain.audit.done(principal, "robot.pause", robot)
    return MovedDocument(robot, "paused", await _moved(chain.robots.fleet, progress))


@post("/v1/robots/{robot:str}/resume", summary="Have a robot go on", status_code=200)
async def resume_robot(robot: FromPath[str], chain: TheChain, principal: Caller) -> MovedDocument:
    principal.require_staff()
    progress = await chain.robots.fleet.resume(robot)
    await chain.audit.done(principal, "robot.resume", robot)
    return MovedDocument(robot, "resumed", await _moved(chain.robots.fleet, progress))


@post("/v1/robots/{robot:str}/cancel", summary="Have a robot drop what it is at", status_code=200)
async def cancel_robot(robot: FromPath[str], chain: TheChain, principal: Caller) -> MovedDocument:
    principal.require_staff()
    progress = await chain.robots.fleet.cancel(robot)
    await chain.audit.done(principal, "robot.cancel", robot)
    return MovedDocument(robot, "cancelling", await _moved(chain.robots.fleet, progress))


@post("/v1/robots/{robot:str}/position", summary="Tell a robot where it stands", status_code=200)
async def place_robot(
    robot: FromPath[str], data: JSONBody[PlaceDocument], chain: TheChain, principal: Caller
) -> RobotDocument:
    principal.require_staff()
    await chain.robots.fleet.place(robot, data.pose(), data.node)
    await chain.audit.done(principal, "robot.place", robot, f"{data.x:g}, {data.y:g} on {data.map}")
    return _document(chain.robots.fleet, chain.robots.fleet.robot(robot))


@get("/v1/robots/{robot:str}/missions", summary="Missions of a robot, the newest first")
async def list_missions(
    robot: FromPath[str], chain: TheChain, principal: Caller, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT
) -> MissionDocuments:
    principal.require_staff()
    found = await chain.robots.missions.some(robot, cursor, limit + 1)
    items = [mission_document(mission, progress) for mission, progress in found[:limit]]
    return MissionDocuments(items, items[-1].id if len(found) > limit else None)


@post("/v1/robots/{robot:str}/missions", summary="Send a robot along a path")
async def start_mission(
    robot: FromPath[str], data: JSONBody[NewMission], chain: TheChain, principal: Caller
) -> MissionDocument:
    principal.require_staff()
    path = [each.waypoint() for each in data.path]
    mission = await chain.robots.missions.start(robot, path, data.purpose)
    await chain.audit.done(principal, "mission.start", mission.id, f"{robot}: {len(path)} waypoints")
    return mission_document(*await chain.robots.missions.find(mission.id))


@get("/v1/missions/{mission:str}", summary="One mission, and how far it is")
async def get_mission(mission: FromPath[str], chain: TheChain, principal: Caller) -> MissionDocument:
    principal.require_staff()
    return mission_document(*await chain.robots.missions.find(mission))


@get("/v1/missions/{mission:str}/track", summary="Where the robot was on a mission")
async def get_track(mission: FromPath[str], chain: TheChain, principal: Caller) -> TrackDocument:
    principal.require_staff()
    await chain.robots.missions.find(mission)
    return track_document(await chain.robots.missions.track(mission))


def _document(fleet: Fleet, robot: Robot) -> RobotDocument:
    mission = fleet.missions.of_robot(robot.id)
    progress = None if mission is None else fleet.missions.progress(mission.id)
    under_way = None if mission is None or progress is None else mission_document(mission, progress)
    return robot_document(robot, fleet.live(robot.id), under_way)


async def _moved(fleet: Fleet, progress: Progress | None) -> MissionDocument | None:
    return None if progress is None else mission_document(*await fleet.missions.find(progress.mission))


HANDLERS = [
    list_robots,
    register_robot,
    get_robot,
    change_robot,
    remove_robot,
    pause_robot,
    resume_robot,
    cancel_robot,
    place_robot,
    list_missions,
    start_mission,
    get_mission,
    get_track,
]
