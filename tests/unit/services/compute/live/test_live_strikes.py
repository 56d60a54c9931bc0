"""Whatever fails at whatever step, and wherever the process ends: one lease, one instance, all of the state."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from maillage.kernel.errors import Refusal
from maillage.services.compute.live.documents import SessionDocument
from tests.unit.services.compute.live.live_world import LiveWorld, played

MOVE = ("reserve", "copy", "keep", "put", "settled", "drop", "release", "forget", "record")
"""All steps of a move; some are taken more than once."""
MODES = ("before", pytest.param("after", marks=pytest.mark.long), "crash")


async def struck_steps(world: LiveWorld) -> list[tuple[str, int]]:
    """Each step of a move that goes well, with which time it is."""
    session = await world.begin()
    world.strikes.clear()
    await world.report(session, 9)
    taken = list(world.strikes.done)
    await world.sessions.end(session.id, None)
    assert set(taken) == set(MOVE)
    counts: Counter[str] = Counter()
    steps = []
    for step in taken:
        counts[step] += 1
        steps.append((step, counts[step]))
    return steps


async def report_through(world: LiveWorld, session: SessionDocument, km: float) -> bool:
    """A report in whose midst something strikes; what is left of the process afterwards, or the next one, goes on.
    Whether it is the next one."""
    report = asyncio.ensure_future(world.report(session, km))
    crash = asyncio.ensure_future(world.strikes.crashed.wait())
    await asyncio.wait({report, crash}, return_when=asyncio.FIRST_COMPLETED)
    crashed = crash.done()
    if crashed:
        await world.crash_and_boot()
    else:
        crash.cancel()
        await asyncio.gather(report, return_exceptions=True)
    world.strikes.clear()
    return crashed


@pytest.mark.parametrize("mode", MODES)
def test_a_step_of_a_move_that_is_struck_leaves_one_lease_with_an_instance_and_the_state(
    tmp_path: Path, mode: str
) -> None:
    async def story(world: LiveWorld) -> None:
        for step, nth in await struck_steps(world):
            session = await world.begin()
            assert await world.call(session) == b"1"
            world.strikes.set(step, nth, mode)
            assert await report_through(world, session, 9) == (mode == "crash")
            await world.until(lambda session=session: world.seen(session).state == "ready")  # type: ignore[misc]
            assert await world.call(session) == b"2", (step, nth)
            await asyncio.sleep(70)  # a sweep
            await world.assert_whole(session)
            await world.report(session, 9)
            assert (await world.assert_whole(session)).site == "s1", (step, nth)
            assert await world.call(session) == b"3", (step, nth)
            await world.sessions.end(session.id, None)
            await world.assert_nothing_left()

    played(tmp_path, story)


@pytest.mark.parametrize("mode", ["before", "after"])
def test_a_step_of_a_beginning_that_is_struck_leaves_nothing(tmp_path: Path, mode: str) -> None:
    async def story(world: LiveWorld) -> None:
        for step in ("reserve", "keep", "put", "settled", "record"):
            for nth in range(1, 4 if step == "record" else 2):
                world.strikes.set(step, nth, mode)
                try:
                    session = await world.begin()
                except (OSError, Refusal):
                    pass
                else:
                    assert session.state == "ready", "another store took it"
                    await world.sessions.end(session.id, None)
                world.strikes.clear()
                await asyncio.sleep(700)  # what could not be given back at once goes with the silence
                await world.assert_nothing_left()

    played(tmp_path, story)


@pytest.mark.parametrize("step", ["drop", "release", "forget"])
def test_an_end_that_is_struck_is_told_and_finished_later(tmp_path: Path, step: str) -> None:
    async def story(world: LiveWorld) -> None:
        session = await world.begin()
        world.strikes.set(step, 1, "before")
        with pytest.raises(Refusal, match="end it again"):
            await world.sessions.end(session.id, "acme")
        with pytest.raises(Refusal):
            await world.call(session)
        await world.sessions.end(session.id, "acme")
        await world.assert_nothing_left()

    played(tmp_path, story)


def test_a_beginning_that_the_process_does_not_survive_leaves_nothing_but_what_goes_with_the_silence(
    tmp_path: Path,
) -> None:
    async def story(world: LiveWorld) -> None:
        for step in ("reserve", "keep", "put", "settled"):
            world.strikes.set(step, 1, "crash")
            beginning = asyncio.ensure_future(world.begin())
            await world.strikes.crashed.wait()
            await world.crash_and_boot()
            await asyncio.gather(beginning, return_exceptions=True)
            await asyncio.sleep(700)
            await world.assert_nothing_left()

    played(tmp_path, story)
