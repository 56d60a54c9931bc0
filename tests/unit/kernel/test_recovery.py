"""Coming back: a ledger is what its journal adds up to, with or without a snapshot, or it does not come back at all."""

import msgspec
import pytest

from maillage.engines.memory_journal import MemoryJournal
from maillage.kernel.events import decode_events, encode_events
from maillage.kernel.ledger import Ledger
from maillage.kernel.ports import Batch
from maillage.kernel.recovery import JournalDamaged, recover, replay
from maillage.kernel.snapshots import decode_ledger, encode_ledger
from maillage.kernel.times import DAY_S, HOUR_S
from tests.kernel_world import World

SHOP_HOURS = {day: [("08:00", "22:00")] for day in ("mon", "tue", "wed", "thu", "fri")}


def busy_world() -> World:
    """A little of everything that can happen."""
    world = World()
    world.site(tz="America/Chicago", has_clinic=True)
    world.pool("cpu", 8, notice_s=300)
    world.pool("cpu", 6, since=world.now + DAY_S, notice_s=300)
    world.pool("memory", 32)
    world.pool("visit", 2, calendar=SHOP_HOURS)
    world.pool("cpu", 4, site="wm-2")
    world.hour({"cpu": 2, "memory": 4}, key="order-1")
    world.lease({"memory": 1}, tenant="other")
    spot = world.lease({"cpu": 4}, cls="spot", key="order-2")
    world.lease({"cpu": 1}, cls="spot")
    world.lease({"visit": 1}, world.now + 8 * HOUR_S, world.now + 9 * HOUR_S)
    held = world.hour({"cpu": 1}, hold_s=60)
    world.confirm(world.hour({"memory": 1}, hold_s=60))
    world.tick(60)
    world.extend(world.hour({"cpu": 0.5}), world.now + 2 * HOUR_S)
    world.release(world.hour({"cpu": 0.25}))
    world.lease({"cpu": 3}, world.now + 300, world.now + 900)
    world.measure(spot, {"cpu_hours": 1})
    world.hour({"cpu": 1}, site="wm-2")
    world.tick(HOUR_S)
    assert world.known(held).state == "expired"
    return world


def life_goes_on(world: World) -> None:
    world.hour({"cpu": 1}, "spot", key="order-3")
    world.hour({"cpu": 2}, "house")
    world.tick(DAY_S)
    world.lease({"cpu": 1}, key="order-1")


def test_all_kinds_of_events_are_written_and_read_alike() -> None:
    events = busy_world().events
    assert len({type(event) for event in events}) == 10
    assert decode_events(encode_events(events)) == events


def test_a_site_counts_its_own_events_without_gaps() -> None:
    by_site: dict[str, list[int]] = {}
    for event in busy_world().events:
        by_site.setdefault(event.site, []).append(event.seq)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in by_site.values())


def test_replay_gives_the_same_ledger_bit_for_bit() -> None:
    world = busy_world()
    world.check_replay()
    life_goes_on(world)
    world.check_replay()


def test_replay_does_not_depend_on_how_the_events_were_cut_into_batches() -> None:
    world = busy_world()
    one_by_one = MemoryJournal()
    for number, event in enumerate(world.events):
        one_by_one.append(Batch(number, 1, encode_events([event])))
    ledger = Ledger()
    replay(ledger, one_by_one)
    assert encode_ledger(ledger) == encode_ledger(world.ledger)


def test_a_snapshot_and_the_events_since_give_the_same_as_all_events() -> None:
    world = busy_world()
    taken_at = world.take_snapshot()
    life_goes_on(world)
    assert world.ledger.pos > taken_at
    recovered = recover(world.journal, world.snapshots)
    assert encode_ledger(recovered) == encode_ledger(world.ledger) == encode_ledger(world.replayed())


def test_a_ledger_from_a_snapshot_decides_as_the_one_that_was_there_all_along() -> None:
    stayed, came_back = busy_world(), busy_world()
    came_back.take_snapshot()
    came_back.restart()
    life_goes_on(stayed)
    life_goes_on(came_back)
    assert came_back.events == stayed.events


@pytest.mark.parametrize("keep", range(0, 40, 3))
def test_a_snapshot_may_be_taken_at_any_event(keep: int) -> None:
    world = busy_world()
    before = Ledger()
    for event in world.events[:keep]:
        before.apply(event)
    ledger = decode_ledger(encode_ledger(before))
    for event in world.events[keep:]:
        ledger.apply(event)
    assert encode_ledger(ledger) == encode_ledger(world.ledger)


