"""The house takes half of 1,000 pools that are full of spot leases: every grant must reclaim."""

import asyncio
import random
import time
from pathlib import Path

import uvloop

from benchmarks.report import Line, Outcome
from benchmarks.rounds import Round, Setting, alternate
from benchmarks.world import Kernel, clustered_sites, granting, next_hour, order_at
from maillage.kernel.writer import Writer

POOL = 64_000
SPOT, HOUSE = {"cpu": 4_000}, {"cpu": 8_000}
"""Sixteen spot leases fill a pool; four house leases take half of it, two victims each."""
HOURS = 24


def run(setting: Setting) -> Outcome:
    pools = 50 if setting.quick else 1_000
    storms: list[_Storm] = []

    def prepare() -> None:
        storms.append(_Storm(setting.folder / f"storm-{len(storms)}", pools))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rounds: list[Round] = alternate(setting, {"rate": lambda: runner.run(storms[-1].break_loose())}, prepare)
    lines = [
        Line("house leases", "leases/s", [each.values["rate"] for each in rounds]),
        Line("reclaimed", "leases/s", [storm.reclaimed / storm.last_s for storm in storms]),
        Line("first confirmation", "ms", [storm.first_s * 1e3 for storm in storms]),
        Line("last confirmation", "ms", [storm.last_s * 1e3 for storm in storms]),
    ]
    asked = POOL // 2 // HOUSE["cpu"] * pools
    notes = [f"all {asked:,} house asks are submitted at once, in random order; one writer, SQLite FULL"]
    return Outcome("storm", lines, rounds, notes, quick=setting.quick)


class _Storm:
    def __init__(self, folder: Path, pools: int) -> None:
        self._kernel = Kernel(folder)
        self._pools = pools
        self._start = next_hour()
        sites = clustered_sites(pools)
        self._kernel.lay_out(sites, {"cpu": POOL})
        self._kernel.fill(
            order_at(site.id, self._start, HOURS, needs=SPOT, cls="spot")
            for site in sites
            for _ in range(POOL // SPOT["cpu"])
        )
        self.first_s = self.last_s = 0.0
        self.reclaimed = 0

    async def break_loose(self) -> float:
        """House leases a second until the last is confirmed."""
        orders = [
            order_at(f"s{number}", self._start, HOURS, f"house-{number}-{part}", HOUSE, "house")
            for number in range(self._pools)
            for part in range(POOL // 2 // HOUSE["cpu"])
        ]
        random.Random(5).shuffle(orders)
        writer = Writer(self._kernel.keeper)
        writer.start()
        start = time.perf_counter()
        confirmed: list[float] = []

        async def ask(number: int) -> None:
            await writer.submit(granting(orders[number]))
            confirmed.append(time.perf_counter() - start)

        await asyncio.gather(*[ask(number) for number in range(len(orders))])
        await writer.stop()
        self.first_s, self.last_s = confirmed[0], confirmed[-1]
        leases = self._kernel.keeper.ledger.leases.values()
        self.reclaimed = sum(lease.state == "reclaimed" for lease in leases)
        self._kernel.close()
        if self.reclaimed != self._pools * POOL // 2 // SPOT["cpu"]:
            raise RuntimeError(f"{self.reclaimed} spot leases were reclaimed, which is not half of them")
        return len(orders) / self.last_s
