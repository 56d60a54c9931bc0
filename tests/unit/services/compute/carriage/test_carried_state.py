"""State on its way from one store to another, message by message: none is too large, and what is lost is no change."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.errors import NoCapacity, NotReady, SiteUnreachable
from maillage.services.compute.carriage import state_desk
from maillage.services.compute.carriage.messages import (
    STATE_BYTES,
    DropState,
    ReadState,
    StateDropped,
    StateKept,
    WriteState,
    packed,
)
from maillage.services.compute.carriage.state_desk import StateDesk
from maillage.services.compute.carriage.states import RemoteStates
from maillage.services.compute.follow.state import TrackedValues
from tests.unit.services.compute.follow.follow_world import DictValues

OLD, NEW = "wm-1~1", "wm-2~1"
MOST = 8 << 20


class TwoStores:
    """In place of the line to two stores; ``before`` is called before each message, ``lost`` counts answers that get
    lost from now on."""

    def __init__(self) -> None:
        self.values = {site: TrackedValues(DictValues()) for site in ("wm-1", "wm-2")}
        self.desks = {site: StateDesk(values) for site, values in self.values.items()}
        self.largest = self.messages = self.lost = 0
        self.before: list[Any] = []

    async def ask(self, site: str, request: Any, answer: Any, timeout_s: float) -> Any:
        self.messages += 1
        if self.before:
            self.before.pop(0)()
        desk = self.desks[site]
        match request:
            case ReadState():
                given: Any = desk.read(request)
            case WriteState(lease, pieces, bytes_max):
                given = StateKept(desk.write(lease, pieces, bytes_max))
            case DropState(lease):
                desk.drop(lease)
                given = StateDropped()
        self.largest = max(self.largest, len(packed(request)), len(packed(given)))
        if self.lost:
            self.lost -= 1
            raise SiteUnreachable("lost", asked=True)
        assert isinstance(given, answer) and timeout_s > 0
        return given

    @property
    def old(self) -> TrackedValues:
        return self.values["wm-1"]

    def put(self, key: str, value: bytes | None) -> None:
        assert self.old.put(OLD, key, value, MOST)

    def same(self) -> bool:
        return dict(self.old.items(OLD)) == dict(self.values["wm-2"].items(NEW))


def run(work: Coroutine[Any, Any, int]) -> int:
    return asyncio.run(asyncio.wait_for(work, 30))


@pytest.fixture
def stores() -> TwoStores:
    return TwoStores()


@pytest.fixture
def states(stores: TwoStores) -> RemoteStates:
    return RemoteStates(stores)  # type: ignore[arg-type]


def test_the_first_copy_carries_all_and_the_next_what_changed(stores: TwoStores, states: RemoteStates) -> None:
    stores.put("a", b"1")
    stores.put("b", b"2")
    assert run(states.copy(OLD, NEW, MOST)) == 4
    stores.put("b", b"33")
    stores.put("a", None)
    assert run(states.copy(OLD, NEW, MOST)) == 4
    assert run(states.copy(OLD, NEW, MOST)) == 0
    assert stores.values["wm-2"].items(NEW) == [("b", b"33")]


def test_no_message_is_larger_than_the_bus_takes_whatever_is_kept(stores: TwoStores, states: RemoteStates) -> None:
    stores.put("large", bytes(range(256)) * 12_000)
    for number in range(3_000):
        stores.put(f"key-{number:04}", b"x" * 300)
    stores.put("empty", b"")
    stores.put("just-one-message", b"y" * STATE_BYTES)
    assert run(states.copy(OLD, NEW, MOST)) > 4_600_000
    assert stores.same()
    assert STATE_BYTES < stores.largest < STATE_BYTES + 2_000 < 1 << 20


def test_a_value_that_is_written_while_its_pieces_are_on_the_way_comes_whole(
    stores: TwoStores, states: RemoteStates
) -> None:
    stores.put("large", b"1" * 2_000_000)
    stores.before = [lambda: None] * 3 + [lambda: stores.put("large", b"22" * 900_000)]
    run(states.copy(OLD, NEW, MOST))
    run(states.copy(OLD, NEW, MOST))
    assert stores.same()


def test_a_value_that_shrinks_while_its_pieces_are_on_the_way_comes_whole(
    stores: TwoStores, states: RemoteStates
) -> None:
    stores.put("large", b"1" * 2_000_000)
    stores.before = [lambda: None] * 3 + [lambda: stores.put("large", b"tiny")]
    run(states.copy(OLD, NEW, MOST))
    run(states.copy(OLD, NEW, MOST))
    assert stores.same()


def test_a_copy_ends_though_the_app_goes_on_writing(stores: TwoStores, states: RemoteStates) -> None:
    for number in range(10):
        stores.put(f"k{number}", b"x" * 500_000)
    stores.before = [lambda number=number: stores.put(f"k{number % 10}", b"y" * 500_000) for number in range(1_000)]
    run(states.copy(OLD, NEW, MOST))
    assert stores.messages < 50
    stores.before = []
    run(states.copy(OLD, NEW, MOST))
    assert stores.same()


@pytest.mark.parametrize("nth", range(6))
def test_an_answer_that_is_lost_ends_the_copy_and_the_next_one_lacks_nothing(
    stores: TwoStores, states: RemoteStates, nth: int
) -> None:
    for number in range(4):
        stores.put(f"k{number}", b"x" * 600_000)

    def lose() -> None:
        stores.lost = 1

    stores.before = [lambda: None] * nth + [lose]
    with pytest.raises(SiteUnreachable):
        run(states.copy(OLD, NEW, MOST))
    stores.put("k0", None)
    run(states.copy(OLD, NEW, MOST))
    assert {key for key, _ in stores.values["wm-2"].items(NEW)} >= {"k1", "k2", "k3"}
    run(states.copy(OLD, "wm-2~2", MOST))
    assert dict(stores.values["wm-2"].items("wm-2~2")) == dict(stores.old.items(OLD))


def test_a_store_that_lost_its_account_has_the_move_given_up(stores: TwoStores, states: RemoteStates) -> None:
    stores.put("a", b"1")
    run(states.copy(OLD, NEW, MOST))
    stores.old._accounts.clear()
    with pytest.raises(NotReady):
        run(states.copy(OLD, NEW, MOST))


def test_more_than_the_lease_may_keep_is_refused(stores: TwoStores, states: RemoteStates) -> None:
    stores.put("a", b"1" * 1_000_000)
    with pytest.raises(NoCapacity):
        run(states.copy(OLD, NEW, 400_000))
    stores.put("a", b"1" * 100)
    with pytest.raises(NoCapacity):
        run(states.copy(OLD, NEW, 40))


def test_what_is_dropped_is_gone_pieces_on_their_way_as_well(stores: TwoStores, states: RemoteStates) -> None:
    stores.put("a", b"1" * 1_000_000)
    desk = stores.desks["wm-2"]
    first = stores.desks["wm-1"].read(ReadState(OLD, NEW, "", 0))
    assert first.more and first.within == 1
    assert desk.write(NEW, first.pieces, MOST)
    asyncio.run(states.forget(NEW))
    rest = stores.desks["wm-1"].read(ReadState(OLD, NEW, first.mark, first.upto, first.within, first.offset))
    assert desk.write(NEW, rest.pieces, MOST)
    assert stores.values["wm-2"].items(NEW) == []


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.none() | st.binary(max_size=90), st.booleans()), min_size=1, max_size=40
    ),
    st.integers(70, 200),
)
def test_after_any_writes_between_any_messages_a_last_copy_makes_both_the_same(
    writes: list[tuple[str, bytes | None, bool]], room: int
) -> None:
    stores = TwoStores()
    states = RemoteStates(stores)  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state_desk, "STATE_BYTES", room)
        for key, value, copied in writes:
            if copied:
                stores.before = [lambda key=key, value=value: stores.put(key, value)] * 2
                run(states.copy(OLD, NEW, MOST))
                stores.before = []
            else:
                stores.put(key, value)
        run(states.copy(OLD, NEW, MOST))
    assert stores.same()
