"""Whatever is asked, in whatever order, and whatever breaks meanwhile: the ledger does what a naive model does, is
never oversold at any instant, and is what its journal adds up to, bit for bit.

A machine throws asks, moves, resizes, clock jumps, restarts and failing disks at one store and at the model beside it.
After each step every lease is compared, every instant is counted, and the journal is replayed.
"""

import contextlib
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from maillage.engines.memory_journal import MemoryJournal
from maillage.kernel.calendars import DAYS
from maillage.kernel.errors import Refusal
from maillage.kernel.leases import Lease, charge_micro
from maillage.kernel.ports import Batch
from maillage.kernel.prices import PriceBook, PriceEntry
from maillage.kernel.times import DAY_S, FOREVER
from tests.kernel_world import SITE, World
from tests.property.naive import Granted, NaiveLease, NaiveStore

KINDS = ("cpu", "memory", "visit")
HOURS = {day: [("06:00", "22:00")] for day in DAYS}
BOOK = PriceBook(
    entries=[PriceEntry(kind, "0.37", "firm") for kind in KINDS] + [PriceEntry(kind, "0.11", "spot") for kind in KINDS]
)

QUANTITIES = st.sampled_from([1_000, 1_000, 1_000, 2_000, 2_000, 3_000, 1, 500])
NEEDS = st.dictionaries(st.sampled_from(["cpu", "cpu", "memory", "visit"]), QUANTITIES, min_size=1, max_size=2)
STARTS_IN_S = st.sampled_from([None, None, 0, -1, -60, -61, 30, 600, 3_600, 7_200])
LASTS_S = st.sampled_from([30, 61, 600, 3_600, 3_600, 7_200, 7_200, None])
CLASSES = st.sampled_from(["house", "firm", "spot"])
HOLDS_S = st.sampled_from([None, None, None, 1, 60, 600, 3_600])
SIZES = st.sampled_from([0, 1_000, 2_000, 3_000, 3_001, 4_000])
NOTICES_S = st.sampled_from([0, 30, 600, 3_600])
JUMPS_S = st.sampled_from([1, 29, 30, 60, 599, 600, 3_600, 7_200, -1, -600])
KEYS = st.sampled_from([None, None, "key-1", "key-2"])
BODIES = st.sampled_from(["body-1", "body-1", "body-2"])


