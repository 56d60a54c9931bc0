"""From an event in the journal to a receiver, over real records and a real line; time goes as the tests say."""

import asyncio
import logging
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from standardwebhooks import WebhookVerificationError

from maillage.engines.records.opening import open_database
from maillage.engines.records.webhooks import SqlWebhookRecords
from maillage.kernel.errors import Invalid, NoMasterSecret, NotFound, TooManyWebhooks, WebhookDisabled
from maillage.kernel.times import DAY_S, HOUR_S
from maillage.tenancy.webhooks import outbox as outbox_module
from maillage.tenancy.webhooks import worker as worker_module
from maillage.tenancy.webhooks.courier import LANES, Courier
from maillage.tenancy.webhooks.desk import WEBHOOKS_MAX
from maillage.tenancy.webhooks.ports import Outcome
from maillage.tenancy.webhooks.schedule import DELAYS_S, PAUSE_MAX_S
from maillage.tenancy.webhooks.signing import Secrets
from maillage.tenancy.webhooks.worker import CLAIM_S, Worker
from tests.kernel_world import refusal_of
from tests.receiver import Answer, Receiver, receiving, until
from tests.unit.tenancy.webhook_world import Post, run_worker

NOT_NOW = Answer(503)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[SqlWebhookRecords]:
    database = open_database(None, tmp_path)
    try:
        yield SqlWebhookRecords(database)
    finally:
        database.close()


@pytest.fixture
def post(records: SqlWebhookRecords) -> Post:
    return Post(records)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


