"""One suite for the records of webhooks, over both databases, shared by several who have them open at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from maillage.engines.records.webhooks import SqlWebhookRecords
from maillage.tenancy.webhooks.ports import Delivery, Webhook
from tests.contract.record_databases import Place
from tests.receiver import receiving
from tests.unit.tenancy.webhook_world import Post, run_worker

NOW = 1_793_534_400
MOST = 20


@pytest.fixture
def records(place: Place) -> SqlWebhookRecords:
    return SqlWebhookRecords(place.open())


def hook(name: str = "wh_1", tenant: str = "acme", sees: str | None = "acme", **more: int) -> Webhook:
    return Webhook(name, tenant, f"https://{name}.example/", ["maillage.lease.*"], sees, NOW, **more)


def delivery(seq: int, webhook: str = "wh_1", site: str = "wm-1", due_at: int = NOW) -> Delivery:
    return Delivery(
        f"msg_{webhook}_{site}_{seq}", webhook, site, seq, "maillage.lease.granted", b'{"n": %d}' % seq, due_at
    )


def filled(records: SqlWebhookRecords, count: int = 3, webhook: str = "wh_1") -> list[Delivery]:
    """A webhook with deliveries 1 to ``count`` that are due."""
    assert records.add_webhook(hook(webhook), MOST)
    records.enter("chain", count, [delivery(seq, webhook) for seq in range(1, count + 1)])
    return records.due(webhook, NOW, 100)


def seqs(deliveries: list[Delivery]) -> list[int]:
    return [one.seq for one in deliveries]


# -- webhooks --------------------------------------------------------------------------------------------------------


def test_what_is_registered_is_there_for_all(records: SqlWebhookRecords, place: Place) -> None:
    assert not records.has_webhooks() and records.webhooks() == []
    one, two = hook("wh_2"), msgspec.structs.replace(hook("wh_1", "operator", None), created_at=NOW + 1)
    for webhook in (two, one):
        assert records.add_webhook(webhook, MOST)
    for seen_by in (records, SqlWebhookRecords(place.open())):
        assert seen_by.webhooks() == [one, two]
        assert seen_by.webhooks("operator") == [two]
        assert seen_by.webhook("wh_1") == two
        assert seen_by.webhook("wh_3") is None
        assert seen_by.has_webhooks()


def test_those_that_hear_of_a_tenant_are_its_own_and_those_who_hear_of_all(records: SqlWebhookRecords) -> None:
    for name, sees in (("wh_1", "acme"), ("wh_2", None), ("wh_3", "other"), ("wh_4", "acme")):
        records.add_webhook(hook(name, sees or "operator", sees), MOST)
    records.disable("wh_4", NOW, "gone")
    assert [one.id for one in records.hearing(["acme", "nobody"])] == ["wh_1", "wh_2"]
    assert [one.id for one in records.hearing([])] == ["wh_2"]


def test_a_tenant_has_no_more_than_it_may_however_many_ask_at_once(place: Place) -> None:
    opened = [SqlWebhookRecords(place.open()) for _ in range(4)]
    barrier = threading.Barrier(4)

    def add(number: int) -> int:
        barrier.wait()
        return sum(opened[number].add_webhook(hook(f"wh_{number}_{one}"), 5) for one in range(5))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(add, range(4))) == 5
    assert len(opened[0].webhooks("acme")) == 5
    assert opened[0].add_webhook(hook("wh_o", "other"), 5)


def test_a_version_follows_only_the_one_before(records: SqlWebhookRecords) -> None:
    records.add_webhook(hook(), MOST)
    assert records.set_version("wh_1", 2, NOW + 5)
    assert not records.set_version("wh_1", 2, NOW + 9)
    assert not records.set_version("wh_9", 2, NOW)
    assert records.webhook("wh_1") == hook(version=2, former_until=NOW + 5)


def test_what_is_removed_takes_its_deliveries_along_and_gets_no_more(records: SqlWebhookRecords) -> None:
    filled(records)
    filled(records, webhook="wh_2")
    records.remove_webhook("wh_1")
    records.enter("chain", 9, [delivery(9), delivery(9, "wh_2")])
    assert records.webhook("wh_1") is None
    assert (records.due("wh_1", NOW, 9), seqs(records.due("wh_2", NOW, 9))) == ([], [1, 2, 3, 9])


def test_what_waits_for_a_disabled_webhook_is_dead_and_what_comes_is_left_out(records: SqlWebhookRecords) -> None:
    filled(records)
    assert records.disable("wh_1", NOW + 7, "it answered 410")
    assert not records.disable("wh_1", NOW + 8, "again")
    records.enter("chain", 4, [delivery(4)])
    disabled = records.webhook("wh_1")
    assert disabled is not None and (disabled.disabled_at, disabled.reason) == (NOW + 7, "it answered 410")
    assert records.take_turn("me", NOW + 9, NOW + 99) is None
    assert not records.has_webhooks()
    dead = records.dead("wh_1", 0, 9)
    assert [(one.seq, one.settled_at, one.reason) for one in dead] == [
        (seq, NOW + 7, "the webhook was disabled: it answered 410") for seq in (1, 2, 3)
    ]
    records.enable("wh_1")
    assert records.webhook("wh_1") == hook()


# -- entering --------------------------------------------------------------------------------------------------------


def test_entering_twice_is_nothing_and_changes_nothing(records: SqlWebhookRecords) -> None:
    first, *_ = filled(records)
    records.delivered(first, NOW)
    records.enter("chain", 3, [delivery(seq, due_at=NOW - 1) for seq in (1, 2, 3)])
    assert [(one.seq, one.due_at) for one in records.due("wh_1", NOW, 9)] == [(2, NOW), (3, NOW)]


def test_several_who_enter_the_same_events_in_different_orders_enter_them_once(place: Place) -> None:
    opened = [SqlWebhookRecords(place.open()) for _ in range(3)]
    opened[0].add_webhook(hook(), MOST)
    barrier = threading.Barrier(3)

    def enter(number: int) -> None:
        entered = [delivery(seq, site=site) for site in ("wm-1", "wm-2") for seq in range(50)]
        barrier.wait()
        opened[number].enter(f"hub-{number}", 100, entered[:: -1 if number else 1])

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(enter, range(3)))
    assert len(opened[0].due("wh_1", NOW, 1_000)) == 100


def test_each_feed_has_its_own_position(records: SqlWebhookRecords, place: Place) -> None:
    assert records.position("hub-1") == 0
    records.enter("hub-1", 7, [])
    records.enter("hub-2", 3, [])
    records.enter("hub-1", 8, [])
    assert [SqlWebhookRecords(place.open()).position(feed) for feed in ("hub-1", "hub-2", "hub-3")] == [8, 3, 0]


def test_position_and_deliveries_move_together_or_not_at_all(records: SqlWebhookRecords) -> None:
    filled(records)
    broken = msgspec.structs.replace(delivery(5), body=None)
    with pytest.raises(Exception, match=r"(?i)null"):
        records.enter("chain", 9, [delivery(4), broken])
    assert records.position("chain") == 3
    assert seqs(records.due("wh_1", NOW, 9)) == [1, 2, 3]


# -- turns -----------------------------------------------------------------------------------------------------------


def test_a_turn_is_one_workers_until_it_ends_or_runs_out(records: SqlWebhookRecords, place: Place) -> None:
    filled(records)
    other = SqlWebhookRecords(place.open())
    assert records.take_turn("me", NOW, NOW + 120) == hook()
    assert other.take_turn("you", NOW, NOW + 120) is None
    assert other.take_turn("you", NOW + 119, NOW + 200) is None
    assert other.take_turn("you", NOW + 120, NOW + 240) == hook()
    records.end_turn("wh_1", "me", 0)  # too late: the turn is another's by now
    assert records.take_turn("me", NOW + 130, NOW + 250) is None
    other.end_turn("wh_1", "you", 0)
    assert records.take_turn("me", NOW + 130, NOW + 250) == hook()


def test_there_is_no_turn_without_something_due_or_in_a_pause(records: SqlWebhookRecords) -> None:
    records.add_webhook(hook(), MOST)
    assert records.take_turn("me", NOW, NOW + 9) is None
    records.enter("chain", 1, [delivery(1, due_at=NOW + 5)])
    assert records.take_turn("me", NOW + 4, NOW + 9) is None
    assert records.take_turn("me", NOW + 5, NOW + 9) is not None
    records.end_turn("wh_1", "me", NOW + 60)
    assert records.take_turn("me", NOW + 59, NOW + 90) is None
    assert records.take_turn("me", NOW + 60, NOW + 90) is not None


def test_the_webhook_whose_turn_is_longest_ago_is_next(records: SqlWebhookRecords) -> None:
    for name in ("wh_1", "wh_2", "wh_3"):
        filled(records, webhook=name)
    order = []
    for second in range(6):
        turn = records.take_turn("me", NOW + second, NOW + 99)
        assert turn is not None
        records.end_turn(turn.id, "me", 0)
        order.append(turn.id)
    assert order == ["wh_1", "wh_2", "wh_3"] * 2


def test_workers_that_race_never_have_the_same_turn(place: Place) -> None:
    opened = [SqlWebhookRecords(place.open()) for _ in range(4)]
    for number in range(12):
        filled(opened[0], 1, f"wh_{number:02}")
    barrier = threading.Barrier(4)

    def take(number: int) -> list[str]:
        barrier.wait()
        taken = []
        while (turn := opened[number].take_turn(f"worker-{number}", NOW, NOW + 120)) is not None:
            taken.append(turn.id)
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [name for names in pool.map(take, range(4)) for name in names]
    # One that saw all the rest being claimed may have left a row to nobody: what is left is taken by the next look.
    while (turn := opened[0].take_turn("last", NOW, NOW + 120)) is not None:
        taken.append(turn.id)
    assert sorted(taken) == [f"wh_{number:02}" for number in range(12)]


# -- attempts --------------------------------------------------------------------------------------------------------


def test_what_is_due_comes_in_the_order_in_which_it_was_entered(records: SqlWebhookRecords) -> None:
    first, *_ = filled(records, 5)
    records.put_off(first, NOW, NOW + 5, "answered 500")
    assert seqs(records.due("wh_1", NOW, 3)) == [2, 3, 4]
    again = records.due("wh_1", NOW + 5, 3)
    assert seqs(again) == [1, 2, 3]
    assert (again[0].attempts, again[0].reason) == (1, "answered 500")


def test_a_delivery_that_was_taken_is_done_and_its_body_dropped(records: SqlWebhookRecords) -> None:
    one, two, _ = filled(records)
    records.put_off(one, NOW, NOW + 5, "answered 500")
    assert getattr(records.webhook("wh_1"), "failing_since", 0) == NOW
    records.delivered(two, NOW + 1)
    assert records.webhook("wh_1") == hook()
    records.put_off(two, NOW, NOW, "said too late")
    records.give_up(two, NOW, "said too late")
    assert seqs(records.due("wh_1", NOW + 9, 9)) == [1, 3]
    assert records.dead("wh_1", 0, 9) == []


def test_what_is_said_of_an_attempt_twice_counts_once(records: SqlWebhookRecords) -> None:
    one, *_ = filled(records, 1)
    for due_at in (NOW + 5, NOW + 500):
        records.put_off(one, NOW, due_at, "answered 500")
    (waiting,) = records.due("wh_1", NOW + 500, 9)
    assert (waiting.attempts, waiting.due_at) == (1, NOW + 5)
    assert getattr(records.webhook("wh_1"), "failing_since", 0) == NOW


def test_dead_letters_come_in_pages_and_are_replayed_by_id_or_all(records: SqlWebhookRecords) -> None:
    for one in filled(records, 5):
        records.give_up(one, NOW + 1, "answered 500")
    records.end_turn("wh_1", "nobody", 0)
    page = records.dead("wh_1", 0, 2)
    assert [(one.seq, one.attempts, one.reason, one.settled_at) for one in page] == [
        (1, 1, "answered 500", NOW + 1),
        (2, 1, "answered 500", NOW + 1),
    ]
    assert seqs(records.dead("wh_1", page[-1].number, 9)) == [3, 4, 5]
    assert records.replay("wh_1", [page[1].id, "msg_nowhere"], NOW + 9) == 1
    assert records.replay("wh_2", None, NOW + 9) == 0
    (again,) = records.due("wh_1", NOW + 9, 9)
    assert (again.id, again.attempts, again.reason, again.body) == (page[1].id, 0, "", b'{"n": 2}')
    assert records.replay("wh_1", None, NOW + 9) == 4
    assert seqs(records.due("wh_1", NOW + 9, 9)) == [1, 2, 3, 4, 5]


def test_a_replay_ends_a_pause(records: SqlWebhookRecords) -> None:
    (one,) = filled(records, 1)
    records.take_turn("me", NOW, NOW + 99)
    records.give_up(one, NOW, "answered 500")
    records.end_turn("wh_1", "me", NOW + 300)
    records.replay("wh_1", None, NOW)
    assert records.take_turn("me", NOW, NOW + 99) is not None


def test_what_falls_behind_is_named(records: SqlWebhookRecords) -> None:
    filled(records, 3)
    filled(records, 5, "wh_2")
    assert (records.behind(5), records.behind(4), sorted(records.behind(2))) == ([], ["wh_2"], ["wh_1", "wh_2"])
    records.disable("wh_2", NOW, "enough")
    assert records.behind(2) == ["wh_1"]


def test_what_was_settled_long_ago_is_forgotten(records: SqlWebhookRecords) -> None:
    one, two, three = filled(records)
    records.delivered(one, NOW)
    records.give_up(two, NOW + 10, "answered 500")
    assert records.prune(NOW, NOW + 10) == 0
    assert records.prune(NOW + 1, NOW + 10) == 1
    assert records.prune(NOW + 1, NOW + 11) == 1
    assert records.dead("wh_1", 0, 9) == []
    assert records.due("wh_1", NOW, 9) == [three]


# -- several workers -------------------------------------------------------------------------------------------------


def test_several_workers_on_one_database_deliver_once_and_in_order(place: Place) -> None:
    first = Post(SqlWebhookRecords(place.open()))
    others = [Post(SqlWebhookRecords(place.open()), first.world) for _ in range(2)]
    done = threading.Event()
    with receiving() as receiver:
        for part in range(5):
            first.webhook(f"{receiver.url}/{part}")
        for _ in range(8):
            first.world.hour({"cpu": 1})
        first.enter()
        with ThreadPoolExecutor(3) as pool:
            try:
                running = [pool.submit(run_worker, post, done) for post in (first, *others)]
                receiver.wait_for(40)
            finally:
                done.set()
            for worker in running:
                worker.result()
    assert len({got.id for got in receiver.got}) == len(receiver.got) == 40
    for part in range(5):
        seqs = [int(got.event["sequence"]) for got in receiver.got if got.path.endswith(f"/{part}")]
        assert seqs == sorted(seqs)