class BreakableJournal(MemoryJournal):
    """Keeps nothing while it is broken."""

    broken = False

    def append(self, batch: Batch) -> None:
        if self.broken:
            raise OSError("no space left on device")
        super().append(batch)


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.journal = BreakableJournal()
        self.world = World(BOOK, self.journal)
        self.world.site()
        self.naive = NaiveStore(self.world.now)

    # -- rules -----------------------------------------------------------------------------------------------------

    @initialize(
        sizes=st.tuples(*[st.sampled_from([2_000, 3_000, 4_000])] * len(KINDS)),
        notices=st.tuples(*[NOTICES_S] * len(KINDS)),
    )
    def open_the_store(self, sizes: tuple[int, ...], notices: tuple[int, ...]) -> None:
        for kind, size, notice_s in zip(KINDS, sizes, notices, strict=True):
            self.resize(kind, size, 0, notice_s)

    @rule(needs=NEEDS, in_s=STARTS_IN_S, lasts_s=LASTS_S, cls=CLASSES, hold_s=HOLDS_S, key=KEYS, body=BODIES)
    def ask(
        self,
        needs: dict[str, int],
        in_s: int | None,
        lasts_s: int | None,
        cls: Any,
        hold_s: int | None,
        key: str | None,
        body: str,
    ) -> None:
        self.let_time_pass()
        start = None if in_s is None else self.naive.now + in_s
        end = FOREVER if lasts_s is None else (self.naive.now if start is None else start) + lasts_s
        expected = None if key is None else self.naive.remembered(key, body)
        known = expected is not None
        granted: Granted | str = ""
        if not known:
            granted = self.naive.ask(needs, self.naive.now if start is None else start, end, cls)
            expected = granted if isinstance(granted, str) else "granted"
        units: dict[str, Any] = {kind: f"{quantity / 1_000:.3f}" for kind, quantity in needs.items()}
        asked = lambda: self.world.lease(units, start, end, cls, hold_s=hold_s, key=key, body=body)  # noqa: E731
        answer = self.answer_of(asked)
        if isinstance(answer, Lease):
            assert expected == (answer.id if known else "granted"), f"granted {answer}, expected {expected}"
        else:
            assert expected == answer
        if isinstance(answer, Lease) and isinstance(granted, Granted):
            self.naive.enter(answer.id, needs, granted, cls, hold_s)
            if key is not None:
                self.naive.keys[key] = (body, answer.id, self.naive.now)

    @rule(count=st.integers(2, 4), in_s=st.sampled_from([None, 600]), hold_s=HOLDS_S)
    def spot_fills_up(self, count: int, in_s: int | None, hold_s: int | None) -> None:
        for _ in range(count):
            self.ask({"cpu": 1_000}, in_s, 3_600, "spot", hold_s, None, "")

    @rule(quantity=QUANTITIES, in_s=STARTS_IN_S, cls=st.sampled_from(["house", "firm"]))
    def somebody_needs_the_room(self, quantity: int, in_s: int | None, cls: str) -> None:
        self.ask({"cpu": quantity}, in_s, 3_600, cls, None, None, "")

    @rule(quantity=QUANTITIES, cls=CLASSES)
    def somebody_keeps_to_the_notice(self, quantity: int, cls: str) -> None:
        self.ask({"cpu": quantity}, self.naive.pools["cpu"].notice_s, 3_600, cls, None, None, "")

    @rule(body=BODIES)
    def the_key_of_yesterday_is_used_again(self, body: str) -> None:
        """To the second: a day after it was granted, or a second less."""
        granted_at = self.naive.keys.get("key-1", ("", "", self.naive.now))[2]
        self.world.clock.set(granted_at + DAY_S - (body == "body-2"))
        self.ask({"cpu": 1_000}, None, 600, "spot", None, "key-1", body)

    @precondition(lambda self: self.naive.leases)
    @rule(number=st.integers(0, 99))
    def confirm(self, number: int) -> None:
        self.let_time_pass()
        lease = self.pick(number)
        assert self.moved(lambda: self.world.confirm(lease.id)) == self.naive.confirm(lease)

    @precondition(lambda self: self.naive.leases)
    @rule(number=st.integers(0, 99))
    def release(self, number: int) -> None:
        self.let_time_pass()
        lease = self.pick(number)
        assert self.moved(lambda: self.world.release(lease.id)) == self.naive.release(lease)

    @precondition(lambda self: self.naive.leases)
    @rule(number=st.integers(0, 99), by_s=st.sampled_from([-1, 0, 1, 600, 3_600, 86_400, FOREVER]))
    def extend(self, number: int, by_s: int) -> None:
        self.let_time_pass()
        lease = self.pick(number)
        end = min(lease.end + by_s, FOREVER)
        assert self.moved(lambda: self.world.extend(lease.id, end)) == self.naive.extend(lease, end)

    @rule(
        kind=st.sampled_from(KINDS), size=SIZES, in_s=st.sampled_from([0, 0, 0, 600, 3_600, 86_400]), notice_s=NOTICES_S
    )
    def resize(self, kind: str, size: int, in_s: int, notice_s: int) -> None:
        self.let_time_pass()
        since = None if in_s == 0 else self.naive.now + in_s
        has_hours = kind == "visit"
        resized = lambda: self.world.pool(  # noqa: E731
            kind, f"{size / 1_000:.3f}", since=since, notice_s=notice_s, calendar=HOURS if has_hours else None
        )
        assert self.answer_of(resized) == self.naive.resize(kind, size, self.naive.now + in_s, notice_s, has_hours)

    @rule(jump_s=JUMPS_S)
    def clock_jumps(self, jump_s: int) -> None:
        self.world.clock.advance(jump_s)

    @rule()
    def time_is_entered(self) -> None:
        self.let_time_pass()
        self.world.tick()

    @rule(with_snapshot=st.booleans())
    def restart(self, with_snapshot: bool) -> None:
        if with_snapshot:
            self.world.take_snapshot()
        self.world.restart()

    @rule(needs=NEEDS, cls=CLASSES, number=st.integers(0, 99))
    def the_disk_fails(self, needs: dict[str, int], cls: Any, number: int) -> None:
        """An ask, a release and a shrink that are not kept: as if they had never been."""
        before = deepcopy(self.naive)
        self.journal.broken = True
        units: dict[str, Any] = {kind: f"{quantity / 1_000:.3f}" for kind, quantity in needs.items()}
        attempts: list[Any] = [lambda: self.world.hour(units, cls), lambda: self.world.pool("cpu", 0)]
        if self.naive.leases:
            attempts.append(lambda: self.world.release(self.pick(number).id))
        for attempt in attempts:
            end = self.journal.end()
            with contextlib.suppress(OSError):
                self.answer_of(attempt)
            assert self.journal.end() == end
        self.journal.broken = False
        self.naive = before

    # -- what must hold ------------------------------------------------------------------------------------------------

    @invariant()
    def the_ledger_is_what_the_journal_adds_up_to(self) -> None:
        self.world.check_replay()

    @invariant()
    def every_lease_is_as_the_model_has_it(self) -> None:
        leases = self.world.ledger.leases
        assert list(leases) == [lease.id for lease in self.naive.leases]
        for known in self.naive.leases:
            lease = leases[known.id]
            assert (lease.state, lease.start, lease.end, lease.hold_until, lease.cls, lease.needs) == (
                known.state,
                known.start,
                known.end,
                known.hold_until,
                known.cls,
                known.needs,
            )
            if not lease.is_active:
                assert lease.charge == (charge_micro(lease.per_hour, lease.end - lease.start) if known.ran else 0)
                assert 0 <= lease.credit <= lease.charge

    @invariant()
    def nothing_is_oversold_at_any_instant(self) -> None:
        assert self.naive.oversold() == []

    @invariant()
    def the_pools_say_what_is_free(self) -> None:
        now = max(self.world.now, self.world.ledger.now)
        for kind, pool in self.world.ledger.pools[SITE].items():
            if kind not in self.naive.pools:
                continue
            for instant in self.naive.instants(kind, now, FOREVER):
                for spot in (False, True):
                    free = self.naive.pools[kind].size_at(instant) - self.naive.level(kind, instant, spot)
                    assert pool.room(instant, instant + 1, spot) == free

    # -- helpers -------------------------------------------------------------------------------------------------------

    def let_time_pass(self) -> None:
        """What the kernel enters before it decides, the model enters too."""
        self.naive.tick(max(self.world.now, self.world.ledger.now))

    def pick(self, number: int) -> NaiveLease:
        """Some lease, the latest with number 0."""
        return self.naive.leases[-1 - number % len(self.naive.leases)]

    def moved(self, move: Any) -> str:
        answer = self.answer_of(move)
        return "done" if isinstance(answer, Lease) else answer

    @staticmethod
    def answer_of(asked: Any) -> Lease | str:
        """A granted lease, ``done`` for anything else that worked, or the slug of the refusal."""
        try:
            answer = asked()
        except Refusal as refusal:
            return refusal.slug
        return answer if isinstance(answer, Lease) else "done"


def test_the_ledger_does_what_the_naive_model_does() -> None:
    run_state_machine_as_test(LedgerMachine, settings=settings(max_examples=60))


@pytest.mark.long
def test_the_ledger_does_what_the_naive_model_does_for_long() -> None:
    run_state_machine_as_test(LedgerMachine, settings=settings())
