"""Whatever the house does, beside whatever tenants do: nothing is oversold, and no firm lease gives way."""

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from maillage.kernel.errors import Refusal
from maillage.kernel.leases import Lease
from maillage.kernel.times import DAY_S, FOREVER, HOUR_S
from tests.kernel_world import SITE
from tests.unit.services.compute.house.house_world import HouseWorld

SIZE = 16
CPU = st.integers(1, SIZE * 10).map(lambda tenths: tenths / 10)


class HouseMachine(RuleBasedStateMachine):
    """A store of 16 vCPU. ``firm`` are the leases that were promised, and to when."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.world = HouseWorld(Path(self.folder.name) / "house", size=SIZE)
        self.world.set()
        self.firm: list[tuple[Lease, int]] = []
        self.settled = False

    @rule(cpu=CPU, in_h=st.integers(0, 30), hours=st.integers(1, 48))
    def sell_firm(self, cpu: float, in_h: int, hours: int) -> None:
        start = self.world.kernel.now + in_h * HOUR_S
        lease = self._try({"cpu": cpu}, start, start + hours * HOUR_S, "firm")
        if lease is not None:
            self.firm.append((lease, lease.end))

    @rule(cpu=CPU, hours=st.integers(1, 48) | st.none())
    def sell_spot(self, cpu: float, hours: int | None) -> None:
        end = FOREVER if hours is None else self.world.kernel.now + hours * HOUR_S
        self._try({"cpu": cpu}, None, end, "spot")

    @rule(cpu=CPU)
    def the_shops_own_app(self, cpu: float) -> None:
        self._try({"cpu": cpu}, None, self.world.kernel.now + DAY_S, "house", tenant="shop")

    @rule(tenths=st.integers(0, SIZE * 15), seconds=st.integers(1, 400))
    def use(self, tenths: int, seconds: int) -> None:
        self.world.uses(tenths / 10, seconds)
        self.settled = True

    @rule(seconds=st.integers(1, 4_000))
    def time_goes_on(self, seconds: int) -> None:
        self.world.tick(seconds)
        self.settled = True

    @rule(on=st.booleans(), horizon_h=st.integers(1, 48), headroom=st.integers(0, SIZE))
    def change(self, **fields: Any) -> None:
        with suppress(Refusal):  # a headroom above the size
            self.world.set(**fields)
            self.settled = True

    @rule(size=st.integers(0, 24))
    def resize(self, size: int) -> None:
        try:
            self.world.kernel.pool("cpu", size)
        except Refusal:
            return
        self.settled = False

    @rule()
    def restart(self) -> None:
        self.world.restart()
        self.world.tick()
        self.settled = True

    @invariant()
    def nothing_is_oversold(self) -> None:
        pool, now = self.world.kernel.ledger.pools[SITE]["cpu"], self.world.kernel.now
        for start, end, size in pool.size_segments(now, now + 60 * DAY_S):
            assert pool.committed.peak(start, end) <= pool.all.peak(start, end) <= size

    @invariant()
    def no_firm_lease_gives_way(self) -> None:
        for lease, end in self.firm:
            known = self.world.kernel.known(lease)
            assert (known.state in ("confirmed", "ended"), known.end) == (True, end)

    @invariant()
    def the_house_has_what_is_kept_or_all_that_firm_leaves(self) -> None:
        if not self.settled:
            return
        found = self.world.show()
        assert found.leased >= found.kept or found.short > 0
        assert found.on or self.world.leases == []
        self.settled = False

    def teardown(self) -> None:
        self.world.close()
        self.world.kernel.check_replay()
        self.folder.cleanup()

    def _try(self, *ask: Any, **more: Any) -> Lease | None:
        self.settled = False
        try:
            return self.world.kernel.lease(*ask, **more)
        except Refusal:
            return None


TestHouse = HouseMachine.TestCase
TestHouse.settings = settings(max_examples=settings().max_examples // 3)  # each has an event loop and files of its own
