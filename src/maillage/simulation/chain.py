"""A simulated chain as the run sees it: its processes, its stores, whom clients ask, and how it comes to rest."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from maillage.kernel.errors import Refusal
from maillage.kernel.times import FOREVER
from maillage.simulation.alone import AloneProcess
from maillage.simulation.checker import BEYOND_ALL_ENDS_S, check_ledger
from maillage.simulation.clients import Client
from maillage.simulation.disk import OWN
from maillage.simulation.faults import Faults
from maillage.simulation.memory import Memory
from maillage.simulation.outcome import Outcome
from maillage.simulation.process import Lost, SimProcess
from maillage.simulation.stage import Store, stores
from maillage.simulation.world import World

PERSIST_MAX = 400
"""Times that something is tried when no fault is left that could stand in its way."""


class Stuck(Exception):
    """Something that must come when no fault is left does not come."""


class SimChain(ABC):
    """``processes`` are what faults strike."""

    processes: Sequence[SimProcess]
    stores: Sequence[Store]

    def __init__(self, world: World) -> None:
        self.world = world

    def parts(self) -> dict[str, int]:
        """How many it has of what, for the report."""
        return {"processes": len(self.processes), "stores": len(self.stores)}

    @abstractmethod
    def client(self, number: int, memory: Memory) -> Client:
        """One of those who live in the chain."""

    def faults(self) -> Faults:
        """What is to go wrong."""
        return Faults(self.world, self.processes)

    @abstractmethod
    def owners(self) -> Iterator[AloneProcess]:
        """The processes that own ledgers."""

    @abstractmethod
    async def set_up(self) -> None:
        """Start everything and enter the stores, before anything goes wrong."""

    @abstractmethod
    async def rest(self) -> None:
        """Wait, when no fault is left, until everything has been worked off."""

    @abstractmethod
    def check(self, outcome: Outcome) -> None:
        """What must hold beyond each ledger by itself, and the promises to clients."""

    async def settle(self) -> None:
        """Come to rest, let every lease come to its end, and come to rest again."""
        await self.until("every process is up", self.is_up)
        await self.rest()
        for owner in self.owners():
            for lease in list(owner.ledger.leases.values()):
                if lease.is_active and lease.end >= FOREVER:
                    await self.persist(owner, "owner_office", "release", lease.id, None)
        self.world.time.leap(BEYOND_ALL_ENDS_S)
        await self.until(
            "every lease has ended",
            lambda: not any(lease.is_active for owner in self.owners() for lease in owner.ledger.leases.values()),
        )
        await self.rest()

    def is_up(self) -> bool:
        """Whether every process can be asked."""
        return all(process.office is not None for process in self.processes)

    async def stop(self) -> None:
        """Stop all processes in good order."""
        for process in self.processes:
            await process.stop()

    def check_ledgers(self) -> Outcome:
        """Check what each owner has written; what it all came to."""
        outcome = Outcome()
        for owner in self.owners():
            file = owner.disk.file(OWN)
            report = check_ledger(self.world, owner.name, file, owner.ledger)
            outcome.charged.update(report.charged_micro)
            outcome.credited.update(report.credited_micro)
            outcome.read(batch.body for batch in file.batches)
        return outcome

    async def persist(self, process: SimProcess, office: str, method: str, *args: Any) -> Any:
        """Call an office of a process until there is an answer; a refusal is one, unless it says that things may be
        better in a moment."""
        for _ in range(PERSIST_MAX):
            try:
                return await process.call_on(getattr(process, office), method, *args)
            except Lost:
                await self.world.sleep(1.0)
            except Refusal as refusal:
                if refusal.category.name != "UNAVAILABLE":
                    return refusal
                await self.world.sleep(1.0)
        raise Stuck("something could not be done though nothing stood in its way any more")

    async def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Wait for something that must come when no fault is left."""
        for _ in range(PERSIST_MAX):
            if holds():
                return
            await self.world.sleep(0.5)
        raise Stuck(f"it never came to this: {what}")


class AloneChain(SimChain):
    """All stores in one process."""

    def __init__(self, world: World, process: type[AloneProcess] = AloneProcess) -> None:
        super().__init__(world)
        random = world.random("stage")
        self.stores = stores(random, random.randint(2, 6))
        self.process = process(world, "chain")
        self.processes = [self.process]

    def client(self, number: int, memory: Memory) -> Client:
        return Client(self.world, number, self.stores, lambda _: self.process, memory, sees_all=True)

    def owners(self) -> Iterator[AloneProcess]:
        yield self.process

    async def set_up(self) -> None:
        await self.process.start()
        await self.persist(self.process, "office", "set_sites", [store.site for store in self.stores])
        for store in self.stores:
            for kind, plan in store.pools.items():
                await self.persist(self.process, "office", "set_capacity", store.site.id, kind, plan)

    async def rest(self) -> None:
        """Nothing is left under way once a call has been answered."""
        await self.persist(self.process, "office", "get_site", self.stores[0].site.id)

    def check(self, outcome: Outcome) -> None:
        """One process: there is nothing beyond its ledger."""
