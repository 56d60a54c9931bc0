"""A simulated process: production objects over a disk and a clock that outlive it, started and crashed and started."""

from abc import ABC, abstractmethod
from typing import Any

from maillage.kernel.errors import RecordsUnavailable
from maillage.kernel.office import Office
from maillage.simulation.clock import SimClock
from maillage.simulation.disk import SimDisk
from maillage.simulation.life import Life, ProcessGone
from maillage.simulation.world import World

START_AGAIN_S = 2.0
"""The longest that a supervisor takes to start again what is not up."""
CALL_TIMEOUT_S = 60.0
"""How long a client waits for an answer before it gives the call up for lost."""


class Lost(Exception):
    """No answer came: what was asked may or may not have been done."""


class SimProcess(ABC):
    """``office`` is what clients call while it is up, None while it is not."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.random = world.random(name)
        self.clock = SimClock(world.time)
        self.disk = SimDisk(world.random(f"{name}/disk"), lambda: self.crash(power=self.random.random() < 0.5))
        self.life: Life | None = None
        self.office: Office | None = None
        self.wanted = False

    @abstractmethod
    async def boot(self, life: Life) -> Office:
        """Build the production objects of this life over disk and clock, start them, and return their office."""

    @abstractmethod
    async def halt(self) -> None:
        """Stop them in good order."""

    async def start(self) -> None:
        """Bring it up and keep it up, until ``stop``; returns once it is up for the first time."""
        self.wanted = True
        await self._bring_up()
        while self.wanted and self.office is None:
            await self.world.sleep(START_AGAIN_S)

    def crash(self, power: bool) -> None:
        """End it here and now. With ``power`` cut, what it wrote and did not sync is at risk as well."""
        life = self.life
        if life is None:
            return
        self.world.note("power_cuts" if power else "crashes", self.name)
        self.life = self.office = None
        life.end()
        if power:
            self.disk.lose_power()
        if self.wanted:
            self.world.spawn(self._come_back())

    async def stop(self) -> None:
        """End it in good order."""
        self.wanted = False
        life = self.life
        if life is None or self.office is None:
            return
        await self.world.settled(life.spawn(self.halt()), CALL_TIMEOUT_S)
        self.life = self.office = None
        life.end()

    async def call(self, method: str, *args: Any) -> Any:
        """Ask its office something, as a client does: Lost where no answer came, else the answer or the refusal."""
        return await self.call_on(self.office, method, *args)

    async def call_on(self, office: Office | None, method: str, *args: Any) -> Any:
        """The same of another of its offices."""
        life = self.life
        if office is None or life is None:
            raise Lost(f"{self.name} is not up")
        task = life.spawn(getattr(office, method)(*args))
        await self.world.settled(task, CALL_TIMEOUT_S)
        if not task.done() or task.cancelled() or isinstance(task.exception(), ProcessGone):
            raise Lost(f"{self.name} gave no answer")
        return task.result()

    async def _come_back(self) -> None:
        await self.world.sleep(self.random.random() * START_AGAIN_S)
        if self.wanted and self.life is None:
            await self._bring_up()

    async def _bring_up(self) -> None:
        life = self.life = Life(self.name, self.world.crashed)
        up = life.spawn(self._boot(life))
        await self.world.settled(up)
        if self.life is not life or self.office is not None:
            return
        fault = None if up.cancelled() else up.exception()
        if fault is not None and not isinstance(fault, OSError | RecordsUnavailable):
            self.world.crashed(self.name, fault)
            self.wanted = False  # it would only fail again
        self.crash(power=False)

    async def _boot(self, life: Life) -> None:
        self.office = await self.boot(life)
        self.world.note("starts", self.name)
