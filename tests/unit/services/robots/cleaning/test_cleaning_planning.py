"""From a floor to waypoints with actions, and from strokes to what they cover."""

import io
import math

import msgspec
import pytest
from PIL import Image

from maillage.kernel.errors import Invalid
from maillage.services.robots.cleaning.documents import OrderDocument, order_of
from maillage.services.robots.cleaning.driven import Driven, Fix
from maillage.services.robots.cleaning.floor_documents import DockDocument, NewFloor
from maillage.services.robots.cleaning.grounds import ReadFloor, dock_of, read_floor
from maillage.services.robots.cleaning.measuring import Ground, measured, run_evidence
from maillage.services.robots.cleaning.model import Cleaning, Order, Run
from maillage.services.robots.cleaning.picture import png_of
from maillage.services.robots.cleaning.planning import Machine, Way, cleaning_way, machine_of, way_home
from maillage.services.robots.coverage.floors_made import make_store
from maillage.services.robots.coverage.measure import measure_coverage
from maillage.services.robots.model import Facts, KnownAction, Pose, Robot

MACHINE = Machine(0.6, 0.35, 0.8)
DOCK = Pose(1.0, 1.0, math.pi, "m")
RUN = Run(
    number=1,
    robot="r1",
    lease="s~1",
    lease_end=0,
    stop_at=0,
    home_s=60,
    width_m=0.6,
    radius_m=0.3,
    planned_m=1.0,
    planned_s=1,
    spans=(),
    started_at=0,
)
CLEANING = Cleaning(id="cl", site="s", floor="f", order=Order(), windows=(), created_at=0)


def box(left: float, bottom: float, right: float, top: float) -> dict:
    ring = [[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]]
    return {"type": "Polygon", "coordinates": [ring]}


def hall(*shelves: dict) -> ReadFloor:
    return read_floor(NewFloor(map_id="m", area=box(0, 0, 12, 8), keep_out=list(shelves)), 1)


def way_over(floor: ReadFloor, **more) -> Way:
    order = more.pop("order", Order())
    found = cleaning_way(
        floor.floor, "m", MACHINE, order, more.get("facts"), DOCK, more.get("dock", DOCK), more.get("done")
    )
    assert found is not None
    return found


def swept(way: Way) -> list[list[tuple[float, float]]]:
    return [[(point.x, point.y) for point in way.path[first : last + 1]] for first, last in way.spans]


def actions_of(way: Way) -> list[tuple[int, str]]:
    return [(index, action.type) for index, point in enumerate(way.path) for action in point.actions]


def test_a_way_leaves_the_dock_cleans_between_two_actions_and_comes_back() -> None:
    way = way_over(hall(box(4, 3, 8, 5)))
    assert actions_of(way) == [
        (0, "stopCharging"),
        (way.spans[0][0], "startCleaning"),
        (way.spans[-1][1], "stopCleaning"),
        (len(way.path) - 1, "startCharging"),
    ]
    start = next(action for point in way.path for action in point.actions if action.type == "startCleaning")
    assert start.parameters == {"mode": "scrub", "brush": "medium", "water": "medium"}
    assert start.blocking == "HARD" and start.required
    assert (way.path[-1].x, way.path[-1].y, way.path[-1].theta) == (1.0, 1.0, math.pi)
    assert all(point.map_id == "m" for point in way.path)
    assert way.time_s > way.length_m / MACHINE.speed_m_s


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_where_cleaning_is_on_covers_a_whole_store(seed: int) -> None:
    floor = make_store(seed, 300.0)
    way = cleaning_way(floor, "m", MACHINE, Order(), None, None, None, None)
    assert way is not None
    assert measure_coverage(floor, swept(way), MACHINE.width_m, MACHINE.radius_m).share >= 0.98
    assert len(way.path) < 3 * way.length_m, "few waypoints are enough"


def test_an_action_that_a_robot_does_not_know_is_left_out() -> None:
    facts = Facts(actions=(KnownAction("startCleaning", ("NODE",)), KnownAction("stopCleaning", ("NODE",))))
    assert {kind for _, kind in actions_of(way_over(hall(), facts=facts))} == {"startCleaning", "stopCleaning"}


def test_what_is_clean_is_not_cleaned_again_and_nothing_is_left_of_a_clean_floor() -> None:
    floor = hall()
    left_half = [box(0, 0, 6, 8)["coordinates"]]
    whole, rest = way_over(floor), way_over(floor, done=left_half)
    assert rest.length_m < 0.7 * whole.length_m
    everything = [box(0, 0, 12, 8)["coordinates"]]
    assert cleaning_way(floor.floor, "m", MACHINE, Order(), None, DOCK, DOCK, everything) is None


def test_an_order_for_a_part_of_the_floor_is_for_that_part() -> None:
    floor = hall()
    order = order_of(OrderDocument(area=box(8, 0, 14, 8)))
    way = way_over(floor, order=order)
    assert way.length_m < 0.6 * way_over(floor).length_m
    strokes = tuple(tuple(Fix(0, x, y) for x, y in stretch) for stretch in swept(way))
    ground = Ground(floor.floor, "m", 1, None)
    made = msgspec.structs.replace(CLEANING, order=order)
    found = measured(made, ground, [run_evidence(RUN, Driven(strokes, 0))], 0)
    assert found.share >= 0.95, "the spots that are left are what the next run is for"
    assert found.reachable_m2 == pytest.approx(32, abs=0.5)


