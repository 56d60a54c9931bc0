"""What counts as driven with cleaning on."""

from itertools import pairwise

from maillage.services.robots.cleaning.driven import driven, duration_s, length_m, switched_on
from maillage.services.robots.model import ActionProgress, Progress, TrackPoint, Waypoint

PATH = [
    Waypoint(x=float(x), y=float(y), map_id="m") for x, y in [(0, 0), (2, 0), (12, 0), (12, 1), (2, 1), (0, 1), (0, 0)]
]
"""From the dock (0) to where cleaning begins (1), a swath, a turn, a swath back (4), and home."""
SPANS = [(1, 4)]


def drive(path=PATH, step_m: float = 0.5, speed_mps: float = 1.0) -> list[TrackPoint]:
    """A robot's track along a path, a point every so many metres."""
    points = [TrackPoint(0, path[0].x, path[0].y, 0.0, "m", 0)]
    at = 0.0
    for index, (a, b) in enumerate(pairwise(path)):
        far = abs(b.x - a.x) + abs(b.y - a.y)
        steps = round(far / step_m)
        for step in range(1, steps + 1):
            at += 1000 * step_m / speed_mps
            x, y = a.x + (b.x - a.x) * step / steps, a.y + (b.y - a.y) * step / steps
            points.append(TrackPoint(int(at), x, y, 0.0, "m", index + (step == steps)))
    return points


def strokes_of(*args):
    return driven(*args).strokes


def places(strokes) -> list[list[tuple[float, float]]]:
    return [[(fix.x, fix.y) for fix in stroke] for stroke in strokes]


def test_only_the_way_with_cleaning_on_counts_and_straights_are_two_places() -> None:
    strokes = strokes_of(drive(), PATH, SPANS)
    assert places(strokes) == [[(2, 0), (12, 0), (12, 1), (2, 1)]]
    assert length_m(strokes) == 21
    assert duration_s(strokes) == 21


def test_two_spans_are_two_strokes() -> None:
    assert places(strokes_of(drive(), PATH, [(1, 2), (3, 4)])) == [[(2, 0), (12, 0)], [(12, 1), (2, 1)]]


def test_a_while_without_positions_is_a_gap() -> None:
    seen = [point for point in drive() if not (4 < point.x < 7.5 and point.y == 0)]
    whole = strokes_of(seen, PATH, SPANS)
    assert len(whole) == 1, "3.5 s are less than a gap"
    assert driven(drive(), PATH, SPANS).gaps == 0
    slow = [point._replace(at_ms=point.at_ms * 10) for point in seen]
    assert driven(slow, PATH, SPANS).gaps == 1
    assert places(strokes_of(slow, PATH, SPANS)) == [[(2, 0), (4, 0)], [(7.5, 0), (12, 0), (12, 1), (2, 1)]]


def test_a_jump_is_a_gap() -> None:
    seen = [point._replace(jump=point.x == 7 and point.y == 0) for point in drive()]
    assert places(strokes_of(seen, PATH, SPANS))[0] == [(2, 0), (6.5, 0)]
    assert places(strokes_of(seen, PATH, SPANS))[1][0] == (7, 0)


def test_another_map_is_a_gap() -> None:
    seen = [point._replace(map_id="upstairs" if point.x > 7 else "m") for point in drive()]
    assert places(strokes_of(seen, PATH, SPANS))[0] == [(2, 0), (7, 0)]


def test_between_two_points_the_way_goes_through_the_waypoints_that_were_reached() -> None:
    seen = [point for point in drive() if (point.x, point.y) in [(2, 0), (11, 0), (12, 0.5), (7, 1), (2, 1)]]
    assert places(strokes_of(seen, PATH, SPANS)) == [[(2, 0), (12, 0), (12, 1), (2, 1)]]


def test_many_waypoints_that_are_said_to_be_reached_at_once_prove_nothing() -> None:
    seen = [TrackPoint(0, 2, 0, 0, "m", 1), TrackPoint(1000, 2, 1, 0, "m", 4)]
    assert strokes_of(seen, PATH, SPANS, 0.8) == ()


def test_a_robot_that_goes_round_something_cleaned_where_it_was() -> None:
    seen = [point._replace(y=0.6) if 5 <= point.x <= 6 and point.y == 0 else point for point in drive()]
    (stroke,) = places(strokes_of(seen, PATH, SPANS))
    assert (5, 0.6) in stroke and (6, 0.6) in stroke


def test_what_stands_or_was_never_seen_is_no_stroke() -> None:
    assert strokes_of([], PATH, SPANS) == ()
    assert strokes_of([TrackPoint(0, 2, 0, 0, "m", 1)], PATH, SPANS) == ()


def test_time_that_runs_backwards_is_a_gap() -> None:
    seen = [point._replace(at_ms=point.at_ms - (60_000 if point.x >= 7 else 0)) for point in drive()[:20]]
    assert places(strokes_of(seen, PATH, SPANS)) == [[(2, 0), (6.5, 0)], [(7, 0), (9.5, 0)]]


def test_a_span_counts_once_cleaning_was_started_there() -> None:
    def progress(status: str | None, reached: int) -> Progress:
        actions = () if status is None else (ActionProgress(1, 0, "startCleaning", status),)  # type: ignore[arg-type]
        return Progress(mission="m", reached=reached, actions=actions)

    assert switched_on(SPANS, progress("FINISHED", 1)) == SPANS
    assert switched_on(SPANS, progress("RUNNING", 1)) == []
    assert switched_on(SPANS, progress("FAILED", 3)) == []
    assert switched_on(SPANS, progress(None, 1)) == []
    assert switched_on(SPANS, progress(None, 2)) == SPANS, "a robot does not leave a waypoint before"
