"""Whose turn it is: places of an instance, processor time of a lease, threads of the process."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic

import pytest

from maillage.engines.wasmtime.budget import BURST_S, CpuBudget
from maillage.engines.wasmtime.gate import Gate
from maillage.engines.wasmtime.workers import NICE, Workers
from maillage.services.compute.errors import Busy, CodeFault
from tests.contract.runtimes import World
from tests.unit.engines.wasmtime.wasm_stories import COMMAND, COMPONENT, play


def test_a_budget_lets_half_a_core_through_over_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("maillage.engines.wasmtime.budget.monotonic", lambda: now)
    budget = CpuBudget(500)
    used = 0.0
    begun = now
    while now - begun < 10:
        used += 0.01
        now += 0.01 + budget.charge(0.01)
    assert used == pytest.approx(5.0, abs=0.5 * BURST_S + 0.05)


def test_what_was_not_used_for_long_is_not_saved_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("maillage.engines.wasmtime.budget.monotonic", lambda: now)
    budget = CpuBudget(1_000)
    now = 3_600.0
    assert budget.charge(BURST_S) == 0
    assert budget.charge(1.0) == pytest.approx(1.0)


def gated(story: Callable[[Gate], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(story(Gate("acme.app", 1, 2)), 10))  # type: ignore[arg-type]


def test_turns_come_in_order() -> None:
    async def story(gate: Gate) -> None:
        order: list[int] = []

        async def pass_through(nth: int) -> None:
            gate.admit()
            await gate.turn(5)
            order.append(nth)
            await asyncio.sleep(0)
            gate.done()

        await asyncio.gather(*(pass_through(nth) for nth in range(3)))
        assert order == [0, 1, 2]

    gated(story)


def test_one_more_than_may_wait_is_busy() -> None:
    async def story(gate: Gate) -> None:
        for _ in range(3):
            gate.admit()
        with pytest.raises(Busy, match="1 requests run and 2 wait"):
            gate.admit()
        gate.leave()
        gate.admit()

    gated(story)


def test_whoever_gives_up_waiting_does_not_take_a_turn_with_him() -> None:
    async def story(gate: Gate) -> None:
        gate.admit()
        await gate.turn(5)
        gate.admit()
        with pytest.raises(Busy, match="no turn"):
            await gate.turn(0.02)
        gate.leave()
        gate.admit()
        gone = asyncio.create_task(gate.turn(5))
        await asyncio.sleep(0)
        gone.cancel()
        gate.done()  # at the same moment: the turn must not be lost
        with pytest.raises(asyncio.CancelledError):
            await gone
        gate.leave()
        gate.admit()
        await gate.turn(0.5)

    gated(story)


def test_workers_come_as_they_are_needed_and_end_when_they_are_closed() -> None:
    workers = Workers("trial", 3)
    together = threading.Barrier(3)
    seen: list[int] = []
    for _ in range(3):
        workers.submit(lambda: seen.append(together.wait(5)))
    deadline = monotonic() + 5
    while len(seen) < 3 and monotonic() < deadline:
        time.sleep(0.005)
    assert sorted(seen) == [0, 1, 2]
    for _ in range(10):
        workers.submit(lambda: seen.append(9))
    workers.close(5)
    assert seen.count(9) == 10
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("trial-")]


def test_one_worker_is_enough_for_one_task_after_another() -> None:
    workers = Workers("one", 8)
    names: set[str] = set()
    over = threading.Event()

    def task() -> None:
        names.add(threading.current_thread().name)
        over.set()

    for _ in range(20):
        over.clear()
        workers.submit(task)
        assert over.wait(5)
        time.sleep(0.002)
    workers.close(5)
    assert names == {"one-0"}


def test_code_runs_at_a_lower_priority_than_the_rest(tmp_path: Path) -> None:
    if not Path("/proc/self/task").is_dir():
        pytest.skip("priorities of threads are told by /proc only")

    async def story(world: World) -> None:
        await world.start()
        await world.ask("/echo")
        # stat: pid (name) state and 15 numbers before the nice value
        nice = {
            (task / "comm").read_text().strip(): int((task / "stat").read_text().rsplit(")", 1)[1].split()[16])
            for task in Path("/proc/self/task").iterdir()
        }
        assert NICE in nice.values()

    play(COMPONENT, tmp_path, story)


@pytest.mark.parametrize("case", [COMPONENT, COMMAND], ids=["component", "command"])
def test_a_lease_of_a_quarter_core_gets_a_quarter_of_a_core(case: object, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start(cpu=250, request_s=1.2)
        before = time.process_time()
        with pytest.raises(CodeFault):
            await world.ask("/loop")
        used = time.process_time() - before
        assert 0.1 < used < 0.25 * (1.2 + BURST_S) + 0.15

    play(case, tmp_path, story)  # type: ignore[arg-type]


def test_the_event_loop_goes_on_while_code_never_rests(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start(cpu=4_000, concurrency=4, request_s=1.0)
        greedy = [asyncio.create_task(world.ask("/loop")) for _ in range(4)]
        late: list[float] = []
        while not greedy[0].done():
            begun = monotonic()
            await asyncio.sleep(0.01)
            late.append(monotonic() - begun - 0.01)
        await asyncio.gather(*greedy, return_exceptions=True)
        assert len(late) > 20
        assert sorted(late)[len(late) // 2] < 0.05

    play(COMPONENT, tmp_path, story)
