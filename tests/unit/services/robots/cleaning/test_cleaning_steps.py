"""What becomes of a cleaning after a run, which robot is sent, and what counts as an assist: decisions on values."""

import msgspec
import pytest

from maillage.services.robots.cleaning.model import Assist, Cleaning, Order, Run
from maillage.services.robots.cleaning.ports import Fault, Unit
from maillage.services.robots.cleaning.steps import after_run, changed, why_ended, with_assists
from maillage.services.robots.cleaning.units import choose
from maillage.services.robots.model import Facts, KnownAction, Pose, Progress, Robot

NOW = 1_793_534_400
RUN = Run(
    number=1,
    robot="r1",
    lease="s~1",
    lease_end=NOW,
    stop_at=NOW,
    home_s=60,
    width_m=0.6,
    radius_m=0.3,
    planned_m=100.0,
    planned_s=200,
    spans=((0, 9),),
    phase="over",
    started_at=NOW - 100,
)
ROBOT = Robot(id="r1", site="s", name="R", manufacturer="A", serial="1", created_at=0, clean_width_m=0.6)
UNIT = Unit(
    robot=ROBOT, in_touch=True, drivable=True, busy=False, mode="AUTOMATIC", pose=Pose(0, 0, 0, "m"), battery=80.0
)


def cleaning(**fields) -> Cleaning:
    made = Cleaning(
        id="cl", site="s", floor="f", order=Order(), windows=((NOW - 100, NOW + 900),), created_at=NOW - 100
    )
    return changed(made, state="running", share=0.5, cleaned_m2=50.0, runs=(RUN,), **fields)


def run(why="", detail="") -> Run:
    return msgspec.structs.replace(RUN, why=why, detail=detail)


def test_enough_is_enough() -> None:
    after = after_run(changed(cleaning(), share=0.981), run("robot_failed"), 0.4, NOW)
    assert (after.state, after.reason, after.ended_at) == ("done", "", NOW)


@pytest.mark.parametrize(
    ("why", "waits_s"),
    [("gave_way", 0), ("window_over", 0), ("lease_over", 60), ("robot_lost", 60), ("taken_over", 60), ("battery", 60)],
)
def test_what_was_broken_off_waits_to_go_on(why, waits_s: int) -> None:
    after = after_run(cleaning(), run(why, "so"), 0.2, NOW)
    assert (after.state, after.reason, after.detail) == ("waiting", why, "so")
    assert after.not_before - NOW == waits_s


def test_a_robot_that_was_through_goes_again_while_that_helps() -> None:
    first = after_run(cleaning(), run(), 0.3, NOW)
    assert (first.state, first.reason) == ("waiting", "missed")
    assert after_run(first, run(), 0.001, NOW).state == "partly"


def test_three_runs_for_nothing_are_the_end() -> None:
    found = cleaning()
    for expected in ("waiting", "waiting", "partly"):
        found = after_run(found, run("robot_failed", "stuck"), 0.0, NOW)
        assert found.state == expected
    assert (found.reason, found.detail) == ("robot_failed", "stuck")
    nothing = changed(cleaning(), cleaned_m2=0.0, idle_runs=2)
    assert after_run(nothing, run("robot_failed"), 0.0, NOW).state == "failed"


def test_to_be_called_back_early_is_not_the_robots_fault() -> None:
    found = cleaning()
    for _ in range(5):
        found = after_run(found, run("gave_way"), 0.0, NOW)
    assert (found.state, found.idle_runs) == ("waiting", 0)


def test_one_that_was_called_off_ends_and_one_that_a_person_stopped_stands() -> None:
    assert after_run(cleaning(cancelled=True), run("operator"), 0.1, NOW).state == "cancelled"
    held = after_run(cleaning(paused_by="operator"), run("operator"), 0.1, NOW)
    assert (held.state, held.paused_by) == ("paused", "operator")


@pytest.mark.parametrize(
    ("state", "reason", "why"),
    [
        ("finished", "", ""),
        ("cancelled", "", "operator"),
        ("lost", "out_of_touch", "robot_lost"),
        ("failed", "rejected", "refused"),
        ("failed", "taken_over", "taken_over"),
        ("failed", "order_dropped", "robot_failed"),
        ("failed", "action_failed", "robot_failed"),
    ],
)
def test_how_a_mission_ended_in_the_words_of_cleaning(state, reason, why) -> None:
    assert why_ended(Progress(mission="m", state=state, reason=reason)) == why


def test_the_robot_with_the_fullest_battery_is_sent() -> None:
    other = msgspec.structs.replace(UNIT, robot=msgspec.structs.replace(ROBOT, id="r2"), battery=95.0)
    assert choose([UNIT, other], "", "m").unit == other
    assert choose([UNIT, other], "r1", "m").unit == UNIT


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"in_touch": False}, "can't be heard"),
        ({"drivable": False, "mode": "MANUAL"}, "is in mode MANUAL"),
        ({"faults": (Fault("bumper", True),)}, "needs a person: bumper"),
        ({"busy": True}, "has something to do"),
        ({"pose": None}, "does not know where it is"),
        ({"pose": Pose(0, 0, 0, "attic")}, "is on map 'attic', the floor on 'm'"),
        ({"battery": 20.0}, "has 20 % of battery"),
        ({"robot": msgspec.structs.replace(ROBOT, facts=Facts(actions=(KnownAction("lift"),)))}, "does not clean"),
    ],
)
def test_a_robot_that_can_not_be_sent_is_passed_over_with_why(fields, said: str) -> None:
    choice = choose([msgspec.structs.replace(UNIT, **fields)], "r1", "m")
    assert choice.unit is None and said in choice.why


def test_without_a_robot_that_cleans_nobody_is_sent() -> None:
    lift = msgspec.structs.replace(UNIT, robot=msgspec.structs.replace(ROBOT, clean_width_m=None))
    assert choose([lift], "", "m").why == "the site has no robot that cleans"
    assert choose([], "r7", "m").why == "there is no robot r7"


def test_a_fault_that_needs_a_person_is_an_assist_until_it_is_gone() -> None:
    stuck = msgspec.structs.replace(UNIT, faults=(Fault("stuck", True, "at a trolley"), Fault("lamp", False)))
    found = with_assists((), stuck, NOW)
    assert found == (Assist(cause="stuck", at=NOW, detail="at a trolley"),)
    assert with_assists(found, stuck, NOW + 5) == found
    assert with_assists(found, msgspec.structs.replace(UNIT, in_touch=False), NOW + 5) == found
    (done,) = with_assists(found, UNIT, NOW + 90)
    assert done.resolved_at == NOW + 90
    again = with_assists((done,), stuck, NOW + 200)
    assert [each.resolved_at for each in again] == [NOW + 90, None]
    assert with_assists((), stuck, NOW, more=False) == ()