class Scripted:
    """A sender that only notes what it was asked to send, and answers as it is told."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.sent: list[str] = []

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        self.sent.append(headers["webhook-id"])
        return self.outcome

    async def close(self) -> None:
        pass


# -- what is told to whom --------------------------------------------------------------------------------------------


def test_an_event_arrives_once_signed_as_the_events_route_shows_it(post: Post, receiver: Receiver) -> None:
    issued = post.webhook(receiver.url)
    lease = post.world.hour({"cpu": 4})
    post.enter()
    post.deliver()
    (got,) = receiver.got
    event = got.verified_by(issued.secret)
    assert (event["type"], event["subject"], event["data"]["needs"]) == ("maillage.lease.granted", lease.id, {"cpu": 4})
    assert (event["specversion"], event["id"]) == ("1.0", "wm-1/3")
    assert post.waiting(issued) == []
    post.deliver()
    assert len(receiver.got) == 1


def test_a_tenant_is_told_of_its_own_leases_and_an_operator_of_everything(post: Post, receiver: Receiver) -> None:
    own = post.webhook(f"{receiver.url}/own")
    post.webhook(f"{receiver.url}/all", "operator", sees_all=True)
    mine, theirs = post.world.hour({"cpu": 1}), post.world.hour({"cpu": 1}, tenant="other")
    post.world.release(theirs)
    post.world.release(mine)
    post.world.pool("cpu", 999)
    post.enter()
    post.deliver()
    told = [(got.path, got.event["type"].split(".")[-1], got.event["subject"]) for got in receiver.got]
    assert [what[1:] for what in told if what[0] == "/hook/own"] == [("granted", mine.id), ("released", mine.id)]
    assert [what[1:] for what in told if what[0] == "/hook/all"][-5:] == [
        ("granted", mine.id),
        ("granted", theirs.id),
        ("released", theirs.id),
        ("released", mine.id),
        ("resized", "cpu"),
    ]
    assert post.known(own).failing_since is None


def test_only_the_types_that_were_asked_for_are_sent(post: Post, receiver: Receiver) -> None:
    post.webhook(receiver.url, types=["maillage.lease.re*", "maillage.lease.extended"])
    lease = post.world.hour({"cpu": 1})
    post.world.extend(lease, lease.end + HOUR_S)
    post.world.release(lease)
    post.enter()
    post.deliver()
    assert [got.event["type"] for got in receiver.got] == ["maillage.lease.extended", "maillage.lease.released"]


def test_what_happened_before_a_webhook_was_registered_is_not_for_it(post: Post, receiver: Receiver) -> None:
    post.world.hour({"cpu": 1})
    post.world.tick(outbox_module.SKEW_S + 1)
    post.webhook(receiver.url)
    lease = post.world.hour({"cpu": 1})
    post.enter()
    post.deliver()
    assert [got.event["subject"] for got in receiver.got] == [lease.id]


# -- none lost, none twice -------------------------------------------------------------------------------------------


def test_events_from_while_nobody_looked_are_entered_later(post: Post, receiver: Receiver) -> None:
    post.webhook(receiver.url)
    for _ in range(3):
        post.world.hour({"cpu": 1})
        post.enter()
    for _ in range(40):
        post.world.hour({"cpu": 1})
    post.enter()
    post.deliver()
    assert [got.event["sequence"] for got in receiver.got] == [str(seq) for seq in range(3, 46)]


def test_events_that_are_looked_at_again_after_a_crash_are_not_sent_again(
    post: Post, receiver: Receiver, records: SqlWebhookRecords
) -> None:
    post.webhook(receiver.url)
    post.world.hour({"cpu": 1})
    post.enter()
    post.deliver()
    records.enter("chain", 0, [])  # as if the position had not been stored
    post.world.hour({"cpu": 1})
    post.enter()
    post.deliver()
    assert len({got.id for got in receiver.got}) == len(receiver.got) == 2


def test_a_crash_between_sending_and_marking_sends_again_by_the_same_id(post: Post, receiver: Receiver) -> None:
    issued = post.webhook(receiver.url)
    post.world.hour({"cpu": 1})
    post.enter()
    # A process that took the turn, sent, and died: nothing was marked, nothing given back.
    webhook = post.records.take_turn("a process that dies", post.now, post.now + CLAIM_S)
    assert webhook is not None
    (delivery,) = post.waiting(issued)

    async def send() -> Outcome:
        sender = post.sender()
        try:
            return await post.courier(sender).attempt(webhook, delivery.id, delivery.body)
        finally:
            await sender.close()

    assert asyncio.run(send()).taken
    post.deliver()
    assert len(receiver.got) == 1
    post.world.clock.advance(CLAIM_S)
    post.deliver()
    first, second = receiver.got
    assert first.id == second.id == delivery.id
    assert first.body == second.body
    assert post.waiting(issued) == []


def test_an_event_has_another_id_for_each_webhook(post: Post, receiver: Receiver) -> None:
    for part in ("a", "b"):
        post.webhook(f"{receiver.url}/{part}")
    post.world.hour({"cpu": 1})
    post.enter()
    post.deliver()
    assert len({got.id for got in receiver.got}) == 2
    assert len({got.event["id"] for got in receiver.got}) == 1


# -- failing and coming back -----------------------------------------------------------------------------------------


def test_what_failed_is_tried_again_later_by_the_same_id(post: Post, receiver: Receiver) -> None:
    issued = post.webhook(receiver.url)
    post.world.hour({"cpu": 1})
    post.enter()
    receiver.answers = [NOT_NOW, Answer(302, {"location": "/elsewhere"})]
    post.deliver()
    post.world.clock.advance(DELAYS_S[0] - 1)
    post.deliver()
    assert len(receiver.got) == 1
    assert post.known(issued).failing_since is not None
    post.world.clock.advance(1)
    post.deliver()
    post.world.clock.advance(DELAYS_S[1])
    post.deliver()
    assert len(receiver.got) == 3
    assert len({got.id for got in receiver.got}) == 1
    assert post.known(issued).failing_since is None
    assert post.waiting(issued) == []


def test_each_attempt_is_signed_at_its_own_time(post: Post, receiver: Receiver) -> None:
    post.webhook(receiver.url)
    post.world.hour({"cpu": 1})
    post.enter()
    receiver.answers = [NOT_NOW]
    started = post.now
    post.deliver()
    post.world.clock.advance(DELAYS_S[0])
    post.deliver()
    assert [int(got.headers["webhook-timestamp"]) - started for got in receiver.got] == [0, DELAYS_S[0]]


def test_events_of_a_site_come_in_order_also_after_a_failure(post: Post, receiver: Receiver) -> None:
    post.webhook(receiver.url)
    for _ in range(5):
        post.world.hour({"cpu": 1})
    post.enter()
    receiver.answers = [Answer(), NOT_NOW]
    post.deliver()
    assert len(receiver.got) == 2  # a failure ends the turn
    post.world.clock.advance(DELAYS_S[0])
    post.deliver()
    assert [got.event["sequence"] for got in receiver.got] == ["3", "4", "4", "5", "6", "7"]


def test_the_receiver_says_how_long_to_wait(post: Post, receiver: Receiver) -> None:
    post.webhook(receiver.url)
    for _ in range(2):
        post.world.hour({"cpu": 1})
    post.enter()
    receiver.answers = [Answer(429, {"retry-after": "100"})]
    post.deliver()
    post.world.clock.advance(99)
    post.deliver()
    assert len(receiver.got) == 1  # nothing else goes there either
    post.world.clock.advance(1)
    post.deliver()
    assert len(receiver.got) == 3


def test_what_fails_to_the_end_is_a_dead_letter_that_can_be_replayed(post: Post, receiver: Receiver) -> None:
    issued = post.webhook(receiver.url)
    for _ in range(2):
        post.world.hour({"cpu": 1})
    post.enter()
    receiver.usual = Answer(500)
    for _ in range(60):
        post.deliver()
        if not post.waiting(issued):
            break
        post.world.clock.advance(2 * HOUR_S)
    dead = post.dead(issued)
    assert [(one.attempts, one.reason) for one in dead] == [(len(DELAYS_S) + 1, "answered 500")] * 2
    assert len(receiver.got) == 2 * (len(DELAYS_S) + 1)

    receiver.usual, before = Answer(), len(receiver.got)
    assert post.ask(lambda desk: desk.replay(issued.webhook.id, "acme", [dead[1].id])) == 1
    post.deliver()
    assert [got.id for got in receiver.got[before:]] == [dead[1].id]
    assert post.ask(lambda desk: desk.replay(issued.webhook.id, "acme", None)) == 1
    post.deliver()
    assert [got.id for got in receiver.got[before:]] == [dead[1].id, dead[0].id]
    assert post.dead(issued) == post.waiting(issued) == []


def test_the_delays_add_up_to_three_days(post: Post) -> None:
    issued = post.webhook("http://127.0.0.1:9/")
    post.world.hour({"cpu": 1})
    post.enter()
    sender, started = Scripted(Outcome(None, "no answer")), post.now
    attempts_at = []
    while post.waiting(issued):
        (delivery,) = post.waiting(issued)
        post.world.clock.set(max(post.now, delivery.due_at))
        post.deliver(sender)
        if len(sender.sent) > len(attempts_at):
            attempts_at.append(post.now - started)
        else:
            post.world.clock.advance(1)  # a pause
    assert len(attempts_at) == len(DELAYS_S) + 1
    assert sum(DELAYS_S) <= attempts_at[-1] <= sum(DELAYS_S) + 60
    assert set(sender.sent) == {post.dead(issued)[0].id}


def test_gone_disables_the_webhook_at_once(post: Post, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    issued = post.webhook(receiver.url)
    for _ in range(3):
        post.world.hour({"cpu": 1})
    post.enter()
    receiver.answers = [Answer(), Answer(410)]
    with caplog.at_level(logging.WARNING, "maillage"):
        post.deliver()
    assert len(receiver.got) == 2
    assert post.known(issued).disabled_at == post.now
    assert f"webhook {issued.webhook.id} was disabled: the receiver answered 410" in caplog.text
    assert [one.reason for one in post.dead(issued)] == [
        "the webhook was disabled: the receiver answered 410: it wants no more"
    ] * 2
    refused = refusal_of(lambda: post.ask(lambda desk: desk.replay(issued.webhook.id, None, None)))
    assert isinstance(refused, WebhookDisabled)

    post.ask(lambda desk: desk.enable(issued.webhook.id, "acme"))
    post.ask(lambda desk: desk.replay(issued.webhook.id, "acme", None))
    post.world.hour({"cpu": 1})
    post.enter()
    post.deliver()
    assert sorted(got.event["sequence"] for got in receiver.got[2:]) == ["4", "5", "6"]


def test_a_webhook_that_takes_nothing_for_days_is_disabled_when_an_event_is_given_up(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    issued = post.webhook("http://127.0.0.1:9/")
    sender = Scripted(Outcome(500, "answered 500"))
    for _ in range(12 * 10):
        if post.known(issued).disabled_at is not None:
            break
        post.world.hour({"cpu": 1})
        post.enter()
        post.deliver(sender)
        post.world.tick(2 * HOUR_S)
    known = post.known(issued)
    assert known.disabled_at is not None and known.failing_since is not None
    assert 5 * DAY_S <= known.disabled_at - known.failing_since < 6 * DAY_S
    assert known.reason == "it took nothing for 5 days, in the end: answered 500"
    assert "was disabled" in caplog.text


def test_one_that_fails_now_and_then_is_not_disabled_however_long(post: Post) -> None:
    issued = post.webhook("http://127.0.0.1:9/")
    for outcome in [Outcome(500, "answered 500"), Outcome(204)] * 10:
        post.world.hour({"cpu": 1})
        post.enter()
        post.deliver(Scripted(outcome))
        post.world.tick(DAY_S)
    assert post.known(issued).disabled_at is None


# -- rotation --------------------------------------------------------------------------------------------------------


def test_after_a_rotation_both_secrets_sign_for_a_day(post: Post, receiver: Receiver) -> None:
    old = post.webhook(receiver.url)
    new = post.ask(lambda desk: desk.rotate(old.webhook.id, "acme"))
    assert new.webhook.former_until == post.now + DAY_S
    post.world.hour({"cpu": 1})
    post.enter()
    post.deliver()
    (got,) = receiver.got
    assert got.verified_by(old.secret) == got.verified_by(new.secret)
    assert len(got.headers["webhook-signature"].split()) == 2

    post.records.set_version(old.webhook.id, 3, post.now)  # a rotation whose day is over
    post.world.hour({"cpu": 1})
    post.enter()
    post.deliver()
    last = receiver.got[-1]
    assert len(last.headers["webhook-signature"].split()) == 1
    for secret in (old.secret, new.secret):
        with pytest.raises(WebhookVerificationError):
            last.verified_by(secret)


# -- side by side ----------------------------------------------------------------------------------------------------


def test_a_slow_receiver_holds_up_nobody_and_gets_few_requests_at_once(post: Post, receiver: Receiver) -> None:
    held, done = threading.Event(), threading.Event()
    with receiving() as slow:
        slow.usual = Answer(wait=held)
        post.webhook(slow.url)
        post.webhook(receiver.url)
        for number in range(2 * LANES):
            post.world.pool("cpu", 10, site=f"wm-{number}")
            post.world.hour({"cpu": 1}, site=f"wm-{number}")
        post.enter()
        working = threading.Thread(target=run_worker, args=(post, done))
        working.start()
        try:
            receiver.wait_for(2 * LANES)
            slow.wait_for(LANES)
            assert len(slow.got) == LANES
            held.set()
            slow.wait_for(2 * LANES)
            assert slow.at_once_max == LANES
        finally:
            held.set()
            done.set()
            working.join()


def test_a_stop_lets_what_is_being_sent_finish(post: Post, receiver: Receiver) -> None:
    issued = post.webhook(receiver.url)
    for _ in range(3):
        post.world.hour({"cpu": 1})
    post.enter()
    held, done = threading.Event(), threading.Event()
    receiver.usual = Answer(wait=held)
    working = threading.Thread(target=run_worker, args=(post, done))
    working.start()
    receiver.wait_for(1)
    done.set()
    held.set()
    working.join()
    assert len(receiver.got) + len(post.waiting(issued)) == 3
    assert post.records.take_turn("the next one", post.now, post.now + 1) is not None  # the claim was given back


# -- looking after it ------------------------------------------------------------------------------------------------


def test_what_can_not_keep_up_is_disabled(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "BEHIND_MAX", 3)
    issued = post.webhook("http://127.0.0.1:9/")
    for _ in range(4):
        post.world.hour({"cpu": 1})
    post.enter()
    sender = Scripted(Outcome(204))
    asyncio.run(Worker(post.records, post.courier(sender), post.clock).tidy())
    assert post.known(issued).reason == "more than 3 events waited for it"
    assert len(post.dead(issued)) == 4


def test_what_runs_already_hears_of_a_new_webhook_and_of_what_comes_after_it(post: Post, receiver: Receiver) -> None:
    async def main() -> None:
        desk = post.desk(post.sender())
        desk.start()
        try:
            for count in (1, 2):
                await desk.create("acme", "acme", f"{receiver.url}/{count}", ["maillage.lease.granted"])
                post.world.tick(outbox_module.SKEW_S + 1)
                post.world.hour({"cpu": 1})
                await asyncio.to_thread(receiver.wait_for, count * (count + 1) // 2)
        finally:
            await desk.stop()

    asyncio.run(main())
    assert sorted(got.path for got in receiver.got) == ["/hook/1", "/hook/1", "/hook/2"]


def test_while_there_is_no_webhook_events_are_passed_over_unread(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "UNSTORED_MAX", 1)
    monkeypatch.setattr(outbox_module, "LOOK_EVERY_S", 0.01)

    async def main() -> None:
        desk = post.desk(post.sender())
        desk.start()
        try:
            for _ in range(2):
                post.world.hour({"cpu": 1})
                end = post.world.journal.end()
                await asyncio.to_thread(until, lambda end=end: post.records.position("chain") == end)
        finally:
            await desk.stop()

    asyncio.run(main())
    assert post.filled == 0


def test_a_fault_of_the_records_delays_but_loses_nothing(
    post: Post, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outbox_module, "AFTER_FAULT_S", 0.01)
    post.webhook(receiver.url)
    post.world.hour({"cpu": 1})
    enter, faults = post.records.enter, [OSError("the database is away")] * 3

    def failing(*words: object) -> None:
        if faults:
            raise faults.pop()
        enter(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(post.records, "enter", failing)
    post.enter()
    post.deliver()
    assert len(receiver.got) == 1
    assert caplog.text.count("could not be entered") == 3


def test_a_server_without_its_secret_sends_nothing_waits_and_loses_nothing(
    post: Post, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    issued = post.webhook(receiver.url)
    post.world.hour({"cpu": 1})
    post.enter()

    def no_master() -> bytes:
        raise NoMasterSecret("none was given")

    async def main() -> None:
        sender = post.sender()
        courier = Courier(post.records, sender, Secrets(no_master), post.clock, lambda: 0.0)
        running = asyncio.create_task(Worker(post.records, courier, post.clock).run())
        await asyncio.to_thread(until, lambda: "broke off" in caplog.text)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await sender.close()

    asyncio.run(main())
    assert caplog.text.count("broke off") == 1
    post.world.clock.advance(PAUSE_MAX_S)
    post.deliver()
    assert len(receiver.got) == 1 and post.known(issued).failing_since is None


# -- the desk --------------------------------------------------------------------------------------------------------


def test_a_test_goes_out_signed_also_to_a_disabled_webhook_and_changes_nothing(post: Post, receiver: Receiver) -> None:
    issued = post.webhook(receiver.url)
    post.records.disable(issued.webhook.id, post.now, "enough")
    before = post.known(issued)
    receiver.answers = [Answer(), Answer(500)]
    for status, taken in ((204, True), (500, False)):
        tested = post.ask(lambda desk: desk.test(issued.webhook.id, "acme"))
        assert (tested.outcome.status, tested.outcome.taken) == (status, taken)
        assert receiver.got[-1].id == tested.message_id
    event = receiver.got[0].verified_by(issued.secret)
    assert (event["type"], event["data"]) == (
        "maillage.webhook.test",
        {"webhook": issued.webhook.id, "tenant": "acme"},
    )
    assert post.known(issued) == before and post.waiting(issued) == []


def test_what_is_not_yours_is_not_found(post: Post) -> None:
    webhook_id = post.webhook("http://127.0.0.1:9/").webhook.id
    for refused in (
        lambda: post.ask(lambda desk: desk.get(webhook_id, "other")),
        lambda: post.ask(lambda desk: desk.delete(webhook_id, "other")),
        lambda: post.ask(lambda desk: desk.rotate(webhook_id, "other")),
        lambda: post.ask(lambda desk: desk.test(webhook_id, "other")),
        lambda: post.ask(lambda desk: desk.dead(webhook_id, "other", 0, 9)),
        lambda: post.ask(lambda desk: desk.replay(webhook_id, "other", None)),
        lambda: post.ask(lambda desk: desk.enable(webhook_id, "other")),
        lambda: post.ask(lambda desk: desk.get("wh_nowhere", None)),
    ):
        assert isinstance(refusal_of(refused), NotFound)
    post.ask(lambda desk: desk.delete(webhook_id, None))
    assert post.ask(lambda desk: desk.list_webhooks(None)) == []


def test_a_tenant_has_a_bounded_number_of_webhooks(post: Post) -> None:
    for number in range(WEBHOOKS_MAX):
        post.webhook(f"http://127.0.0.1:9/{number}")
    assert isinstance(refusal_of(lambda: post.webhook("http://127.0.0.1:9/")), TooManyWebhooks)
    post.webhook("http://127.0.0.1:9/", "other")


@pytest.mark.parametrize("url", ["http://example.com/", "https://10.0.0.1/", "https://no-such-name.invalid/"])
def test_an_address_that_leads_nowhere_good_is_refused_when_it_is_registered(post: Post, url: str) -> None:
    assert isinstance(refusal_of(lambda: post.webhook(url)), Invalid)
    assert post.records.webhooks() == []
