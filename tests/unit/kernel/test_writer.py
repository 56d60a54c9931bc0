"""The writer: many ask at once, one decides, and nobody is answered before it is durable."""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from maillage.engines.memory_journal import MemoryJournal
from maillage.kernel.errors import JournalUnavailable, NoCapacity
from maillage.kernel.grants import Order, grant
from maillage.kernel.keeper import Decision
from maillage.kernel.leases import Lease
from maillage.kernel.ledger import Ledger
from maillage.kernel.ports import Batch, Committed
from maillage.kernel.recovery import replay
from maillage.kernel.scribe import Scribe
from maillage.kernel.snapshots import encode_ledger
from maillage.kernel.writer import BATCH_MAX, Writer
from tests.kernel_world import NOW, World, ask_for


class MoodyJournal(MemoryJournal):
    """Fails, or is slow, when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.failures_left = 0
        self.unreadable = False
        self.gate = threading.Event()
        self.gate.set()

    def append(self, batch: Batch) -> None:
        self.gate.wait(10)
        if self.failures_left:
            self.failures_left -= 1
            raise OSError("no space left on device")
        super().append(batch)

    def read(self, pos: int = 0) -> Any:
        if self.unreadable:
            raise OSError("input/output error")
        return super().read(pos)


class Shop(World):
    def __init__(self) -> None:
        self.moody = MoodyJournal()
        super().__init__(journal=self.moody)
        self.pool("cpu", 100)
        self.writer = Writer(self.keeper)

    async def ask(self, cpu: float = 1, key: str | None = None) -> str:
        order = Order("acme", ask_for({"cpu": cpu}), ("wm-1",), key, None if key is None else "body")
        lease_id: str = await self.writer.submit(lambda scribe: grant(scribe, order).id)
        return lease_id

    def durable(self) -> Ledger:
        ledger = Ledger()
        replay(ledger, self.journal)
        return ledger

    def batches(self) -> list[int]:
        return [batch.count for batch in self.journal.read()]


def at_work(story: Callable[[Shop], Awaitable[None]]) -> Shop:
    """A shop whose writer runs while the story is told."""
    shop = Shop()

    async def tell() -> None:
        shop.writer.start()
        try:
            await story(shop)
        finally:
            shop.moody.gate.set()
            await shop.writer.stop()

    asyncio.run(asyncio.wait_for(tell(), 30))
    return shop


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if holds():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it did not come true in time")


def test_each_is_answered_in_order_and_what_was_answered_is_durable() -> None:
    async def story(shop: Shop) -> None:
        answers = await asyncio.gather(*(shop.ask() for _ in range(50)))
        assert answers == [f"wm-1~{number}" for number in range(3, 53)]
        assert set(answers) <= set(shop.durable().leases)

    at_work(story).check_replay()


def test_those_who_ask_while_the_disk_is_busy_share_the_next_commit() -> None:
    async def story(shop: Shop) -> None:
        shop.moody.gate.clear()
        first = asyncio.create_task(shop.ask())
        await until(lambda: len(shop.ledger.leases) == 1)
        others = [asyncio.create_task(shop.ask()) for _ in range(30)]
        await asyncio.sleep(0.01)
        assert not first.done()
        assert shop.durable().leases == {}
        shop.moody.gate.set()
        await asyncio.gather(first, *others)
        assert shop.batches()[2:] == [1, 30]

    at_work(story)


def test_a_storm_is_committed_in_portions() -> None:
    async def story(shop: Shop) -> None:
        await asyncio.gather(*(shop.ask(0.001) for _ in range(BATCH_MAX + 10)))
        assert max(shop.batches()) <= BATCH_MAX

    assert len(at_work(story).ledger.leases) == BATCH_MAX + 10


def test_a_refusal_reaches_who_asked_and_nobody_else() -> None:
    async def story(shop: Shop) -> None:
        answers = await asyncio.gather(shop.ask(60), shop.ask(60), shop.ask(40), return_exceptions=True)
        assert [type(answer) for answer in answers] == [str, NoCapacity, str]

    at_work(story)


def test_reading_alone_writes_nothing() -> None:
    async def story(shop: Shop) -> None:
        before = shop.batches()
        assert await shop.writer.submit(lambda scribe: len(scribe.ledger.leases)) == 0
        assert shop.batches() == before

    at_work(story)


def test_when_the_disk_fails_nobody_is_granted_anything_and_the_next_ask_works() -> None:
    async def story(shop: Shop) -> None:
        kept = await shop.ask()
        shop.moody.failures_left = 1
        answers = await asyncio.gather(*(shop.ask(key=f"key-{number}") for number in range(5)), return_exceptions=True)
        assert {type(answer) for answer in answers} == {JournalUnavailable}
        assert "try again" in str(answers[0])
        assert set(shop.ledger.leases) == set(shop.durable().leases) == {kept}
        again = await asyncio.gather(*(shop.ask(key=f"key-{number}") for number in range(5)))
        assert set(shop.durable().leases) == {kept, *again}

    at_work(story).check_replay()


def test_a_reader_who_shares_a_failing_commit_sees_nothing_that_is_not_durable() -> None:
    async def story(shop: Shop) -> None:
        shop.moody.failures_left = 1
        asked, read = await asyncio.gather(
            shop.ask(), shop.writer.submit(lambda scribe: len(scribe.ledger.leases)), return_exceptions=True
        )
        assert isinstance(asked, JournalUnavailable)
        assert isinstance(read, JournalUnavailable) or read == 0

    at_work(story)


def test_while_the_ledger_can_not_be_rebuilt_everybody_is_refused_and_later_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("maillage.kernel.writer.RETRY_S", 0.01)

    async def story(shop: Shop) -> None:
        shop.moody.failures_left, shop.moody.unreadable = 1, True
        for _ in range(3):
            with pytest.raises(JournalUnavailable):
                await shop.ask()
        shop.moody.unreadable = False
        await until(lambda: encode_ledger(shop.keeper.ledger) == encode_ledger(shop.durable()))
        for _ in range(50):
            try:
                assert await shop.ask() == "wm-1~3"
                return
            except JournalUnavailable:
                await asyncio.sleep(0.01)

    at_work(story).check_replay()


def test_stopping_while_the_disk_is_away_ends() -> None:
    async def story(shop: Shop) -> None:
        shop.moody.failures_left, shop.moody.unreadable = 1, True
        with pytest.raises(JournalUnavailable):
            await shop.ask()
        await asyncio.wait_for(shop.writer.stop(), 5)
        shop.moody.unreadable = False

    at_work(story)


def test_a_fault_before_anything_was_recorded_hurts_nobody_else() -> None:
    def faulty(_: Scribe) -> None:
        raise ZeroDivisionError("a mistake of ours")

    async def story(shop: Shop) -> None:
        ledger = shop.keeper.ledger
        answers = await asyncio.gather(shop.ask(), shop.writer.submit(faulty), shop.ask(), return_exceptions=True)
        assert [type(answer) for answer in answers] == [str, ZeroDivisionError, str]
        assert shop.keeper.ledger is ledger

    at_work(story).check_replay()


def test_a_fault_after_something_was_recorded_undoes_the_batch() -> None:
    def half_done(scribe: Scribe) -> None:
        grant(scribe, Order("acme", ask_for({"cpu": 1}), ("wm-1",)))
        raise ZeroDivisionError("a mistake of ours")

    async def story(shop: Shop) -> None:
        answers = await asyncio.gather(shop.ask(), shop.writer.submit(half_done), return_exceptions=True)
        assert {type(answer) for answer in answers} == {JournalUnavailable}
        assert shop.keeper.ledger.leases == {}
        assert await shop.ask() == "wm-1~3"

    at_work(story).check_replay()


def test_who_goes_away_does_not_hold_up_the_others() -> None:
    async def story(shop: Shop) -> None:
        shop.moody.gate.clear()
        gone, stays = asyncio.create_task(shop.ask()), asyncio.create_task(shop.ask())
        await until(lambda: len(shop.ledger.leases) == 2)
        gone.cancel()
        await asyncio.sleep(0)
        shop.moody.gate.set()
        assert await stays == "wm-1~4"
        assert len(shop.durable().leases) == 2

    at_work(story)


def test_a_listener_that_fails_does_not_stop_the_writer(caplog: pytest.LogCaptureFixture) -> None:
    def faulty(_: Committed) -> None:
        raise RuntimeError("a listener's mistake")

    async def story(shop: Shop) -> None:
        shop.announcer.subscribe(faulty)
        assert await shop.ask() == "wm-1~3"
        assert await shop.ask() == "wm-1~4"

    with caplog.at_level(logging.ERROR):
        at_work(story)
    assert "a listener failed" in caplog.text


def test_the_bus_hears_of_what_is_durable_only_and_in_order() -> None:
    heard_before_durable: list[int] = []

    async def story(shop: Shop) -> None:
        shop.announcer.subscribe(
            lambda committed: (
                heard_before_durable.append(committed.pos)
                if committed.pos + len(committed.events) > shop.journal.end()
                else None
            )
        )
        await asyncio.gather(*(shop.ask() for _ in range(10)))
        shop.moody.failures_left = 1
        with pytest.raises(JournalUnavailable):
            await shop.ask()
        await shop.ask()

    shop = at_work(story)
    assert heard_before_durable == []
    assert [event for committed in shop.heard for event in committed.events] == shop.events


def test_time_is_entered_though_nobody_asks() -> None:
    async def story(shop: Shop) -> None:
        order = Order("acme", ask_for({"cpu": 1}, hold_s=60), ("wm-1",))
        lease: Lease = await shop.writer.submit(lambda scribe: grant(scribe, order))
        shop.clock.set(NOW + 60)
        await until(lambda: lease.id in shop.durable().leases and shop.durable().leases[lease.id].state == "expired")

    at_work(story)


def test_a_hold_that_can_not_be_entered_does_not_keep_the_machine_busy(caplog: pytest.LogCaptureFixture) -> None:
    async def story(shop: Shop) -> None:
        order = Order("acme", ask_for({"cpu": 1}, hold_s=60), ("wm-1",))
        await shop.writer.submit(lambda scribe: grant(scribe, order).id)
        shop.moody.failures_left = 10_000
        shop.clock.set(NOW + 60)
        await asyncio.sleep(0.5)
        assert 10_000 - shop.moody.failures_left <= 2
        shop.moody.failures_left = 0

    at_work(story)


def test_at_the_end_what_is_queued_is_answered_and_what_comes_later_is_refused() -> None:
    async def story(shop: Shop) -> None:
        queued = [asyncio.create_task(shop.ask()) for _ in range(5)]
        await asyncio.sleep(0)
        await shop.writer.stop()
        assert len(await asyncio.gather(*queued)) == 5
        with pytest.raises(JournalUnavailable, match="stopping"):
            await shop.ask()

    shop = Shop()

    async def tell() -> None:
        shop.writer.start()
        await story(shop)

    asyncio.run(asyncio.wait_for(tell(), 30))


def test_many_at_once_never_get_more_than_there_is() -> None:
    async def story(shop: Shop) -> None:
        answers = await asyncio.gather(*(shop.ask(3) for _ in range(100)), return_exceptions=True)
        assert sum(isinstance(answer, str) for answer in answers) == 33
        assert sum(isinstance(answer, NoCapacity) for answer in answers) == 67

    started = time.monotonic()
    at_work(story).check_replay()
    assert time.monotonic() - started < 20


def test_whoever_watches_sees_what_waits_how_commits_were_shared_and_which_failed() -> None:
    async def story(shop: Shop) -> None:
        shop.moody.gate.clear()
        first = asyncio.create_task(shop.ask())
        await until(lambda: len(shop.ledger.leases) == 1)
        others = [asyncio.create_task(shop.ask()) for _ in range(5)]
        await asyncio.sleep(0)
        assert shop.writer.waiting == 5
        shop.moody.gate.set()
        await asyncio.gather(first, *others)
        assert shop.writer.waiting == 0
        assert shop.writer.batch_sizes.total == shop.writer.events_committed == 6
        assert sum(shop.writer.batch_sizes.counts) == sum(shop.writer.commit_seconds.counts) == 2
        shop.moody.failures_left = 1
        with pytest.raises(JournalUnavailable):
            await shop.ask()
        assert (shop.writer.batches_failed, shop.writer.events_committed) == (1, 6)

    at_work(story)


# -- without a loop -------------------------------------------------------------------------------------------------


def test_without_a_loop_a_failing_disk_undoes_the_batch_too() -> None:
    shop = Shop()
    shop.moody.failures_left = 1
    decision: Decision = lambda scribe: grant(scribe, Order("acme", ask_for({"cpu": 1}), ("wm-1",))).id  # noqa: E731
    with pytest.raises(OSError, match="no space"):
        shop.keeper.run(decision, decision)
    assert shop.keeper.ledger.leases == {}
    assert shop.keeper.run(decision, decision) == ["wm-1~3", "wm-1~4"]
    shop.check_replay()


def test_a_batch_sees_what_its_former_decisions_recorded() -> None:
    shop = Shop()
    fill: Decision = lambda scribe: grant(scribe, Order("acme", ask_for({"cpu": 60}), ("wm-1",))).id  # noqa: E731
    first, second = shop.keeper.run(fill, fill)
    assert (first, type(second)) == ("wm-1~3", NoCapacity)
    assert shop.batches()[-1] == 1
