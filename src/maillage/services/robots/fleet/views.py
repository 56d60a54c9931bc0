"""Robots, missions and tracks as the documents that go out."""

from maillage.kernel.times import format_time
from maillage.services.robots.fleet.documents import (
    ErrorDocument,
    MissionDocument,
    OrderDocument,
    PoseDocument,
    RobotDocument,
    StrangerDocument,
    TrackDocument,
    TrackPointDocument,
    ViolationsDocument,
)
from maillage.services.robots.fleet.live import Live
from maillage.services.robots.fleet.strangers import Stranger
from maillage.services.robots.model import Mission, Pose, Progress, Robot, TrackPoint
from maillage.services.robots.vda5050.header import format_ms


def mission_document(mission: Mission, progress: Progress) -> MissionDocument:
    """A mission as it goes out."""
    return MissionDocument(
        id=mission.id,
        robot=mission.robot,
        site=mission.site,
        purpose=mission.purpose,
        state=progress.state,
        reason=progress.reason or None,
        detail=progress.detail or None,
        waypoints=progress.total,
        reached=progress.reached,
        actions=list(progress.actions),
        cancelling=progress.cancelling,
        in_touch=progress.in_touch,
        created_at=format_time(mission.created_at),
        started_at=None if progress.started_at is None else format_time(progress.started_at),
        ended_at=None if progress.ended_at is None else format_time(progress.ended_at),
    )


def track_document(points: list[TrackPoint]) -> TrackDocument:
    """A track as it goes out."""
    return TrackDocument(
        [TrackPointDocument(format_ms(p.at_ms), p.x, p.y, p.theta, p.map_id, p.reached, p.jump) for p in points]
    )


def stranger_document(stranger: Stranger) -> StrangerDocument:
    """A robot that is not registered, as it goes out."""
    return StrangerDocument(
        stranger.address.manufacturer,
        stranger.address.serial,
        stranger.version,
        format_ms(stranger.heard_ms),
        stranger.violation or None,
    )


def robot_document(robot: Robot, live: Live, mission: MissionDocument | None) -> RobotDocument:
    """A robot as it goes out."""
    state, position = live.state, live.position
    battery = None if state is None else state.battery_state
    safety = None if state is None else state.safety_state
    known = position is not None and position.position_initialized
    return RobotDocument(
        id=robot.id,
        site=robot.site,
        name=robot.name,
        manufacturer=robot.manufacturer,
        serial=robot.serial,
        clean_width_m=robot.clean_width_m,
        dock=None if robot.dock is None else _pose(robot.dock),
        created_at=format_time(robot.created_at),
        facts=robot.facts,
        connection=live.reach,
        version=None if state is None else state.version,
        last_seen=None if live.heard_ms is None else format_ms(live.heard_ms),
        mode=None if state is None else state.operating_mode,
        position=_pose(Pose(position.x, position.y, position.theta, position.map_id)) if position and known else None,
        driving=None if state is None else state.driving,
        paused=None if state is None else state.paused,
        battery=None if battery is None else battery.battery_charge,
        charging=None if battery is None else battery.charging,
        e_stop=None if safety is None else safety.e_stop,
        errors=[]
        if state is None
        else [ErrorDocument(each.error_type, each.error_level, each.error_description) for each in state.errors],
        order=_order(live),
        mission=mission,
        violations=ViolationsDocument(live.violations, live.violation) if live.violations else None,
    )


def _pose(pose: Pose) -> PoseDocument:
    return PoseDocument(pose.x, pose.y, pose.map_id, pose.theta)


def _order(live: Live) -> OrderDocument | None:
    state = live.state
    if state is None or not state.order_id:
        return None
    return OrderDocument(
        state.order_id,
        state.order_update_id,
        state.last_node_id,
        state.last_node_sequence_id,
        len(state.node_states),
    )
