"""Faults: what goes wrong when, drawn from the seed. A chain has quiet hours and storms."""

from collections.abc import Callable, Sequence
from random import Random

from maillage.kernel.times import HOUR_S
from maillage.simulation.process import SimProcess
from maillage.simulation.world import World

WEATHERS_S = (0.8, 1.6, 4.0)
"""Mean seconds between two faults of a process, by and large: one of these for each run."""
LASTS_S = (2.0, 2.0, 20.0)
"""Mean times for which something stays broken: mostly a moment, now and then long enough for others to give it up."""
CLOCK_OFF_MAX_S = 2 * HOUR_S
LEAP_MAX_S = 6 * HOUR_S

Fault = Callable[[], None]


class Faults:
    """Strikes the processes for as long as it runs; ``calm`` mends what it broke."""

    def __init__(self, world: World, processes: Sequence[SimProcess]) -> None:
        self.world = world
        self.random: Random = world.random("faults")
        self._processes = processes
        self._mean_s = self.random.choice(WEATHERS_S) / len(processes) ** 0.5
        self.kinds: list[tuple[Fault, int]] = [
            (self._kill, 3),
            (self._cut_power, 3),
            (self._crash_between_writes, 6),
            (self._fill_disk, 2),
            (self._break_disk, 2),
            (self._spoil_disk, 2),
            (self._move_clock, 4),
            (self._leap, 5),
        ]

    async def strike(self) -> None:
        """One fault after another, until it is cancelled."""
        while True:
            await self.world.sleep(self.random.expovariate(1 / self._mean_s))
            faults, weights = zip(*self.kinds, strict=True)
            (fault,) = self.random.choices(faults, weights)
            fault()

    def calm(self) -> None:
        """End all that lasts. Processes that are down come back by themselves."""
        for process in self._processes:
            disk = process.disk
            disk.full = disk.broken = False
            disk.fault_share = 0.0
            disk.crash_after(0)
            process.clock.set_right()

    def one(self) -> SimProcess:
        """Whom it strikes."""
        return self.random.choice(self._processes)

    def _kill(self) -> None:
        self.one().crash(power=False)

    def _cut_power(self) -> None:
        self.one().crash(power=True)

    def _crash_between_writes(self) -> None:
        self.one().disk.crash_after(self.random.randint(1, 12))

    def _fill_disk(self) -> None:
        disk = self.one().disk
        disk.full = True
        self.world.note("full_disks")
        self.later(lambda: setattr(disk, "full", False))

    def _break_disk(self) -> None:
        disk = self.one().disk
        disk.broken = True
        self.world.note("broken_disks")
        self.later(lambda: setattr(disk, "broken", False))

    def _spoil_disk(self) -> None:
        disk = self.one().disk
        disk.fault_share = 0.2
        self.world.note("spoilt_disks")
        self.later(lambda: setattr(disk, "fault_share", 0.0))

    def _move_clock(self) -> None:
        self.world.note("clock_jumps")
        offset_s = self.random.choice((1, -1)) * self.random.choice((0, 0, 1, 20, 60, 900, CLOCK_OFF_MAX_S))
        self.one().clock.set_wrong(offset_s, self.random.gauss(0, 0.001))

    def _leap(self) -> None:
        self.world.note("leaps")
        self.world.time.leap(self.random.choice((60, 600, HOUR_S, LEAP_MAX_S)))

    def later(self, mend: Callable[[], None]) -> None:
        """End something that lasts, in a while."""
        self.world.loop.call_later(self.random.expovariate(1 / self.random.choice(LASTS_S)), mend)
