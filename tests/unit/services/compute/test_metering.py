"""Metering: what was counted is on the lease's usage, once, whatever is cut off in between."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maillage.engines.meter_spool import MeterSpool
from maillage.kernel.errors import JournalUnavailable
from maillage.services.compute import metering as module
from maillage.services.compute.metering import LATE_S, Metering, of_thousandths, thousandths
from maillage.services.compute.model import Meters
from tests.unit.faces.http.api import Api, ask, opened

USED = Meters(1, 20, 300, 4_000, 50_000)


class Store:
    """A chain with a lease, and metering that can be cut off at any time."""

    def __init__(self, api: Api) -> None:
        self.api = api
        api.site("wm-1", cpu=8)
        self.lease: str = self.new_lease()
        self.path = api.folder / "compute" / "meters"
        self.start()

    def new_lease(self) -> str:
        lease: str = self.api.ok("POST", "/v1/leases", ask(cpu=1, start=None, end=None))["id"]
        return lease

    def start(self) -> None:
        self.spool = MeterSpool(self.path)
        self.metering = Metering(self.spool, self.api.chain.office, every_s=3_600)
        self.api.run(self.metering.start())

    def crash(self) -> None:
        """The process dies; the next one starts."""
        task = self.metering._running
        assert task is not None
        task.cancel()
        self.api.run(asyncio.wait({task}))
        self.spool.close()
        self.start()

    def use(self, times: int = 1, lease: str | None = None) -> None:
        count = self.metering.count(lease or self.lease)
        for _ in range(times):
            count(USED)

    def flush(self) -> None:
        self.api.run(self.metering.flush())

    def measured(self, lease: str | None = None) -> Meters:
        """What the ledger has."""
        return of_thousandths(self.api.chain.ledger.measured.get(lease or self.lease, {}))

    def usage(self) -> dict[str, Any]:
        (line,) = [line for line in self.api.ok("GET", "/v1/usage")["items"] if line["lease"] == self.lease]
        measured: dict[str, Any] = line["measured"]
        return measured


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path / "chain") as api:
        one = Store(api)
        try:
            yield one
        finally:
            api.run(one.metering.stop())
            one.spool.close()


def times(number: int) -> Meters:
    return Meters(number, 20 * number, 300 * number, 4_000 * number, 50_000 * number)


@given(st.builds(Meters, *[st.integers(0, 1 << 53)] * 5))
def test_the_ledgers_thousandths_hold_every_meter_exactly(meters: Meters) -> None:
    assert of_thousandths(thousandths(meters)) == meters


def test_what_was_counted_is_on_the_usage(store: Store) -> None:
    store.api.clock.advance(60)
    store.use(3)
    store.flush()
    assert store.usage() == {"requests": 3, "fuel_k": 0.06, "wall_ms": 0.9, "in_kb": 12, "out_kb": 150}


def test_only_what_is_new_is_sent_and_nothing_where_nothing_is(store: Store) -> None:
    store.use()
    store.flush()
    before = store.api.chain.ledger.pos
    store.flush()
    assert store.api.chain.ledger.pos == before
    store.use()
    store.flush()
    assert (store.api.chain.ledger.pos, store.measured()) == (before + 1, times(2))


def test_a_stop_sends_what_is_left_and_what_comes_later_waits_for_the_next_start(store: Store) -> None:
    store.use(5)
    store.api.run(store.metering.stop())
    assert store.measured() == times(5)
    store.use(1)
    store.spool.close()
    store.start()
    store.flush()
    assert store.measured() == times(6)


def test_what_a_crash_left_unsent_is_sent_by_the_next_process(store: Store) -> None:
    store.use(2)
    store.crash()
    store.use(3)
    store.flush()
    assert store.measured() == times(5)


def test_a_crash_between_the_commit_and_its_answer_counts_nothing_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = store.api.chain.office
    measure = office.measure

    async def committed_and_lost(lease_id: str, meters: dict[str, int]) -> Any:
        await measure(lease_id, meters)
        raise RuntimeError("the process ends here")

    store.use(4)
    with monkeypatch.context() as patched:
        patched.setattr(office, "measure", committed_and_lost)
        with pytest.raises(RuntimeError):
            store.flush()
    store.crash()
    store.flush()
    assert store.measured() == times(4)


def test_what_the_journal_refused_is_sent_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refused(*_: Any) -> Any:
        raise JournalUnavailable("the disk is full")

    store.use(4)
    with monkeypatch.context() as patched:
        patched.setattr(store.api.chain.office, "measure", refused)
        store.flush()
    assert "the disk is full" in caplog.text
    assert store.measured() == Meters()
    store.flush()
    assert store.measured() == times(4)


def test_a_spool_that_is_behind_the_ledger_goes_on_from_it(store: Store) -> None:
    store.use(1)
    store.api.run(store.metering.flush())
    old = store.path.read_bytes()
    store.use(9)
    store.flush()
    store.spool.close()
    store.path.write_bytes(old)  # an old copy was put back
    store.start()
    store.use(2)
    store.flush()
    assert store.measured() == times(12)


def test_a_spool_that_was_lost_goes_on_from_the_ledger(store: Store) -> None:
    store.use(3)
    store.flush()
    store.spool.close()
    store.path.unlink()
    store.start()
    store.use(2)
    store.flush()
    assert store.measured() == times(5)


def test_a_lease_that_is_over_is_measured_once_more_and_then_forgotten(store: Store) -> None:
    store.use(2)
    store.flush()
    store.api.ok("POST", f"/v1/leases/{store.lease}/release")
    store.use(1)  # a request that was under way
    store.flush()
    assert (store.measured(), list(store.spool.totals())) == (times(3), [store.lease])
    store.api.clock.advance(LATE_S)
    store.use(1)
    store.flush()
    assert (store.measured(), list(store.spool.totals())) == (times(4), [])


def test_what_comes_after_that_counts_all_the_same(store: Store) -> None:
    count = store.metering.count(store.lease)
    count(USED)
    store.api.ok("POST", f"/v1/leases/{store.lease}/release")
    store.api.clock.advance(LATE_S)
    store.flush()
    assert store.spool.totals() == {}
    count(USED)
    store.flush()
    assert (store.measured(), store.spool.totals()) == (times(2), {})


def test_of_a_lease_that_nobody_knows_nothing_is_kept(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.use(2, "wm-1~999")
    store.flush()
    assert "no ledger here has this lease" in caplog.text
    assert store.spool.totals() == {}


def test_with_many_busy_leases_each_has_its_turn(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SENT_A_ROUND", 2)
    leases = [store.new_lease() for _ in range(5)]
    for lease in leases:
        store.use(1, lease)
    for _ in range(3):
        store.api.run(store.metering._round(module.SENT_A_ROUND))
        store.use(1, leases[0])  # the busiest must not keep the others waiting
    assert [store.measured(lease).requests > 0 for lease in leases] == [True] * 5


def test_it_sends_by_itself(store: Store) -> None:
    quick = Metering(store.spool, store.api.chain.office, every_s=0.01)

    async def wait() -> None:
        await quick.start()
        quick.count(store.lease)(USED)
        async with asyncio.timeout(10):
            while store.measured() != USED:
                await asyncio.sleep(0.01)
        await quick.stop()

    store.api.run(wait())


@given(st.lists(st.sampled_from(["use", "flush", "crash", "lost answer"]), max_size=12))
@settings(max_examples=15)
def test_whatever_happens_in_whatever_order_it_adds_up(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    with opened(tmp_path_factory.mktemp("steps") / "chain") as api:
        store = Store(api)
        office, used = api.chain.office, 0
        measure = office.measure

        async def committed_and_lost(lease_id: str, meters: dict[str, int]) -> Any:
            await measure(lease_id, meters)
            raise JournalUnavailable("the answer was lost")

        for step in steps:
            if step == "use":
                store.use()
                used += 1
            elif step == "flush":
                store.flush()
            elif step == "crash":
                store.crash()
            else:
                office.measure = committed_and_lost  # type: ignore[method-assign]
                store.flush()
                office.measure = measure  # type: ignore[method-assign]
        api.run(store.metering.stop())
        store.spool.close()
        assert store.measured() == times(used)