def test_a_snapshot_from_the_middle_of_a_batch_is_followed_on() -> None:
    world = busy_world()
    one_batch = MemoryJournal()
    one_batch.append(Batch(0, len(world.events), encode_events(world.events)))
    ledger = Ledger()
    for event in world.events[:7]:
        ledger.apply(event)
    world.snapshots.save(7, encode_ledger(ledger))
    assert encode_ledger(recover(one_batch, world.snapshots)) == encode_ledger(world.ledger)


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: b"",
        lambda body: body[: len(body) // 2],
        lambda body: b"\x00" + body[1:],
        lambda body: msgspec.msgpack.encode([3, *msgspec.msgpack.decode(body)[1:]]),
        lambda body: msgspec.msgpack.encode({"format": 1}),
    ],
    ids=["empty", "cut off", "first byte", "other format", "other shape"],
)
def test_a_snapshot_that_can_not_be_read_costs_time_and_nothing_else(damage) -> None:  # type: ignore[no-untyped-def]
    world = busy_world()
    world.snapshots.save(world.ledger.pos, damage(encode_ledger(world.ledger)))
    assert encode_ledger(recover(world.journal, world.snapshots)) == encode_ledger(world.ledger)


def as_before_months(world: World) -> bytes:
    """A snapshot of format 1: what was measured in all, no months."""
    _, *fields, _ = msgspec.msgpack.decode(encode_ledger(world.ledger))
    return msgspec.msgpack.encode([1, *fields, world.ledger.measured])


def test_of_a_snapshot_that_knows_no_months_the_journal_is_read_and_the_months_are_there() -> None:
    world = busy_world()
    assert world.ledger.measured_in
    world.snapshots.save(world.ledger.pos, as_before_months(world))
    recovered = recover(world.journal, world.snapshots)
    assert encode_ledger(recovered) == encode_ledger(world.ledger)
    assert recovered.measured == world.ledger.measured


def test_a_snapshot_that_knows_no_months_of_a_chain_that_never_measured_is_read() -> None:
    world = World()
    world.pool("cpu", 8)
    world.hour({"cpu": 1})
    assert encode_ledger(decode_ledger(as_before_months(world))) == encode_ledger(world.ledger)


def test_a_snapshot_of_events_that_are_not_in_the_journal_is_left_alone() -> None:
    world, longer = World(), busy_world()
    world.pool("cpu", 1)
    world.snapshots.save(longer.ledger.pos, encode_ledger(longer.ledger))
    world.restart()
    assert list(world.ledger.sites) == ["wm-1"]
    assert world.ledger.pos == 2


def journal_of(*batches: Batch) -> MemoryJournal:
    journal = MemoryJournal()
    journal._batches = list(batches)  # as a file that lost or changed something
    return journal


def batches_of(world: World) -> list[Batch]:
    return list(world.journal.read())


def test_a_journal_that_lacks_its_beginning_is_damaged() -> None:
    with pytest.raises(JournalDamaged, match="missing at 0"):
        replay(Ledger(), journal_of(*batches_of(busy_world())[1:]))


def test_a_journal_with_a_gap_is_damaged_and_says_where() -> None:
    batches = batches_of(busy_world())
    missing = batches[5]
    with pytest.raises(JournalDamaged, match=f"missing at {missing.pos}"):
        replay(Ledger(), journal_of(*batches[:5], *batches[6:]))


def test_a_batch_that_holds_fewer_events_than_it_says_is_damaged() -> None:
    *others, last = batches_of(busy_world())
    short = Batch(last.pos, last.count + 1, last.body)
    with pytest.raises(JournalDamaged, match="missing"):
        replay(Ledger(), journal_of(*others, short))


@pytest.mark.parametrize("body", [b"", b"[", b"[{}]", b'[{"type":"unheard-of","site":"a","seq":1,"at":1}]', b"\xff"])
def test_a_batch_that_can_not_be_read_is_damaged(body: bytes) -> None:
    with pytest.raises(JournalDamaged, match="the batch at event 0"):
        replay(Ledger(), journal_of(Batch(0, 1, body)))


def test_an_event_that_fits_nothing_before_it_is_damaged() -> None:
    body = b'[{"type":"released","site":"wm-1","seq":1,"at":1,"lease":"wm-1~9","end":1}]'
    with pytest.raises(JournalDamaged, match=r"event 0 \(wm-1, 1\)"):
        replay(Ledger(), journal_of(Batch(0, 1, body)))
