"""State on the move: all of it first, then what changed; and the door that requests wait at."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.errors import NoCapacity
from maillage.services.compute.errors import NoInstance
from maillage.services.compute.follow.doors import Doors
from maillage.services.compute.follow.state import TrackedValues, copy_changes
from tests.unit.services.compute.follow.follow_world import DictValues, run

MOST = 1 << 20
OLD, NEW = "s0~1", "s1~1"


def test_the_first_copy_sends_all_and_the_next_only_what_changed() -> None:
    source, target = TrackedValues(DictValues()), TrackedValues(DictValues())
    source.put(OLD, "a", b"1", MOST)
    source.put(OLD, "b", b"2", MOST)
    assert copy_changes(source, OLD, target, NEW, MOST) == 4
    source.put(OLD, "b", b"33", MOST)
    source.put(OLD, "a", None, MOST)
    assert copy_changes(source, OLD, target, NEW, MOST) == 4
    assert copy_changes(source, OLD, target, NEW, MOST) == 0
    assert target.items(NEW) == [("b", b"33")]


def test_a_copy_to_another_lease_begins_anew() -> None:
    source, target = TrackedValues(DictValues()), TrackedValues(DictValues())
    source.put(OLD, "a", b"1", MOST)
    copy_changes(source, OLD, target, NEW, MOST)
    assert copy_changes(source, OLD, target, "s1~2", MOST) == 2


def test_what_the_next_store_may_not_keep_is_refused() -> None:
    source, target = TrackedValues(DictValues()), TrackedValues(DictValues())
    source.put(OLD, "a", b"12345", MOST)
    with pytest.raises(NoCapacity):
        copy_changes(source, OLD, target, NEW, 5)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.binary(max_size=3), st.booleans())))
def test_after_any_writes_and_copies_a_last_copy_makes_both_the_same(
    writes: list[tuple[str, bytes | None, bool]],
) -> None:
    source, target = TrackedValues(DictValues()), TrackedValues(DictValues())
    for key, value, copied in writes:
        source.put(OLD, key, value, MOST)
        if copied:
            copy_changes(source, OLD, target, NEW, MOST)
    copy_changes(source, OLD, target, NEW, MOST)
    assert dict(target.items(NEW)) == dict(source.items(OLD))


def test_nobody_enters_where_there_is_no_session() -> None:
    async def story() -> None:
        doors = Doors()
        with pytest.raises(NoInstance):
            async with doors.enter("cab"):
                pass

    run(story())


def test_who_waits_at_a_door_that_is_closed_for_good_is_refused() -> None:
    async def story() -> None:
        doors = Doors()
        doors.switch("cab", OLD)
        await doors.freeze("cab", 1)

        async def ask() -> None:
            async with doors.enter("cab"):
                pass

        asking = asyncio.create_task(ask())
        await asyncio.sleep(0)
        doors.close("cab")
        with pytest.raises(NoInstance):
            await asking

    run(story())


def test_a_freeze_waits_for_those_inside() -> None:
    async def story() -> list[str]:
        doors, seen = Doors(), []
        doors.switch("cab", OLD)
        async with doors.enter("cab"):
            freezing = asyncio.create_task(doors.freeze("cab", 5))
            await asyncio.sleep(0.01)
            seen.append("still inside" if not freezing.done() else "frozen too soon")
        await freezing
        return seen

    assert run(story()) == ["still inside"]


def test_what_shrinks_makes_room_for_what_grows_whichever_comes_first() -> None:
    source, target = TrackedValues(DictValues()), TrackedValues(DictValues())
    source.put(OLD, "a", b"1", 12)
    source.put(OLD, "b", b"123456789", 12)
    assert copy_changes(source, OLD, target, NEW, 12) == 12
    source.put(OLD, "b", b"1", 12)
    source.put(OLD, "a", b"123456789", 12)
    assert copy_changes(source, OLD, target, NEW, 12) == 12
    assert dict(target.items(NEW)) == {"a": b"123456789", "b": b"1"}
