"""Positions from the line to the sessions, on virtual time: a session moves because of them, and nothing that comes
over the line disturbs the others."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from maillage.devices.admission import Admission
from maillage.devices.line import Message, Take
from maillage.kernel.errors import NotFound, SiteUnreachable
from maillage.services.compute.live.documents import SessionDocument
from maillage.services.compute.positions.service import APART_S, SWEEP_S, Positions
from maillage.services.compute.positions.topics import topic_of
from tests.contract.mqtt_brokers import MemoryClientRecords
from tests.unit.services.compute.follow.follow_world import along
from tests.unit.services.compute.live.live_world import LiveWorld, played


class Line:
    """Gives what is said to who takes it, one batch after the other, as ``DeviceLine`` does."""

    connected = True

    def __init__(self, world: LiveWorld) -> None:
        self._world = world
        self.takes: list[Take] = []

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def subscribe(self, topic_filter: str, take: Take, qos: int = 1) -> Callable[[], None]:
        assert topic_filter == "maillage/positions/+"
        self.takes.append(take)
        return lambda: self.takes.remove(take)

    async def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> None: ...

    async def say(self, session: str, *payloads: bytes, retained: bool = False) -> None:
        """Returns once it was given; what comes of it is another matter."""
        at_ms = 1_000 * self._world.clock.now()
        for take in self.takes:
            await take([Message(topic_of(session), payload, at_ms, retained) for payload in payloads])


class Street(LiveWorld):
    """A world with positions in it."""

    line: Line
    positions: Positions

    async def open(self) -> None:
        self.line = Line(self)
        self.admission = Admission(MemoryClientRecords(), self.clock)
        self.positions = Positions(self.line, self.admission, self.sessions, self.clock)
        await self.positions.start()

    async def drive(self, session: SessionDocument, km: float, **more: Any) -> None:
        """The device says that it is so far along; nobody waits for what comes of it."""
        await self.line.say(session.id, place(km), **more)


def place(km: float) -> bytes:
    lat, lon = along(km)
    return json.dumps({"lat": lat, "lon": lon}).encode()


def driven(folder: Path, story: Callable[[Street], Coroutine[Any, Any, None]]) -> None:
    async def whole(world: LiveWorld) -> None:
        world.__class__ = Street
        assert isinstance(world, Street)
        await world.open()
        await story(world)
        await world.positions.stop()
        assert world.line.takes == []

    played(folder, whole)


def test_a_session_moves_because_its_device_says_where_it_is(tmp_path: Path) -> None:
    async def story(world: Street) -> None:
        session = await world.begin()
        assert await world.call(session) == b"1"
        await asyncio.sleep(300)
        await world.drive(session, 9)
        await asyncio.sleep(2)
        assert world.seen(session).site == "s1"
        assert await world.call(session) == b"2"
        await world.assert_whole(session)
        assert (world.positions.of(session.id).taken, world.positions.counts.taken) == (1, 1)

    driven(tmp_path, story)


def test_a_position_goes_to_its_session_at_once(tmp_path: Path) -> None:
    async def story(world: Street) -> None:
        session = await world.begin()
        await asyncio.sleep(300)
        await world.drive(session, 1)
        await asyncio.sleep(0.01)
        assert world.positions.of(session.id).taken == 1
        await asyncio.sleep(1)
        await world.drive(session, 1.1)
        await asyncio.sleep(0.01)
        assert world.positions.of(session.id).taken == 2, "one a second never waits"

    driven(tmp_path, story)


def test_what_is_no_position_or_no_sessions_is_counted_and_disturbs_nobody(tmp_path: Path) -> None:
    async def story(world: Street) -> None:
        session = await world.begin()
        await asyncio.sleep(300)
        await world.line.say("se_nobody", place(9))
        await world.line.say("freezer-1", place(9))
        await world.line.say(session.id, b"\xff", b'{"lat": 100, "lon": 0}', b"[]")
        await world.drive(session, 9)
        await asyncio.sleep(2)
        counts, every = world.positions.of(session.id), world.positions.counts
        assert (counts.messages, counts.malformed, counts.taken, counts.failed) == (4, 3, 1, 0)
        assert (every.messages, every.unknown, every.malformed) == (6, 2, 3)
        assert world.seen(session).site == "s1"
        assert world.positions.of("se_nobody").messages == 0

    driven(tmp_path, story)


def test_what_is_older_than_what_is_known_is_counted_and_moves_nothing(tmp_path: Path) -> None:
    async def story(world: Street) -> None:
        session = await world.begin()
        await asyncio.sleep(300)
        await world.drive(session, 9)
        await asyncio.sleep(1)
        await world.drive(session, 0.1, retained=True)
        await asyncio.sleep(1)
        lat, lon = along(0.1)
        before = {"lat": lat, "lon": lon, "at": "1970-01-01T00:00:30Z"}
        await world.line.say(session.id, json.dumps(before).encode())
        await asyncio.sleep(1)
        counts = world.positions.of(session.id)
        assert (counts.taken, counts.late + counts.malformed) == (1, 2)
        assert world.seen(session).site == "s1"

    driven(tmp_path, story)


def test_a_flood_costs_two_reports_a_second_and_the_newest_counts(tmp_path: Path) -> None:
    async def story(world: Street) -> None:
        session = await world.begin()
        calls = counted(world)
        await asyncio.sleep(300)
        began = asyncio.get_running_loop().time()
        for number in range(2_000):
            await world.drive(session, 5.2 + 0.7 * number / 2_000)
            await asyncio.sleep(0.005)
        took_s = asyncio.get_running_loop().time() - began
        await asyncio.sleep(2)
        assert len(calls) <= took_s / APART_S + 2
        counts = world.positions.of(session.id)
        assert counts.messages == 2_000 == counts.taken + counts.late + counts.superseded
        seen = world.seen(session)
        assert seen.site == "s1" and seen.position is not None
        assert seen.position.lon == pytest.approx(along(5.9)[1], abs=0.001)

    driven(tmp_path, story)


def test_a_session_that_takes_long_holds_up_nobody_else(tmp_path: Path) -> None:
    async def story(world: Street) -> None:
        slow, quick = await world.begin(device="slow"), await world.begin(device="quick")
        gate = asyncio.Event()
        report = world.sessions.report

        async def wait(session_id: str, *more: Any) -> SessionDocument:
            if session_id == slow.id:
                await gate.wait()
            return await report(session_id, *more)

        world.positions._sessions.report = wait  # type: ignore[method-assign]
        await asyncio.sleep(200)
        for number in range(200):
            await world.drive(slow, 1 + 0.04 * number)
            await world.drive(quick, 1 + 0.04 * number)
            await asyncio.sleep(1)
        assert world.seen(quick).site == "s1" and world.positions.of(quick.id).taken == 200
        assert world.seen(slow).site == "s0" and world.positions.of(slow.id).taken == 0
        assert world.positions.of(slow.id).superseded > 0
        gate.set()
        await asyncio.sleep(10)
        assert world.seen(slow).site == "s1"

    driven(tmp_path, story)


def test_a_report_that_fails_is_counted_and_the_next_one_is_taken(tmp_path: Path) -> None:
    async def story(world: Street) -> None:
        session = await world.begin()
        report = world.sessions.report
        faults: list[Exception] = [SiteUnreachable("s1 does not answer"), RuntimeError("a fault of ours")]

        async def fail(*all_of_it: Any) -> SessionDocument:
            if faults:
                raise faults.pop(0)
            return await report(*all_of_it)

        world.positions._sessions.report = fail  # type: ignore[method-assign]
        await asyncio.sleep(200)
        for _ in range(3):
            await world.drive(session, 9)
            await asyncio.sleep(2)
        counts = world.positions.of(session.id)
        assert (counts.failed, counts.taken) == (2, 1)
        assert world.seen(session).site == "s1"

    driven(tmp_path, story)


def test_a_client_is_for_its_sessions_topic_and_nothing_else_and_ends_with_it(tmp_path: Path) -> None:
    async def story(world: Street) -> None:
        session, other = await world.begin(device="one"), await world.begin(device="two")
        clients = world.positions.clients
        client, password = await clients.give(session.id, "acme")
        _, others = await clients.give(other.id, None)
        assert (client.id, client.publish, client.subscribe) == (session.id, (topic_of(session.id),), ())
        admitted = world.admission.admit(session.id, password)
        assert admitted is not None and admitted.may_publish(topic_of(session.id))
        assert not admitted.may_publish(topic_of(other.id)) and not admitted.may_subscribe(topic_of(session.id))
        for stranger in ("other", "acme2"):
            with pytest.raises(NotFound):
                await clients.give(session.id, stranger)
            with pytest.raises(NotFound):
                clients.of(session.id, stranger)

        _, second = await clients.give(session.id, "acme")
        assert world.admission.admit(session.id, password) is None, "the former password ends"
        assert world.admission.admit(session.id, second) is not None

        await world.sessions.end(session.id, "acme")
        await asyncio.sleep(SWEEP_S + 1)
        assert world.admission.admit(session.id, second) is None
        assert [each.id for each in world.admission.clients()] == [other.id]
        with pytest.raises(NotFound):
            await clients.give(session.id, "acme")
        assert world.admission.admit(other.id, others) is not None

    driven(tmp_path, story)


def test_a_session_that_ended_of_its_devices_silence_has_no_client_at_its_next_word(tmp_path: Path) -> None:
    async def story(world: Street) -> None:
        session = await world.begin(silence_s=30)
        await world.positions.clients.give(session.id, "acme")
        await asyncio.sleep(31)
        await world.drive(session, 1)
        await until(lambda: world.admission.clients() == [])
        with pytest.raises(NotFound):
            world.seen(session)
        await world.drive(session, 1)
        assert world.positions.counts.unknown == 1

    driven(tmp_path, story)


def test_clients_of_sessions_that_ended_while_nobody_listened_end_at_the_start(tmp_path: Path) -> None:
    async def story(world: Street) -> None:
        session = await world.begin()
        await world.positions.clients.give(session.id, "acme")
        world.admission.add("se_of-an-operator", "", ("plant/#",))
        await world.positions.stop()
        await world.sessions.end(session.id, "acme")
        world.positions = Positions(world.line, world.admission, world.sessions, world.clock)
        await world.positions.start()
        await asyncio.sleep(1)
        assert [each.id for each in world.admission.clients()] == ["se_of-an-operator"]

    driven(tmp_path, story)


def test_stopping_leaves_a_move_under_way_to_the_sessions(tmp_path: Path) -> None:
    async def story(world: Street) -> None:
        session = await world.begin()
        await asyncio.sleep(300)
        await world.drive(session, 9)
        await asyncio.sleep(0.001)
        await world.positions.stop()
        await asyncio.sleep(5)
        assert world.seen(session).site == "s1"
        await world.assert_whole(session)
        await world.positions.start()

    driven(tmp_path, story)


def counted(world: Street) -> list[str]:
    """Fills with the session of each report from now on."""
    calls: list[str] = []
    report: Callable[..., Awaitable[SessionDocument]] = world.sessions.report

    async def count(session_id: str, *more: Any) -> SessionDocument:
        calls.append(session_id)
        return await report(session_id, *more)

    world.positions._sessions.report = count  # type: ignore[method-assign]
    return calls


async def until(true: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come")
