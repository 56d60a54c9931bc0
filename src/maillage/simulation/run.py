"""One simulation: a chain is built, lived in and struck by faults, comes to rest, and is checked."""

import asyncio
import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from maillage.kernel.errors import Refusal
from maillage.simulation.chain import AloneChain, SimChain, Stuck
from maillage.simulation.life import OUR_FAULTS
from maillage.simulation.loop import Deadlock
from maillage.simulation.memory import Memory
from maillage.simulation.mesh_chain import MeshChain
from maillage.simulation.promises import check_keys, check_promises
from maillage.simulation.world import World

STEPS = 2_000
"""Actions of clients, unless told otherwise."""
CLIENTS = 12
COLLECT_EVERY_S = 60.0
"""Virtual seconds between two looks for garbage in a long run."""
STEP_MAX_S = 60.0
"""Virtual seconds that a step may take; a run that takes longer than all its steps does not come to an end."""

ALONE_EVERY = 4
"""Of so many seeds one plays a chain that lives in one process; the others play a mesh."""

MakeChain = Callable[[World], SimChain]


@dataclass(frozen=True)
class Report:
    """What a run came to. ``chain`` counts its parts, ``virtual_s`` the seconds that passed in it. ``digest`` stands
    for the whole history: it is the same for the same seed and steps."""

    seed: int
    steps: int
    chain: dict[str, int]
    counts: dict[str, int]
    virtual_s: int
    faults: list[str]
    digest: str

    @property
    def ok(self) -> bool:
        return not self.faults


def chain_of(world: World) -> SimChain:
    """The chain that a seed plays."""
    return AloneChain(world) if world.seed % ALONE_EVERY == 0 else MeshChain(world)


def simulate(seed: int, steps: int = STEPS, make: MakeChain = chain_of) -> Report:
    """Play one seed, to its report. Nothing outside is touched, and no real time is waited for."""
    world = World(seed)
    began = world.time.seconds()
    chain = make(world)
    with _listening(world), _collected_by_hand():
        try:
            world.loop.run(_play(world, chain, steps))
        except (Deadlock, Stuck) as stuck:
            world.fault(f"at {world.loop.now_s:.3f} s: {stuck}")
    counts = dict(sorted(world.counts.items()))
    return Report(seed, steps, chain.parts(), counts, int(world.time.seconds() - began), world.faults, world.digest)


async def _play(world: World, chain: SimChain, steps: int) -> None:
    memory = Memory()
    main = asyncio.current_task()
    assert main is not None
    world.loop.call_later(STEP_MAX_S * (steps + 100), main.cancel)
    try:
        await _live(world, chain, steps, memory)
    except asyncio.CancelledError:
        world.fault(f"at {world.loop.now_s:.0f} s the chain had still not come to rest")
        return
    outcome = chain.check_ledgers()
    check_promises(memory, outcome, world.fault)
    chain.check(outcome)
    check_keys(outcome, world.fault)
    await chain.stop()


async def _live(world: World, chain: SimChain, steps: int, memory: Memory) -> None:
    await chain.set_up()
    world.spawn(_tidy(world))
    faults = chain.faults()
    striking = world.spawn(faults.strike())
    turns = iter(range(steps))
    clients = [chain.client(number, memory) for number in range(CLIENTS)]
    await asyncio.gather(*(world.spawn(client.act(turns)) for client in clients))
    striking.cancel()
    faults.calm()
    await chain.settle()


@contextmanager
def _collected_by_hand() -> Iterator[None]:
    """Look for garbage at set times only: walking a world over and over takes longer than all that it does."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        _collect()
        if was_on:
            gc.enable()


async def _tidy(world: World) -> None:
    while True:
        await world.sleep(COLLECT_EVERY_S)
        _collect()


def _collect() -> None:
    gc.unfreeze()  # who recovers a ledger freezes all there is
    gc.collect()


@contextmanager
def _listening(world: World) -> Iterator[None]:
    """Keep what the program logs off the terminal, and look in it for faults that can only be our own."""
    log, listener = logging.getLogger("maillage"), _Listener(world)
    former = log.handlers[:], log.propagate
    log.handlers[:], log.propagate = [listener], False
    logging.getLogger("asyncio").addFilter(_nothing)
    try:
        yield
    finally:
        log.handlers[:], log.propagate = former
        logging.getLogger("asyncio").removeFilter(_nothing)


class _Listener(logging.Handler):
    def __init__(self, world: World) -> None:
        super().__init__(logging.WARNING)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        fault = record.exc_info[1] if record.exc_info else None
        if isinstance(fault, OUR_FAULTS) and not isinstance(fault, Refusal):
            self._world.crashed(record.name, fault)


def _nothing(_: logging.LogRecord) -> bool:
    return False
