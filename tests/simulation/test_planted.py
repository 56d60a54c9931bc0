"""Mistakes planted on purpose in the program and in what it stands on: the simulation must find each of them.

A simulator that finds nothing may just not be looking. Each test plants one mistake, plays some seeds, and wants it
found in words that fit.
"""

import asyncio
from typing import Any

import msgspec
import pytest

from maillage.kernel import billing, grants, owner, reclaim
from maillage.kernel.keeper import Keeper
from maillage.kernel.leases import Lease
from maillage.kernel.ledger import Ledger
from maillage.kernel.pools import Pool
from maillage.kernel.scribe import Scribe
from maillage.kernel.times import HOUR_S
from maillage.kernel.writer import Writer
from maillage.mesh.attempt import Attempt
from maillage.mesh.escrow import Escrow
from maillage.mesh.follower import Follower
from maillage.mesh.mirror import Mirror
from maillage.mesh.several import Several
from maillage.mesh.voider import Voider
from maillage.simulation.alone import AloneProcess
from maillage.simulation.chain import AloneChain
from maillage.simulation.mesh_chain import MeshChain
from maillage.simulation.run import MakeChain, simulate

SEEDS = 60
"""Tried until the mistake is found: most are found by the first few."""
STEPS = 250

Patch = pytest.MonkeyPatch


def found_in(make: MakeChain) -> list[str]:
    """The faults of the first seed that has some."""
    for seed in range(SEEDS):
        report = simulate(seed, STEPS, make)
        if report.faults:
            return report.faults
    pytest.fail(f"{SEEDS} seeds went by and nothing was found")


def has(faults: list[str], *words: str) -> bool:
    return any(word in fault for fault in faults for word in words)


# -- what it stands on -------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_a_journal_that_does_not_sync(monkeypatch: Patch) -> None:
    monkeypatch.setattr(AloneProcess, "journal_syncs", False)
    assert has(found_in(AloneChain), "no journal has it", "there was no such lease", "in memory")


# -- one process -------------------------------------------------------------------------------------------------------


def test_a_writer_that_answers_before_the_commit(monkeypatch: Patch) -> None:
    commit = Writer._commit

    async def answer_first(self: Writer, decided: Any, decisions: int) -> None:
        task = asyncio.get_running_loop().create_task(commit(self, decided, decisions))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    monkeypatch.setattr(Writer, "_commit", answer_first)
    assert has(found_in(AloneChain), "no journal has it", "there was no such lease", "the journal ends at", "in memory")


def test_a_ledger_that_is_not_rebuilt_after_a_commit_failed(monkeypatch: Patch) -> None:
    monkeypatch.setattr(Keeper, "rebuild", lambda self: None)
    assert has(found_in(AloneChain), "in memory", "no journal has it", "the journal ends at")