@pytest.mark.parametrize(
    "area",
    [box(0, 0, 0, 0), {"type": "Point", "coordinates": [0, 0]}, {"type": "Polygon", "coordinates": [[["a", 0]] * 4]}],
)
def test_an_order_for_what_is_no_area_is_refused(area: dict) -> None:
    with pytest.raises(Invalid, match=r"^order\.area"):
        order_of(OrderDocument(area=area))


def test_the_way_home_goes_round_what_stands_there() -> None:
    floor = hall(box(4, 2, 5, 8))
    path = way_home(floor.floor, "m", MACHINE, None, Pose(9, 6, 0, "m"), DOCK)
    assert [action.type for action in path[0].actions] == ["stopCleaning"]
    assert [action.type for action in path[-1].actions] == ["startCharging"]
    assert any(point.y < 2 for point in path[1:-1]), "under the shelf, not through it"
    (alone,) = way_home(floor.floor, "m", MACHINE, None, Pose(9, 6, 0, "m"), None)
    assert (alone.x, alone.y) == (9, 6)


def test_a_robot_off_the_floor_has_no_way_home() -> None:
    with pytest.raises(Invalid):
        way_home(hall().floor, "m", MACHINE, None, Pose(50, 6, 0, "m"), DOCK)


def test_a_machine_is_as_wide_as_the_robot_that_carries_the_brush() -> None:
    robot = Robot(id="r", site="s", name="R", manufacturer="A", serial="1", created_at=0, clean_width_m=0.6)
    assert machine_of(robot) == Machine(0.6, 0.3, 0.7)
    wide = msgspec.structs.replace(robot, facts=Facts(width_m=0.9, speed_mps=1.2))
    assert machine_of(wide) == Machine(0.6, 0.45, 1.2)
    with pytest.raises(Invalid, match="does not clean"):
        machine_of(msgspec.structs.replace(robot, clean_width_m=None))


def test_a_robot_has_its_own_dock_or_the_floors_for_it_or_the_nearest() -> None:
    docks = [DockDocument(x=1, y=1), DockDocument(x=11, y=7), DockDocument(x=6, y=1, robot="r2")]
    floor = read_floor(NewFloor(map_id="m", area=box(0, 0, 12, 8), docks=docks), 1)
    robot = Robot(id="r1", site="s", name="R", manufacturer="A", serial="1", created_at=0)
    far = Pose(10, 6, 0, "m")
    assert dock_of(floor, robot, None) == Pose(1, 1, 0, "m")
    assert dock_of(floor, robot, far) == Pose(11, 7, 0, "m")
    assert dock_of(floor, msgspec.structs.replace(robot, id="r2"), far) == Pose(6, 1, 0, "m")
    own = msgspec.structs.replace(robot, dock=Pose(3, 3, 0, "m"))
    assert dock_of(floor, own, far) == own.dock
    assert dock_of(floor, msgspec.structs.replace(robot, dock=Pose(3, 3, 0, "attic")), None) == Pose(1, 1, 0, "m")


def test_runs_add_up_and_overlap_counts_once() -> None:
    floor = hall()
    ground = Ground(floor.floor, "m", 1, None)
    first = run_evidence(RUN, Driven(((Fix(0, 1, 1), Fix(9000, 10, 1)),), 0))
    second = run_evidence(
        msgspec.structs.replace(RUN, number=2), Driven(((Fix(0, 1, 1), Fix(9000, 10, 1), Fix(9900, 10, 2)),), 1)
    )
    found = measured(CLEANING, ground, [first, second], 7)
    assert found.runs[0].covered_m2 == found.runs[0].gained_m2 == pytest.approx(9 * 0.6 + math.pi * 0.09, abs=0.01)
    assert found.runs[1].gained_m2 == pytest.approx(0.6, abs=0.1)
    assert found.covered_m2 == pytest.approx(found.runs[0].gained_m2 + found.runs[1].gained_m2, abs=0.01)
    assert found.covered_m2 + found.missed_m2 == pytest.approx(found.reachable_m2, abs=0.01)
    assert found.share == pytest.approx(found.covered_m2 / found.reachable_m2, abs=1e-4)


def test_what_was_driven_outside_counts_for_nothing() -> None:
    ground = Ground(hall().floor, "m", 1, None)
    off = run_evidence(RUN, Driven(((Fix(0, 50, 1), Fix(9000, 60, 1)),), 0))
    found = measured(CLEANING, ground, [off], 7)
    assert (found.share, found.covered_m2) == (0, 0)
    assert measured(CLEANING, ground, [], 7).share == 0


def test_the_picture_is_red_where_floor_was_missed_and_green_where_it_was_cleaned() -> None:
    ground = Ground(hall(box(4, 3, 8, 5)).floor, "m", 1, None)
    strokes = tuple((Fix(0, 0.3, y), Fix(9, 11.7, y)) for y in (0.3, 0.8, 1.3))
    found = measured(CLEANING, ground, [run_evidence(RUN, Driven(strokes, 2))], 7)
    image = Image.open(io.BytesIO(png_of(found, 800))).convert("RGB")
    assert max(image.size) == 800
    scale = (image.width - 2 * 24) / 12

    def colour(x: float, y: float) -> tuple[int, ...]:
        return image.getpixel((int(24 + x * scale), int(24 + (8 - y) * scale)))  # type: ignore[return-value]

    assert colour(6, 1.05) == (191, 227, 200)
    assert colour(6, 7) == (215, 38, 61)
    assert colour(6, 4) == (244, 244, 242), "a shelf is no floor"
    with pytest.raises(Invalid, match="size"):
        png_of(found, 10)
