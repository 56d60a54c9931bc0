"""Whatever is asked, in whatever order, and whatever breaks meanwhile: the ledger does what a naive model does, is
never oversold at any instant, and is what its journal adds up to, bit for bit.

A machine throws asks for one store and for both, moves, void keys, resizes, clock jumps, restarts and failing disks at
two stores with one ledger, and at the model beside it. After each step every lease is compared, every instant is
counted, and the journal is replayed. In the end the independent checker reads it.
"""

import contextlib
from collections.abc import Callable
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
from maillage.kernel.grants import Order, grant_all
from maillage.kernel.leases import Lease, charge_micro
from maillage.kernel.moves import void
from maillage.kernel.ports import Batch
from maillage.kernel.prices import PriceBook, PriceEntry
from maillage.kernel.times import DAY_S, FOREVER
from maillage.verify import check_rows
from tests.kernel_world import SITE, World, ask_for
from tests.property.naive import Granted, NaiveChain, NaiveLease

KINDS = ("cpu", "memory", "visit")
SITES = (SITE, "wm-2")
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
WHERE = st.sampled_from([SITE, SITE, SITE, "wm-2"])
BODIES = st.sampled_from(["body-1", "body-1", "body-2"])


class BreakableJournal(MemoryJournal):
    """Keeps nothing while it is broken."""

    broken = False

    def append(self, *batches: Batch) -> None:
        if self.broken:
            raise OSError("no space left on device")
        super().append(*batches)


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.journal = BreakableJournal()
        self.world = World(BOOK, self.journal)
        for site in SITES:
            self.world.site(site)
        self.naive = NaiveChain(self.world.now, SITES)

    # -- rules -----------------------------------------------------------------------------------------------------

    @initialize(
        sizes=st.tuples(*[st.sampled_from([2_000, 3_000, 4_000])] * len(KINDS)),
        notices=st.tuples(*[NOTICES_S] * len(KINDS)),
    )
    def open_the_store(self, sizes: tuple[int, ...], notices: tuple[int, ...]) -> None:
        for site in SITES:
            for kind, size, notice_s in zip(KINDS, sizes, notices, strict=True):
                self.resize(kind, size, 0, notice_s, site)

    @rule(
        needs=NEEDS,
        in_s=STARTS_IN_S,
        lasts_s=LASTS_S,
        cls=CLASSES,
        hold_s=HOLDS_S,
        key=KEYS,
        body=BODIES,
        site=WHERE,
    )
    def ask(
        self,
        needs: dict[str, int],
        in_s: int | None,
        lasts_s: int | None,
        cls: Any,
        hold_s: int | None,
        key: str | None,
        body: str,
        site: str = SITE,
    ) -> None:
        start, end = self.interval(in_s, lasts_s)
        known = self.naive.remembered(key, body)
        granted = known or self.naive.ask(site, needs, self.naive.now if start is None else start, end, cls)

        def asked() -> list[Lease]:
            units = in_units(needs)
            return [self.world.lease(units, start, end, cls, hold_s=hold_s, key=key, body=body, site=site)]

        self.compare(asked, granted, needs, cls, hold_s, key, body)

    @rule(
        needs=NEEDS,
        in_s=STARTS_IN_S,
        lasts_s=LASTS_S,
        cls=CLASSES,
        hold_s=HOLDS_S,
        key=KEYS,
        body=BODIES,
        sites=st.permutations(SITES),
        count=st.sampled_from([1, 2, 2, 2]),
    )
    def ask_at_several(
        self,
        needs: dict[str, int],
        in_s: int | None,
        lasts_s: int | None,
        cls: Any,
        hold_s: int | None,
        key: str | None,
        body: str,
        sites: list[str],
        count: int,
    ) -> None:
        start, end = self.interval(in_s, lasts_s)
        body = f"{body} at {count}"
        known = self.naive.remembered(key, body)
        first = self.naive.now if start is None else start
        granted = known or self.naive.ask_several(tuple(sites), count, needs, first, end, cls)
        ask = ask_for(in_units(needs), start, end, cls, hold_s=hold_s)
        order = Order("acme", ask, (*sites, *sites), key, None if key is None else body)
        asked = lambda: self.world.do(lambda scribe: grant_all(scribe, order, count))  # noqa: E731
        self.compare(asked, granted, needs, cls, hold_s, key, body)

    @rule(key=st.sampled_from(["key-1", "key-2", "key-3"]), site=WHERE)
    def a_key_is_made_void(self, key: str, site: str) -> None:
        self.let_time_pass()
        self.world.do(lambda scribe: void(scribe, site, "acme", key))
        self.naive.void(key)

    @rule(count=st.integers(2, 4), in_s=st.sampled_from([None, 600]), hold_s=HOLDS_S)
    def spot_fills_up(self, count: int, in_s: int | None, hold_s: int | None) -> None:
        for _ in range(count):
            self.ask({"cpu": 1_000}, in_s, 3_600, "spot", hold_s, None, "")

    @rule(quantity=QUANTITIES, in_s=STARTS_IN_S, cls=st.sampled_from(["house", "firm"]))
    def somebody_needs_the_room(self, quantity: int, in_s: int | None, cls: str) -> None:
        self.ask({"cpu": quantity}, in_s, 3_600, cls, None, None, "")

    @rule(quantity=QUANTITIES, cls=CLASSES)
    def somebody_keeps_to_the_notice(self, quantity: int, cls: str) -> None:
        self.ask({"cpu": quantity}, self.naive.stores[SITE].pools["cpu"].notice_s, 3_600, cls, None, None, "")

    @rule(body=BODIES)
    def the_key_of_yesterday_is_used_again(self, body: str) -> None:
        """To the second: a day after it was granted, or a second less."""
        known = self.naive.keys.get("key-1")
        granted_at = self.naive.now if known is None else known.at
        self.world.clock.set(granted_at + DAY_S - (body == "body-2"))
        self.ask({"cpu": 1_000}, None, 600, "spot", None, "key-1", body)

    @precondition(lambda self: self.naive.leases)
    @rule(number=st.integers(0, 99))
    def confirm(self, number: int) -> None:
        self.let_time_pass()
        lease = self.pick(number)
        assert self.moved(lambda: self.world.confirm(lease.id)) == self.naive.store_of(lease).confirm(lease)

    @precondition(lambda self: self.naive.leases)
    @rule(number=st.integers(0, 99))
    def release(self, number: int) -> None:
        self.let_time_pass()
        lease = self.pick(number)
        assert self.moved(lambda: self.world.release(lease.id)) == self.naive.store_of(lease).release(lease)

    @precondition(lambda self: self.naive.leases)
    @rule(number=st.integers(0, 99), by_s=st.sampled_from([-1, 0, 1, 600, 3_600, 86_400, FOREVER]))
    def extend(self, number: int, by_s: int) -> None:
        self.let_time_pass()
        lease = self.pick(number)
        end = min(lease.end + by_s, FOREVER)
        assert self.moved(lambda: self.world.extend(lease.id, end)) == self.naive.store_of(lease).extend(lease, end)

    @rule(
        kind=st.sampled_from(KINDS),
        size=SIZES,
        in_s=st.sampled_from([0, 0, 0, 600, 3_600, 86_400]),
        notice_s=NOTICES_S,
        site=WHERE,
    )
    def resize(self, kind: str, size: int, in_s: int, notice_s: int, site: str) -> None:
        self.let_time_pass()
        since = None if in_s == 0 else self.naive.now + in_s
        has_hours = kind == "visit"
        resized = lambda: self.world.pool(  # noqa: E731
            kind, f"{size / 1_000:.3f}", site, since=since, notice_s=notice_s, calendar=HOURS if has_hours else None
        )
        naive = self.naive.stores[site]
        assert self.answer_of(resized) == naive.resize(kind, size, self.naive.now + in_s, notice_s, has_hours)

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
        order = Order("acme", ask_for(in_units(needs), cls=cls), SITES)
        attempts: list[Any] = [
            lambda: self.world.hour(in_units(needs), cls),
            lambda: self.world.do(lambda scribe: grant_all(scribe, order, len(SITES))),
            lambda: self.world.do(lambda scribe: void(scribe, SITE, "acme", "key-1")),
            lambda: self.world.pool("cpu", 0),
        ]
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
        assert [store.oversold() for store in self.naive.stores.values()] == [[]] * len(SITES)

    @invariant()
    def the_pools_say_what_is_free(self) -> None:
        now = max(self.world.now, self.world.ledger.now)
        for site, naive in self.naive.stores.items():
            for kind in naive.pools:
                pool = self.world.ledger.pools[site][kind]
                for instant in naive.instants(kind, now, FOREVER):
                    for spot in (False, True):
                        free = naive.pools[kind].size_at(instant) - naive.level(kind, instant, spot)
                        assert pool.room(instant, instant + 1, spot) == free

    def teardown(self) -> None:
        report = check_rows((batch.pos, batch.count, batch.body) for batch in self.journal.read())
        assert report.faults == []

    # -- helpers -------------------------------------------------------------------------------------------------------

    def interval(self, in_s: int | None, lasts_s: int | None) -> tuple[int | None, int]:
        """Start and end of an ask that is made now."""
        self.let_time_pass()
        start = None if in_s is None else self.naive.now + in_s
        return start, FOREVER if lasts_s is None else (self.naive.now if start is None else start) + lasts_s

    def compare(
        self,
        asked: Callable[[], list[Lease]],
        expected: dict[str, Granted] | list[str] | str,
        needs: dict[str, int],
        cls: str,
        hold_s: int | None,
        key: str | None,
        body: str,
    ) -> None:
        """The leases are those that the model knows for the key, or at the sites where it would grant some."""
        answer = self.answer_of(asked)
        if not isinstance(expected, dict):
            assert expected == ([lease.id for lease in answer] if isinstance(answer, list) else answer)
            return
        assert isinstance(answer, list), f"refused as {answer}, expected {expected}"
        assert [lease.site for lease in answer] == list(expected)
        new = self.naive.enter([lease.id for lease in answer], expected, needs, cls, hold_s)
        if key is not None:
            self.naive.remember(key, body, new)

    def let_time_pass(self) -> None:
        """What the kernel enters before it decides, the model enters too."""
        self.naive.tick(max(self.world.now, self.world.ledger.now))

    def pick(self, number: int) -> NaiveLease:
        """Some lease, the latest with number 0."""
        return self.naive.leases[-1 - number % len(self.naive.leases)]

    def moved(self, move: Any) -> str:
        answer = self.answer_of(move)
        return answer if isinstance(answer, str) else "done"

    @staticmethod
    def answer_of(asked: Callable[[], Any]) -> Lease | list[Lease] | str:
        """What was granted, ``done`` for anything else that worked, or the slug of the refusal."""
        try:
            answer = asked()
        except Refusal as refusal:
            return refusal.slug
        return answer if isinstance(answer, Lease | list) else "done"


def in_units(needs: dict[str, int]) -> dict[str, Any]:
    return {kind: f"{quantity / 1_000:.3f}" for kind, quantity in needs.items()}


def test_the_ledger_does_what_the_naive_model_does() -> None:
    run_state_machine_as_test(LedgerMachine, settings=settings(max_examples=60))


@pytest.mark.long
def test_the_ledger_does_what_the_naive_model_does_for_long() -> None:
    run_state_machine_as_test(LedgerMachine, settings=settings())