def test_capacity_that_is_sold_twice(monkeypatch: Patch) -> None:
    fits = Pool.has_room

    def lenient(self: Pool, start: int, end: int, quantity: int, spot: bool) -> bool:
        return fits(self, start, end, quantity // 2, spot)

    monkeypatch.setattr(Pool, "has_room", lenient)
    assert has(found_in(AloneChain), "is oversold")


def test_a_notice_that_is_ignored(monkeypatch: Patch) -> None:
    monkeypatch.setattr(grants, "_refuse_for_notice", lambda *args: None)
    assert has(found_in(AloneChain), "before their notice")


def test_spot_leases_that_are_never_reclaimed(monkeypatch: Patch) -> None:
    monkeypatch.setattr(grants, "victims", lambda *args: [])
    assert has(found_in(AloneChain), "is oversold")


def test_keys_that_are_forgotten_at_a_restart(monkeypatch: Patch) -> None:
    monkeypatch.setattr(Ledger, "restore_keys", lambda self, keys: None)
    assert has(found_in(AloneChain), "was granted", "in memory", "are not what the journal adds up to")


def test_a_key_that_grants_again(monkeypatch: Patch) -> None:
    monkeypatch.setattr(grants, "remembered", lambda scribe, order: None)
    monkeypatch.setattr(owner, "remembered", lambda scribe, order: None)
    assert has(found_in(AloneChain), "was granted twice", "was granted s", "less than 24 h before")


def test_holds_that_expire_by_the_clock_of_the_replay(monkeypatch: Patch) -> None:
    def silently(scribe: Scribe) -> None:
        for lease_id in scribe.ledger.holds.pop_due(scribe.now, most=1 << 62):
            lease = scribe.ledger.leases[lease_id]
            if lease.state == "held":
                scribe.ledger._stop(lease, "expired", lease.end, 0)

    monkeypatch.setattr("maillage.kernel.keeper.expire_holds", silently)
    assert has(found_in(AloneChain), "in memory", "never came to this")


def test_a_clock_that_is_believed_when_it_goes_back(monkeypatch: Patch) -> None:
    begin = Scribe.__init__

    def trusting(self: Scribe, ledger: Ledger, policy: Any, clock_now: int) -> None:
        begin(self, ledger, policy, clock_now)
        self.now = clock_now

    monkeypatch.setattr(Scribe, "__init__", trusting)
    assert has(found_in(AloneChain), "is before the event that precedes it")


def test_a_reclaimed_lease_that_is_charged_to_its_old_end(monkeypatch: Patch) -> None:
    charge = reclaim.charge_micro
    monkeypatch.setattr(reclaim, "charge_micro", lambda per_hour, seconds: charge(per_hour, seconds + 60))
    assert has(found_in(AloneChain), "should be")


def test_invoices_whose_months_overlap(monkeypatch: Patch) -> None:
    bounds = billing.month_bounds

    def overlapping(month: str) -> tuple[int, int]:
        first, beyond = bounds(month)
        return first, beyond + HOUR_S

    monkeypatch.setattr(billing, "month_bounds", overlapping)
    assert has(found_in(AloneChain), "is billed")


def test_an_error_that_only_a_mistake_can_raise(monkeypatch: Patch) -> None:
    def broken(self: Ledger) -> int | None:
        raise KeyError("no such timer")

    monkeypatch.setattr(Ledger, "next_timer_at", broken)
    assert has(found_in(AloneChain), "KeyError")


# -- the mesh ----------------------------------------------------------------------------------------------------------


def test_a_mirror_that_applies_what_came_before(monkeypatch: Patch) -> None:
    monkeypatch.setattr("maillage.mesh.mirror.inspect", lambda *args: True)

    async def take(self: Mirror, node: str, batch: Any) -> bool:
        self._offered[node] = max(batch.pos + batch.count, self.expected(node))
        self._applied[node] = batch.pos
        await self._queue.put((node, batch))
        return True

    monkeypatch.setattr(Mirror, "offer", take)
    assert has(found_in(MeshChain), "events of", "mirror", "Error")


def test_a_mirror_that_takes_what_leaves_a_gap(monkeypatch: Patch) -> None:
    async def take(self: Mirror, node: str, batch: Any) -> bool:
        if batch.pos + batch.count > self.expected(node):
            self._applied[node] = max(batch.pos, self.position(node))
            self._offered[node] = batch.pos + batch.count
            await self._queue.put((node, batch))
        return True

    monkeypatch.setattr(Mirror, "offer", take)
    assert has(found_in(MeshChain), "set aside", "refused what", "events of", "never came to this")


def test_a_hub_that_never_asks_for_what_it_missed(monkeypatch: Patch) -> None:
    monkeypatch.setattr(Follower, "_fetch", lambda self, node, after_s: None)
    assert has(found_in(MeshChain), "every mirror has every event", "every store is known")


@pytest.mark.long
def test_voids_that_are_never_delivered(monkeypatch: Patch) -> None:
    async def nothing(self: Voider) -> None:
        for void in self._records.voids():
            self._records.drop_void(void)

    monkeypatch.setattr(Voider, "once", nothing)
    assert has(found_in(MeshChain), "was granted twice", "stand")


@pytest.mark.long
def test_an_ask_that_goes_on_without_a_void(monkeypatch: Patch) -> None:
    go_on = Attempt._go_on

    async def carelessly(self: Attempt, site: str, doubtful: str) -> None:
        await go_on(self, site, "")

    monkeypatch.setattr(Attempt, "_go_on", carelessly)
    assert has(found_in(MeshChain), "was granted twice")


@pytest.mark.long
def test_an_order_that_is_left_half_done(monkeypatch: Patch) -> None:
    async def forget(self: Several, *args: Any) -> None:
        return None

    monkeypatch.setattr(Several, "_take_over", forget)
    assert has(found_in(MeshChain), "every order has ended", "stand")


def test_a_hub_that_sells_more_than_it_holds(monkeypatch: Patch) -> None:
    plan = Escrow._decide

    def generously(self: Escrow, scribe: Scribe, held: dict[tuple[str, str], list[Any]]) -> None:
        plan(self, scribe, {name: [_tripled(lease) for lease in leases] for name, leases in held.items()})

    monkeypatch.setattr(Escrow, "_decide", generously)
    monkeypatch.setattr(Escrow, "_is_new", _always)
    assert has(found_in(MeshChain), "than the store had granted")


def _tripled(lease: Lease) -> Lease:
    return msgspec.structs.replace(lease, needs={kind: 3 * quantity for kind, quantity in lease.needs.items()})


def _always(*_: Any) -> bool:
    return True


def test_without_a_planted_mistake_the_same_seeds_find_nothing() -> None:
    for make in (AloneChain, MeshChain):
        for seed in range(5):
            assert simulate(seed, STEPS, make).faults == []
