"""The simulated robot by itself: it drives at its speed, uses up battery and water, and is strict about orders."""

import math
from typing import Any

import pytest

from maillage.services.robots.model import Pose
from maillage.services.robots.simulate.body import Body, Model
from maillage.services.robots.simulate.driver import Driver
from maillage.services.robots.simulate.faults import Faults
from maillage.services.robots.simulate.hearing import HeardAction, HeardEdge, HeardNode, HeardOrder, HeardPosition

MODEL = Model(speed_mps=0.5, range_m=100.0, water_l=1.0, water_l_per_min=2.0, charge_s=100.0, action_s=2.0)


def driver(**faults: Any) -> Driver:
    return Driver(Body(MODEL, Pose(0, 0, 0, "m")), Faults(**faults))


def act(kind: str, number: int = 0, **parameters: Any) -> HeardAction:
    return HeardAction(action_type=kind, action_id=f"{kind}-{number}", blocking_type="HARD")


def order(first: int, last: int, base: int, update: int = 0, order_id: str = "o1", **actions: str) -> HeardOrder:
    """Nodes from ``first`` to ``last`` a metre apart, released up to ``base``; ``n3="wait"`` is an action at node 3."""
    nodes = tuple(
        HeardNode(
            node_id=str(n),
            sequence_id=2 * n,
            released=n <= base,
            node_position=HeardPosition(x=float(n), y=0.0, map_id="m"),
            actions=(act(actions[f"n{n}"], n),) if f"n{n}" in actions else (),
        )
        for n in range(first, last + 1)
    )
    edges = tuple(
        HeardEdge(
            edge_id=f"e{n}",
            sequence_id=2 * n + 1,
            released=n < base,
            start_node_id=str(n),
            end_node_id=str(n + 1),
            actions=(),
        )
        for n in range(first, last)
    )
    return HeardOrder(order_id=order_id, order_update_id=update, nodes=nodes, edges=edges)


def test_it_drives_at_its_speed_whatever_the_steps() -> None:
    for step_s in (0.1, 0.7, 30.0):
        robot = driver()
        robot.take(order(0, 4, 4))
        passed_s = 0.0
        while robot.busy:
            robot.advance(step_s)
            passed_s += step_s
        assert robot.body.driven_m == pytest.approx(4.0)
        assert 7.99 < passed_s < 8.0 + 2 * step_s
        assert (robot.last_sequence_id, robot.driving) == (8, False) or robot.advance(1.0) == []


def test_it_cleans_between_its_actions_and_uses_up_water_and_battery() -> None:
    robot = driver()
    robot.take(order(0, 20, 20, n2="startCleaning", n6="stopCleaning", n20="startCharging"))
    robot.advance(2 * 2 + 2 + 4)  # two metres and the action behind it, two more metres
    assert robot.body.cleaning and robot.body.water_l == pytest.approx(1.0 - 2.0 * 4 / 60, abs=1e-6)
    robot.advance(100.0)
    assert not robot.busy and robot.body.charging and robot.body.water_l == 1.0
    assert [each.action_status for each in robot.action_states] == ["FINISHED"] * 3
    left = robot.body.battery
    robot.advance(10.0)
    assert robot.body.battery == min(100.0, left + 10.0)


def test_without_water_it_says_so_and_without_battery_it_stands() -> None:
    robot = driver()
    robot.take(order(0, 300, 300, n0="startCleaning"))
    robot.advance(1_000.0)
    assert [(each.error_type, each.error_level) for each in robot.errors] == [
        ("waterEmpty", "WARNING"),
        ("batteryEmpty", "FATAL"),
    ]
    assert robot.body.driven_m == pytest.approx(100.0, abs=1.1) and robot.busy and not robot.driving


def test_it_takes_an_update_that_fits_and_stops_where_its_base_ends() -> None:
    robot = driver()
    robot.take(order(0, 5, 3))
    robot.advance(100.0)
    assert (robot.body.x, robot.driving, robot.wants_base) == (3.0, False, True)
    robot.take(order(3, 8, 8, update=1))
    robot.advance(100.0)
    assert (robot.body.x, robot.busy, robot.update_id) == (8.0, False, 1)


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (order(5, 8, 8, update=1), "orderUpdateError"),
        (order(3, 8, 8, update=0, order_id="o2"), "orderError"),
        (order(3, 8, 2, update=1), "validationError"),
        (order(3, 8, 8, update=1, n4="dance"), "orderError"),
    ],
)
def test_it_refuses_what_does_not_fit_and_drives_on(bad: HeardOrder, kind: str) -> None:
    robot = driver()
    robot.take(order(0, 5, 3))
    robot.advance(1.0)
    robot.take(bad)
    assert [each.error_type for each in robot.errors] == [kind]
    robot.advance(100.0)
    assert robot.body.x == 3.0


def test_it_takes_nothing_that_begins_elsewhere_or_while_a_person_drives() -> None:
    robot = driver()
    robot.take(order(2, 4, 4))
    robot.mode = "MANUAL"
    robot.take(order(0, 4, 4, order_id="o2"))
    assert [each.error_type for each in robot.errors] == ["noRouteError", "orderError"]
    robot.mode = "AUTOMATIC"
    robot.take(order(0, 4, 4, order_id="o3"))
    assert robot.errors == [] and robot.busy


def test_paused_it_stands_and_cancelled_it_forgets() -> None:
    robot = driver()
    robot.take(order(0, 9, 9, n9="wait"))
    robot.advance(2.0)
    robot.act(act("startPause"))
    robot.advance(50.0)
    assert robot.body.x == 1.0 and robot.paused
    robot.act(act("stopPause"))
    robot.advance(2.0)
    assert robot.body.x == 2.0
    robot.act(act("cancelOrder"))
    robot.act(act("cancelOrder", 1))
    robot.act(act("dance"))
    assert not robot.busy
    assert {each.action_id: each.action_status for each in robot.action_states} == {
        "wait-9": "FAILED",
        "startPause-0": "FINISHED",
        "stopPause-0": "FINISHED",
        "cancelOrder-0": "FINISHED",
        "cancelOrder-1": "FAILED",
        "dance-0": "FAILED",
    }
    assert [each.error_type for each in robot.errors] == ["noOrderToCancel", "instantActionError"]


def test_a_body_turns_to_where_it_drives() -> None:
    body = Body(MODEL, Pose(0, 0, 0, "m"))
    assert body.drive(0.0, 3.0, 1.0, 2.0) == 0.0
    assert (body.y, body.theta) == (pytest.approx(2.0), pytest.approx(math.pi / 2))
    assert body.drive(0.0, 3.0, 1.0, 2.0) == pytest.approx(1.0)
