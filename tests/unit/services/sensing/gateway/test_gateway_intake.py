"""The intake: each way in which a message can be wrong, and what becomes of those that are right."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable

import pytest

from maillage.services.sensing.gateway import intake as intake_module
from maillage.services.sensing.gateway.intake import IntakeSettings
from maillage.services.sensing.gateway.routes import Routes
from maillage.services.sensing.model import Fault, Reading
from tests.contract.waiting import until
from tests.unit.services.sensing.gateway.gateway_world import APART, NOW_MS, PLAIN, Gateway, MemoryRegistry
from tests.unit.services.sensing.sparkplug_words import bd_seq, metric, payload

T = "stores/100/freezer-1/t"


def play(gateway: Gateway, story: Callable[[Gateway], Awaitable[None]]) -> Gateway:
    async def run() -> None:
        async with asyncio.timeout(30), gateway:
            await story(gateway)

    asyncio.run(run())
    return gateway


@pytest.fixture
def gateway() -> Gateway:
    gateway = Gateway()
    gateway.registry.add("freezer-1", "plain")
    gateway.registry.add("timed-1", "timed")
    gateway.registry.add("apart-1", "apart")
    gateway.registry.add("spark-1", "sparkplug")
    return gateway


def timed(at_ms: int, value: float = -18.0) -> bytes:
    return json.dumps({"t": value, "at": at_ms}).encode()


def test_a_reading_is_watched_and_then_stored(gateway: Gateway) -> None:
    async def story(world: Gateway) -> None:
        await world.line.hand(T, b"-18.4")
        assert world.watcher.seen == [Reading("100", "freezer-1", "air", NOW_MS, -18.4)]

    assert play(gateway, story).store.kept == gateway.watcher.seen
    counts = gateway.intake.device("freezer-1")
    assert (counts.readings, counts.heard_ms, counts.taken_ms, counts.faults) == (1, NOW_MS, NOW_MS, {})
    assert (gateway.intake.counts.stored, gateway.intake.counts.waiting) == (1, 0)


def test_each_measure_may_have_a_topic_of_its_own(gateway: Gateway) -> None:
    async def story(world: Gateway) -> None:
        await world.line.hand("apart/apart-1/door", b"1")
        await world.line.hand("apart/apart-1/air", b"-2")
        await world.line.hand("apart/apart-1/other", b"3")

    play(gateway, story)
    assert [(one.measure, one.value) for one in gateway.store.kept] == [("door", 1.0), ("air", -2.0)]
    assert gateway.watcher.refusals == [("apart-1", Fault.NOT_ITS_TOPIC)]


@pytest.mark.parametrize(
    ("topic", "payload", "fault"),
    [
        (T, b"warm", Fault.UNREADABLE),
        (T, b"nan", Fault.NOT_A_NUMBER),
        (T, b"61", Fault.OUT_OF_BOUNDS),
        (T, b"9" * 100, Fault.TOO_LARGE),
        (T, bytes(1_000_000), Fault.TOO_LARGE),
        ("json/100/timed-1", b'{"t": 1', Fault.UNREADABLE),
        ("json/100/timed-1", timed(NOW_MS + 60_001), Fault.FROM_THE_FUTURE),
        ("json/100/timed-1", timed(NOW_MS - 400 * 86_400_000 - 1), Fault.TOO_OLD),
        ("json/100/timed-1", b'{"t": 1}', Fault.MISSING),
        ("json/200/timed-1", timed(NOW_MS), Fault.NOT_ITS_TOPIC),
    ],
)
def test_a_bad_message_is_told_and_counted_and_alarms_nobody_falsely(
    gateway: Gateway, topic: str, payload: bytes, fault: Fault
) -> None:
    async def story(world: Gateway) -> None:
        # As an operator's own filter may: what is on no topic of the profiles is not even subscribed to.
        await world.intake._take([_message(topic, payload)])

    play(gateway, story)
    device = topic.split("/")[2]
    assert gateway.store.kept == [] and gateway.watcher.seen == []
    assert gateway.watcher.refusals == [(device, fault)]
    assert gateway.intake.counts.faults == {fault: 1}
    counts = gateway.intake.device(device)
    assert (counts.readings, counts.last_fault, counts.last_fault_ms) == (0, fault, NOW_MS)


def _message(topic: str, payload: bytes, at_ms: int = NOW_MS, retained: bool = False):
    from maillage.devices.line import Message

    return Message(topic, payload, at_ms, retained)


def test_what_lies_at_the_edges_is_taken(gateway: Gateway) -> None:
    async def story(world: Gateway) -> None:
        await world.line.hand("json/100/timed-1", timed(NOW_MS - 400 * 86_400_000))
        await world.line.hand("json/100/timed-1", timed(NOW_MS + 60_000, 60.0))

    assert len(play(gateway, story).store.kept) == 2 and gateway.watcher.refusals == []


def test_a_strangers_topic_is_remembered_for_who_would_register_it(gateway: Gateway) -> None:
    async def story(world: Gateway) -> None:
        for number in range(3):
            await world.line.hand("stores/100/new/t", b"1", NOW_MS + number)
        await world.line.hand("stores/100/newer/t", b"1", NOW_MS + 9)

    play(gateway, story)
    assert [one.topic for one in gateway.intake.strangers()] == ["stores/100/newer/t", "stores/100/new/t"]
    assert gateway.intake.strangers()[1].messages == 3
    assert gateway.intake.counts.faults == {Fault.UNKNOWN_DEVICE: 4} and gateway.watcher.refusals == []


def test_out_of_order_is_late_and_twice_is_once(gateway: Gateway) -> None:
    async def story(world: Gateway) -> None:
        for at_ms in (5_000, 10_000, 10_000, 5_000, 7_000, 7_000, 11_000):
            await world.line.hand("json/100/timed-1", timed(NOW_MS + at_ms))

    play(gateway, story)
    assert [(one.at_ms - NOW_MS, one.late) for one in gateway.watcher.seen] == [
        (5_000, False),
        (10_000, False),
        (7_000, True),
        (11_000, False),
    ]
    assert gateway.intake.device("timed-1").faults == {Fault.DUPLICATE: 3}
    assert gateway.intake.counts.late == 1


def test_after_a_restart_it_is_known_what_was_there(gateway: Gateway) -> None:
    gateway.store.kept.append(Reading("100", "timed-1", "air", NOW_MS, -18.0))

    async def story(world: Gateway) -> None:
        await world.line.hand("json/100/timed-1", timed(NOW_MS))
        await world.line.hand("json/100/timed-1", timed(NOW_MS - 1))

    play(gateway, story)
    assert [(one.at_ms, one.late) for one in gateway.watcher.seen] == [(NOW_MS - 1, True)]


def test_what_counts_from_its_arrival_is_never_late_even_where_our_clock_was_set_back(gateway: Gateway) -> None:
    async def story(world: Gateway) -> None:
        for at_ms in (NOW_MS, NOW_MS, NOW_MS - 3_600_000):
            await world.line.hand(T, b"1", at_ms)

    play(gateway, story)
    assert [(one.at_ms - NOW_MS, one.late) for one in gateway.watcher.seen] == [
        (0, False),
        (1, False),
        (-3_600_000, False),
    ]


def test_a_kept_message_without_a_time_is_no_reading(gateway: Gateway) -> None:
    async def story(world: Gateway) -> None:
        await world.line.hand(T, b"-18", retained=True)
        await world.line.hand("json/100/timed-1", timed(NOW_MS - 5), retained=True)

    play(gateway, story)
    assert [one.device for one in gateway.store.kept] == ["timed-1"]
    assert gateway.intake.counts.retained == 1


def test_a_broken_watcher_stops_nothing(gateway: Gateway) -> None:
    gateway.watcher.broken = True

    async def story(world: Gateway) -> None:
        await world.line.hand(T, b"1")
        await world.line.hand(T, b"2", NOW_MS + 5)

    assert [one.value for one in play(gateway, story).store.kept] == [1.0, 2.0]
    assert gateway.intake.counts.watchers_failed == 2


def test_devices_that_come_and_go_are_heard_and_heard_no_more(gateway: Gateway) -> None:
    async def story(world: Gateway) -> None:
        before = len(world.line.takes)
        world.registry.add("freezer-2", "plain", "200")
        await until(lambda: len(world.line.takes) == before + 1, 5)
        await world.line.hand("stores/200/freezer-2/t", b"1")
        world.registry.retire("freezer-2")
        await until(lambda: len(world.line.takes) == before, 5)
        world.intake._renew()
        await world.intake._take([_message("stores/200/freezer-2/t", b"2")])

    assert [one.value for one in play(gateway, story).store.kept] == [1.0]
    assert gateway.intake.counts.faults == {Fault.UNKNOWN_DEVICE: 1}
    assert gateway.intake.device("freezer-2").readings == 0


def test_watchers_hear_the_clock(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "TICK_S", 0.01)

    async def story(world: Gateway) -> None:
        await until(lambda: len(world.watcher.ticks) >= 3, 5)

    assert play(gateway, story).watcher.ticks[0] == NOW_MS


def test_sparkplug_is_heard_by_name_and_by_alias_and_asks_for_a_birth(gateway: Gateway) -> None:
    async def story(world: Gateway) -> None:
        hand = world.line.hand
        await hand("spBv1.0/100/DDATA/gateway/spark-1", payload(metric(None, -9.0, alias=1), seq=4, at_ms=NOW_MS))
        assert [topic for topic, _ in world.line.published] == ["spBv1.0/100/NCMD/gateway"]
        await hand("spBv1.0/100/NBIRTH/gateway", payload(bd_seq(1), seq=0, at_ms=NOW_MS))
        birth = metric("Air", -18.0, alias=1, datatype=10, at_ms=NOW_MS)
        await hand("spBv1.0/100/DBIRTH/gateway/spark-1", payload(birth, seq=1, at_ms=NOW_MS))
        await hand("spBv1.0/100/DBIRTH/gateway/other", payload(birth, seq=2, at_ms=NOW_MS))
        late = metric(None, -20.0, alias=1, at_ms=NOW_MS + 1_500, historical=True)
        now = metric(None, -17.0, alias=1, at_ms=NOW_MS + 1_000)
        await hand("spBv1.0/100/DDATA/gateway/spark-1", payload(now, late, seq=3, at_ms=NOW_MS))
        await hand("spBv1.0/100/NCMD/gateway", payload(seq=9))
        await hand("spBv1.0/100/NDATA/stranger", payload(seq=9))

    play(gateway, story)
    assert [(one.at_ms - NOW_MS, one.value, one.late) for one in gateway.store.kept] == [
        (0, -18.0, False),
        (1_000, -17.0, False),
        (1_500, -20.0, True),
    ]
    assert gateway.watcher.refusals == [("spark-1", Fault.MISSING)]
    assert [one.topic for one in gateway.intake.strangers()] == ["spBv1.0/100/DBIRTH/gateway/other"]
    assert len(gateway.line.published) == 1


def test_a_node_that_can_not_be_asked_is_no_trouble(gateway: Gateway) -> None:
    async def story(world: Gateway) -> None:
        world.line.connected = False
        await world.line.hand("spBv1.0/100/DDATA/gateway/spark-1", payload(metric("Air", -9.0), at_ms=NOW_MS))

    assert [one.value for one in play(gateway, story).store.kept] == [-9.0]


def test_filters_are_few_and_of_the_sites_that_are_there() -> None:
    registry = MemoryRegistry(PLAIN, APART)
    for site in range(3):
        registry.add(f"f{site}", "plain", str(site))
    registry.add("a", "apart")
    assert sorted(Routes(registry).filters) == ["apart/+/+", "stores/0/+/t", "stores/1/+/t", "stores/2/+/t"]
    for site in range(30):
        registry.add(f"f{site}", "plain", str(site))
    assert sorted(Routes(registry).filters) == ["apart/+/+", "stores/+/+/t"]


def test_a_slow_store_holds_the_line_back_and_nothing_is_lost() -> None:
    gateway = Gateway(settings=IntakeSettings(waiting_max=3))
    gateway.registry.add("freezer-1", "plain")

    async def story(world: Gateway) -> None:
        quick = threading.Event()
        world.store.fault = lambda _: None if quick.wait(10) else OSError("never")
        for number in range(2):
            await world.line.hand(T, b"1", NOW_MS + number)
        blocked = asyncio.ensure_future(world.line.hand(T, b"2", NOW_MS + 5))
        await asyncio.sleep(0.05)
        assert not blocked.done() and len(world.watcher.seen) == 3 and world.store.kept == []
        quick.set()
        await asyncio.wait_for(blocked, 5)

    assert len(play(gateway, story).store.kept) == 3
    assert gateway.intake.counts.lost == 0


def test_a_dead_store_holds_no_alarm_back() -> None:
    gateway = Gateway(settings=IntakeSettings(waiting_max=3))
    gateway.registry.add("freezer-1", "plain")

    async def story(world: Gateway) -> None:
        world.store.fault = lambda _: OSError("no space")
        for number in range(5):
            await asyncio.wait_for(world.line.hand(T, b"1", NOW_MS + number), 5)
        assert len(world.watcher.seen) == 5 and world.store.kept == []
        world.store.fault = lambda _: None

    assert len(play(gateway, story).store.kept) == 3
    assert (gateway.intake.counts.lost, gateway.intake.counts.store_failed >= 1) == (2, True)


def test_a_reading_that_the_store_can_not_have_does_not_stand_in_the_way(gateway: Gateway) -> None:
    async def story(world: Gateway) -> None:
        world.store.fault = lambda batch: ValueError("bad") if any(one.value == 13 for one in batch) else None
        await world.intake._take([_message(T, str(number).encode(), NOW_MS + number) for number in range(20)])

    play(gateway, story)
    assert [one.value for one in gateway.store.kept] == [number for number in range(20) if number != 13]
    assert gateway.intake.counts.lost == 1
