"""The loop on virtual time: it jumps instead of waiting, works in one thread, and does everything in the same order."""

import asyncio
import threading
import time

import pytest

from maillage.simulation.life import Life
from maillage.simulation.loop import Deadlock, SimLoop


def a_loop(executor_s: float = 0.5) -> SimLoop:
    return SimLoop(lambda: executor_s)


def test_an_hour_of_sleep_takes_no_time() -> None:
    loop, began = a_loop(), time.perf_counter()

    async def sleep() -> float:
        await asyncio.sleep(3_600)
        return asyncio.get_running_loop().time()

    assert loop.run(sleep()) == 3_600
    assert time.perf_counter() - began < 1


def test_timeouts_run_out_on_virtual_time() -> None:
    async def wait() -> float:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 7)
        return asyncio.get_running_loop().time()

    assert a_loop().run(wait()) == pytest.approx(7)


def test_what_goes_to_an_executor_runs_here_and_a_little_later() -> None:
    async def work() -> tuple[int, float]:
        thread = await asyncio.to_thread(threading.get_ident)
        return thread, asyncio.get_running_loop().time()

    thread, at = a_loop(0.5).run(work())
    assert thread == threading.get_ident()
    assert at == pytest.approx(1.0)  # there and back


def test_what_an_executor_raises_arrives() -> None:
    async def work() -> None:
        await asyncio.to_thread(int, "no number")

    with pytest.raises(ValueError, match="no number"):
        a_loop().run(work())


def test_waiting_for_what_can_never_come_is_noticed() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        a_loop().run(wait())


def test_tasks_in_a_set_have_the_order_in_which_they_were_made() -> None:
    async def many() -> list[int]:
        tasks = [asyncio.create_task(asyncio.sleep(1, number)) for number in range(200)]
        done, _ = await asyncio.wait(tasks)
        return [task.result() for task in done]

    assert a_loop().run(many()) == a_loop().run(many())


def test_when_a_life_ends_its_tasks_end_and_nothing_it_had_under_way_is_done() -> None:
    done: list[str] = []

    async def work() -> None:
        await asyncio.to_thread(done.append, "by a dead process")

    async def story() -> bool:
        life = Life("a", lambda name, fault: None)
        task = life.spawn(work())
        await asyncio.sleep(0.1)
        life.end()
        await asyncio.sleep(10)
        return task.cancelled()

    assert a_loop(0.5).run(story())
    assert done == []


def test_tasks_that_a_task_starts_belong_to_its_life() -> None:
    async def child() -> None:
        await asyncio.sleep(100)

    async def story() -> bool:
        life = Life("a", lambda name, fault: None)
        children: list[asyncio.Task[None]] = []

        async def parent() -> None:
            children.append(asyncio.create_task(child()))

        life.spawn(parent())
        await asyncio.sleep(1)
        life.end()
        await asyncio.sleep(1)
        return children[0].cancelled()

    assert a_loop().run(story())
