"""Parts of a path, whatever the path: together they are the whole, each begins where the base before it ended."""

from hypothesis import given
from hypothesis import strategies as st

from maillage.services.robots.fleet.orders import ID_CHARS, action_id, new_order_id, route_of
from maillage.services.robots.fleet.windows import Pace, first_part, halved, next_part, nodes_of, pace_for
from maillage.services.robots.model import Action, Facts, Mission, Pose, Waypoint

BUSY = (Action(type="wait"),)


def mission(count: int, busy: set[int], approach: Pose | None = None) -> Mission:
    path = tuple(Waypoint(x=n, y=0, map_id="m", actions=BUSY if n in busy else ()) for n in range(count))
    return Mission(
        id="ms_1", robot="r1", site="s", order_id=new_order_id(1), path=path, created_at=0, approach=approach
    )


@given(
    st.integers(1, 200),
    st.sets(st.integers(0, 199)),
    st.builds(Pace, st.integers(2, 40), st.integers(0, 20), st.integers(1, 20)),
    st.data(),
)
def test_the_parts_of_a_path_are_the_path(count: int, busy: set[int], pace: Pace, data: st.DataObject) -> None:
    sent_on = mission(count, busy, data.draw(st.sampled_from([None, Pose(9, 9, 0, "m")])))
    nodes = nodes_of(sent_on)
    part = first_part(nodes, pace)
    released: list[int] = []
    actions: list[str] = []
    reached = -1
    while True:
        if data.draw(st.booleans()):
            smaller = halved(nodes, part)
            assert smaller.base <= part.base or nodes[part.base].actions or smaller.horizon < part.horizon
            part = smaller if smaller.base > smaller.first else part
        route = route_of(sent_on, nodes, part, "2.1.0")
        assert [node.sequence_id for node in route.nodes] == [
            2 * n for n in range(part.first, part.base + part.horizon + 1)
        ]
        assert [edge.sequence_id for edge in route.edges] == [node.sequence_id - 1 for node in route.nodes[1:]]
        base = [node.sequence_id // 2 for node in route.nodes if node.released]
        assert released[-1:] in ([], [base[0]])
        released += base if not released else base[1:]
        actions += [action.action_id for node in route.nodes if node.released for action in node.actions]
        if part.base == len(nodes) - 1:
            break
        assert part.base > part.first
        reached = data.draw(st.integers(max(reached, part.first), part.base))
        asked = reached == part.base
        following = next_part(nodes, part, reached, asked, pace)
        if following is None:
            assert part.base - reached > pace.refill
            following = next_part(nodes, part, reached, True, pace)
        assert following is not None and following.update_id == part.update_id + 1
        part = following
    assert released == list(range(len(nodes)))
    assert actions == [action_id(sent_on.order_id, n, 0) for n, node in enumerate(nodes) if node.actions]
    assert len(set(actions)) == len(actions) and all(len(each) == ID_CHARS for each in actions)


def test_a_robot_that_takes_few_nodes_gets_few() -> None:
    assert pace_for(None, Pace()) == Pace() == pace_for(Facts(nodes=500), Pace())
    few = pace_for(Facts(nodes=10), Pace())
    part = first_part(nodes_of(mission(100, set())), few)
    assert part.base + part.horizon - part.first + 1 <= 10


def test_a_base_ends_where_nothing_is_done_if_there_is_such_a_node() -> None:
    nodes = nodes_of(mission(100, set(range(5, 60))))
    assert first_part(nodes, Pace(20, 5, 5)).base == 4
    assert first_part(nodes[5:], Pace(20, 5, 5)).base == 55
    busy = nodes_of(mission(100, set(range(100))))
    assert first_part(busy, Pace(20, 5, 5)).base == 19
