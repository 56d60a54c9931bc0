"""One suite for every broker that devices may connect to: what Mosquitto does is right, and ours does the same."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.contract.mqtt_brokers import EmbeddedWorld, MosquittoWorld, world_of
from tests.contract.mqtt_wire import Came, Wire, connect, packet, publish, text
from tests.contract.waiting import until

World = EmbeddedWorld | MosquittoWorld
Play = Callable[[Callable[[World], Awaitable[None]]], None]
T1 = "stores/100/freezer-1/t"
T2 = "stores/100/freezer-2/t"


@pytest.fixture(params=["embedded", "mosquitto"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    """Run a story with a broker that has just been started."""

    def run(story: Callable[[World], Awaitable[None]]) -> None:
        async def told() -> None:
            async with asyncio.timeout(60), world_of(request.param, tmp_path) as world:
                await story(world)

        asyncio.run(told())

    return run


# -- who is let in -------------------------------------------------------------------------------------------------


def test_only_who_proves_who_it_is_comes_in(play: Play) -> None:
    async def story(world: World) -> None:
        await world.wire("freezer-1")
        await world.wire("freezer-1", code=5, password="wrong")
        await world.wire("freezer-1", code=5, password=world.passwords["freezer-2"])
        await world.wire("nobody", code=5, password="wrong")
        await world.wire("freezer-1", code=5, user=None, password=None)
        await world.wire("freezer-1", code=5, password="")

    play(story)


def test_a_stranger_who_borrows_a_name_harms_nobody(play: Play) -> None:
    async def story(world: World) -> None:
        house = await world.house_wire("stores/#")
        device = await world.wire("freezer-1")
        await world.wire("maillage", code=5, password="wrong")
        await world.wire("freezer-1", code=5, password="wrong")
        await device.say(publish(T1, b"1", qos=1))
        await device.answer(4)
        assert (await house.until(1))[0].payload == b"1"

    play(story)


def test_a_client_is_its_user_name_whatever_client_id_it_says(play: Play) -> None:
    async def story(world: World) -> None:
        house = await world.wire("anything", user="panel", password=world.passwords["panel"])
        await house.subscribe(T1)
        first = await world.wire("same", user="freezer-1", password=world.passwords["freezer-1"])
        second = await world.wire("same", user="freezer-2", password=world.passwords["freezer-2"])
        await first.ping()
        await second.ping()

    play(story)


def test_who_connects_again_takes_the_place_of_the_former_connection(play: Play) -> None:
    async def story(world: World) -> None:
        house = await world.house_wire("stores/#")
        former = await world.wire("freezer-1", will=(f"{T1}/will", b"gone"))
        present = await world.wire("freezer-1")
        await asyncio.wait_for(former.closed.wait(), 5)
        await present.say(publish(T1, b"here", qos=1))
        await present.answer(4)
        came = await house.until(2)
        assert {one.payload for one in came} == {b"gone", b"here"}

    play(story)


def test_a_client_of_another_version_is_told_so(play: Play) -> None:
    async def story(world: World) -> None:
        password = world.passwords["freezer-1"]
        wire = await Wire(world.port).open(connect("freezer-1", "freezer-1", password, level=5))
        code = (await wire.answer(2))[1]
        if "v5" in world.lacks:
            assert code == 0x84
            await asyncio.wait_for(wire.closed.wait(), 5)
        else:
            assert code == 0
        wire.break_off()

    play(story)


def test_what_is_no_mqtt_ends_the_connection_and_nothing_else(play: Play) -> None:
    async def story(world: World) -> None:
        house = await world.house_wire("stores/#")
        rubbish = [
            b"GET / HTTP/1.1\r\nHost: " + b"x" * 100,
            publish(T1, b"before any greeting"),
            packet(0x10, text("MQTT") + b"\4\x82\0\x3c"),
            b"\x10\xff\xff\xff\xff\x01",
        ]
        for bad in rubbish:
            wire = await Wire(world.port).open(bad)
            await asyncio.wait_for(wire.closed.wait(), 5)
        for bad in (
            packet(0x36, text(T1) + b"\0\1x"),
            publish("stores/+/t", b"x"),
            publish(b"stores/\xff", b"x"),
            packet(0x30, b"\0\xffstores"),
            packet(0x82, b"\0\1"),
            connect("freezer-1"),
            packet(0xF0, b""),
        ):
            wire = await world.wire("freezer-1")
            await wire.say(bad)
            await asyncio.wait_for(wire.closed.wait(), 5)
        assert house.came == [] and not house.closed.is_set()

    play(story)


def test_a_client_that_went_silent_is_given_up_after_one_and_a_half_keepalives(play: Play) -> None:
    async def story(world: World) -> None:
        house = await world.house_wire("stores/#")
        wire = await world.wire("freezer-1", keepalive_s=1, will=(T1, b"lost"))
        await asyncio.sleep(1.2)
        assert not wire.closed.is_set()
        await asyncio.wait_for(wire.closed.wait(), 5)
        assert (await house.until(1))[0].payload == b"lost"

    play(story)


# -- who may say and hear what -------------------------------------------------------------------------------------


def test_a_device_speaks_for_itself_only(play: Play) -> None:
    async def story(world: World) -> None:
        house = await world.house_wire("#")
        wire = await world.wire("freezer-1")
        for topic in (T2, "stores/100/freezer-10/t", "stores/100", "other"):
            await wire.say(publish(topic, b"forged", qos=1))
            await wire.answer(4)
        await wire.say(publish(T1, b"own", qos=1))
        await wire.answer(4)
        assert [one.payload for one in await house.until(1)] == [b"own"]

    play(story)


def test_a_will_is_bound_by_the_same_rights(play: Play) -> None:
    async def story(world: World) -> None:
        house, user = await world.house_wire("stores/#"), "freezer-1"
        wire = await Wire(world.port).open(connect(user, user, world.passwords[user], will=(T2, b"forged")))
        assert (await wire.answer(2))[1] in (0, 5)  # both are right: it is turned away, or its will is not published
        wire.break_off()
        other = await world.wire("freezer-2")
        await other.say(publish(T2, b"own", qos=1))
        assert [one.payload for one in await house.until(1)] == [b"own"]

    play(story)


def test_a_device_hears_nothing_that_it_may_not_have_whatever_it_subscribes_to(play: Play) -> None:
    async def story(world: World) -> None:
        house = await world.house_wire()
        wire = await world.wire("freezer-1")
        await wire.subscribe("#")
        await wire.subscribe("stores/#")
        await wire.subscribe("+/+/+/+")
        assert await wire.subscribe("stores/100/freezer-1/set") == b"\1"
        for topic in (T2, "stores/100/freezer-2/set", "$SYS/broker/uptime", "stores/100/freezer-1/set"):
            await house.say(publish(topic, topic.encode(), qos=1))
        came = await wire.until(1)
        await wire.ping()
        assert {one.topic for one in came} == {"stores/100/freezer-1/set"}

    play(story)


def test_retained_messages_are_bound_by_the_same_rights(play: Play) -> None:
    async def story(world: World) -> None:
        other = await world.wire("freezer-2")
        await other.say(publish(T2, b"secret", qos=1, retain=True))
        await other.answer(4)
        await world.house_wire("#")
        wire = await world.wire("freezer-1")
        await wire.subscribe("#")
        await wire.subscribe("stores/100/freezer-1/set")
        await wire.ping()
        await asyncio.sleep(0.2)
        assert wire.came == []

    play(story)


def test_wildcards_match_levels_and_spare_the_brokers_own_topics(play: Play) -> None:
    async def story(world: World) -> None:
        one, all_, deep = await world.house_wire("a/+/c"), await world.wire("panel"), await world.wire("freezer-1")
        assert await all_.subscribe("stores/100/#") == b"\1"
        assert deep
        for topic in ("a/b/c", "a//c", "a/b/c/d", "a/b", "stores/100", "stores/100/x/y", "stores/1000/x"):
            await one.say(publish(topic, topic.encode(), qos=1))
            await one.answer(4)
        assert [each.topic for each in await one.until(2)] == ["a/b/c", "a//c"]
        assert [each.topic for each in await all_.until(2)] == ["stores/100", "stores/100/x/y"]

    play(story)


# -- what becomes of messages --------------------------------------------------------------------------------------


def test_messages_arrive_in_order_at_the_lower_of_both_levels(play: Play) -> None:
    async def story(world: World) -> None:
        house = await world.house_wire("stores/#", qos=2)
        wire = await world.wire("freezer-1")
        for number in range(1, 31):
            await wire.say(publish(T1, str(number).encode(), qos=1, number=number))
        came = await house.until(30)
        assert [one.payload for one in came] == [str(number).encode() for number in range(1, 31)]
        assert {one.qos for one in came} == {1}
        await wire.say(publish(T1, b"zero"))
        assert (await house.until(31))[30] == Came(T1, b"zero", 0)

    play(story)


def test_what_a_client_sent_just_before_it_left_arrives(play: Play) -> None:
    async def story(world: World) -> None:
        house = await world.house_wire("stores/#")
        greeting = connect("freezer-1", "freezer-1", world.passwords["freezer-1"])
        messages = [publish(T1, str(number).encode()) for number in range(200)]
        wire = await Wire(world.port).open(greeting, *messages, b"\xe0\0")
        wire.writer.close()
        assert [one.payload for one in await house.until(200)] == [str(number).encode() for number in range(200)]

    play(story)


def test_qos_2_arrives_once_although_it_is_sent_twice(play: Play) -> None:
    async def story(world: World) -> None:
        house = await world.house_wire("stores/#", qos=2)
        wire = await world.wire("freezer-1")
        await wire.say(publish(T1, b"once", qos=2, number=7))
        assert await wire.answer(5) == b"\0\7"
        again = bytearray(publish(T1, b"once", qos=2, number=7))
        again[0] |= 8
        await wire.say(bytes(again))
        assert await wire.answer(5) == b"\0\7"
        await wire.say(packet(0x62, b"\0\7"))
        assert await wire.answer(7) == b"\0\7"
        await wire.say(publish(T1, b"next", qos=1, number=8))
        assert [one.payload for one in await house.until(2)] == [b"once", b"next"]
        assert house.came[0].qos == 2

    play(story)


def test_a_message_that_two_filters_match_comes_once(play: Play) -> None:
    async def story(world: World) -> None:
        house = await world.house_wire("stores/#", "stores/+/freezer-1/t", T1)
        wire = await world.wire("freezer-1")
        await wire.say(publish(T1, b"1", qos=1), publish(T1, b"2", qos=1, number=2))
        assert [one.payload for one in await house.until(2)] == [b"1", b"2"]

    play(story)


def test_a_retained_message_waits_for_later_subscribers_until_it_is_cleared(play: Play) -> None:
    async def story(world: World) -> None:
        wire, present = await world.wire("freezer-1"), await world.house_wire("stores/#")
        await wire.say(publish(T1, b"old", qos=1, retain=True), publish(T1, b"new", qos=1, retain=True, number=2))
        assert [one.retain for one in await present.until(2)] == [False, False]
        later = await world.wire("panel")
        await later.subscribe("stores/100/#")
        assert [(one.payload, one.retain) for one in await later.until(1)] == [(b"new", True)]
        await wire.say(publish(T1, b"", qos=1, retain=True, number=3))
        assert (await later.until(2))[1].payload == b""
        last = await world.wire("panel")
        await last.subscribe("stores/100/#")
        await last.ping()
        await asyncio.sleep(0.1)
        assert last.came == []

    play(story)


def test_a_will_is_published_when_a_line_breaks_and_not_after_a_goodbye(play: Play) -> None:
    async def story(world: World) -> None:
        house = await world.house_wire("uagv/#")
        topic = "uagv/v2/acme/r1/connection"
        robot = await world.wire("robot", will=(topic, b"CONNECTIONBROKEN"))
        await robot.leave()
        await asyncio.wait_for(robot.closed.wait(), 5)
        robot = await world.wire("robot", will=(topic, b"CONNECTIONBROKEN"))
        robot.break_off()
        assert [one.payload for one in await house.until(1)] == [b"CONNECTIONBROKEN"]

    play(story)


def test_a_message_of_256_kib_passes_and_one_of_a_megabyte_does_not(play: Play) -> None:
    async def story(world: World) -> None:
        house = await world.house_wire("stores/#")
        wire, other = await world.wire("freezer-1"), await world.wire("freezer-2")
        large = bytes(range(256)) * 1024
        await wire.say(publish(T1, large, qos=1))
        assert (await house.until(1))[0].payload == large
        await wire.say(publish(T1, large * 4, qos=1, number=2))
        await asyncio.wait_for(wire.closed.wait(), 5)
        await other.say(publish(T2, b"unharmed", qos=1))
        assert [one.payload for one in await house.until(2)][1] == b"unharmed"

    play(story)


def test_sessions_are_clean_whatever_a_client_asks_for(play: Play) -> None:
    async def story(world: World) -> None:
        house = await world.house_wire()
        wire = await world.wire("freezer-1")
        await wire.subscribe("stores/100/freezer-1/set")
        await wire.leave()
        await asyncio.wait_for(wire.closed.wait(), 5)
        await house.say(publish("stores/100/freezer-1/set", b"missed", qos=1))
        await house.answer(4)
        again = await world.wire("freezer-1")
        await again.ping()
        assert again.came == []

    play(story)


def test_who_is_revoked_is_cut_off_and_does_not_come_back(play: Play) -> None:
    async def story(world: World) -> None:
        revoked, other = await world.wire("freezer-1"), await world.wire("freezer-2")
        await asyncio.to_thread(world.admission.revoke, "freezer-1")
        if isinstance(world, MosquittoWorld):
            world.reload()
        await asyncio.wait_for(revoked.closed.wait(), 5)
        await world.wire("freezer-1", code=5)
        await other.ping()

    play(story)


def test_a_new_password_takes_the_place_of_the_old_one(play: Play) -> None:
    async def story(world: World) -> None:
        wire = await world.wire("freezer-1")
        new = await asyncio.to_thread(world.admission.rotate, "freezer-1")
        if isinstance(world, MosquittoWorld):
            world.reload()
        await asyncio.wait_for(wire.closed.wait(), 5)
        await world.wire("freezer-1", code=5)
        await world.wire("freezer-1", password=new)

    play(story)


def test_a_client_that_does_not_read_costs_nobody_else_anything(play: Play) -> None:
    async def story(world: World) -> None:
        house = await world.house_wire("stores/100/freezer-1/t")
        slow = await world.wire("panel")
        await slow.subscribe("stores/100/#", qos=0)
        slow.writer.transport.pause_reading()
        slow._listening.cancel()
        sender = await world.wire("freezer-1")
        body = bytes(50_000)
        for number in range(1, 401):
            await sender.say(publish(T1, body, qos=1, number=number))
        assert len(await house.until(400, 30)) == 400
        assert await until(lambda: len(sender.answers) == 400, 10) < 10

    play(story)
