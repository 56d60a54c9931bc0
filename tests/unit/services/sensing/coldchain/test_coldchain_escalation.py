"""Who is told when: by shifts, by real mail and real webhooks, until somebody acknowledges."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maillage.engines.clocks import SystemClock
from maillage.engines.notify.hook import HookChannel
from maillage.engines.notify.mail import MailChannel
from maillage.engines.notify.smtp_settings import SmtpSettings
from maillage.kernel.errors import Invalid, NotFound
from maillage.kernel.times import format_time
from maillage.services.sensing.coldchain.documents import Acknowledge, AlarmDocument, Downgrade, Snooze
from maillage.services.sensing.coldchain.escalation.plan import Contact, Plan, PlanStep
from maillage.tenancy.webhooks.sending import HttpSender
from maillage.tenancy.webhooks.signing import Secrets
from tests.receiver import Answer, Receiver, receiving
from tests.unit.engines.notify.smtp_server import Mailbox, mail_server
from tests.unit.services.sensing.coldchain.coldchain_world import NOW, SITE, Desk

ANN = Acknowledge(by="Ann")
DAY = {day: [("06:00", "22:00")] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
CONTACTS = {
    "floor": Contact(email="floor@example.com"),
    "oncall": Contact(email="oncall@example.com"),
    "boss": Contact(email="boss@example.com"),
}
SHIFTS = Plan(
    [
        PlanStep(0, ["floor"], shift="day"),
        PlanStep(0, ["oncall"], shift="otherwise", severity="critical"),
        PlanStep(600, ["boss", "console"]),
    ],
    CONTACTS,
    {"day": DAY},
)


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def store(tmp_path: Path, box: Mailbox) -> Iterator[Desk]:
    """Its freezer at -20 °C; it is six in the morning there, when the day begins."""
    mail = MailChannel(SmtpSettings(host="127.0.0.1", port=box.port, tls="none", sender="alarms@example.com"))
    with Desk(tmp_path, {"email": mail}) as store:
        store.channels["webhook"] = store.desk._channels["webhook"] = HookChannel(
            HttpSender(store.clock, allow_local=True), Secrets(lambda: b"m" * 32), SystemClock(), allow_local=True
        )
        store.air(-20, 2)
        yield store


def use(store: Desk, plan: Plan) -> dict[str, str]:
    """Set a plan; the secrets of its webhooks."""
    return store.run(store.desk.set_plan(SITE, plan, "Ann")).secrets or {}


def told(box: Mailbox) -> list[str]:
    return [mail.recipients[0] for mail in box.got]


def shown(store: Desk) -> AlarmDocument:
    return store.run(store.desk.alarm(store.only().id))


def escalated(store: Desk) -> int:
    return store.notices.topics.count("sensing.alarm.escalated")


def test_without_a_plan_the_console_is_told_at_once_and_after_10_and_30_minutes(store: Desk) -> None:
    store.air(-8, 9)
    assert (store.notices.topics.count("sensing.alarm.raised"), escalated(store)) == (1, 0)
    store.air(-8.5, 2)
    assert escalated(store) == 1
    store.air(-8.5, 20)
    assert escalated(store) == 2
    store.air(-8.5, 120)
    assert escalated(store) == 2, "the other alarms of the incident are spoken for"


def test_the_day_shift_gets_the_mail_by_day(store: Desk, box: Mailbox) -> None:
    use(store, SHIFTS)
    store.air(-8)
    assert told(box) == ["floor@example.com"]
    (mail,) = box.got
    assert mail.message["Subject"] == "[critical] wm-1 freezer-1: air above -9 °C: -8 °C"
    assert "Store 1 (wm-1)" in mail.text and "maillage sensing alarms acknowledge wm-1~a1" in mail.text
    (delivery,) = shown(store).deliveries or []
    assert (delivery.contact, delivery.channel, delivery.state, delivery.attempts) == ("floor", "email", "delivered", 1)


def test_the_night_shift_gets_the_mail_at_night(store: Desk, box: Mailbox) -> None:
    use(store, SHIFTS)
    store.clock.set(NOW + 17 * 3_600)  # 23:00
    store.air(-8)
    assert told(box) == ["oncall@example.com"]


def test_a_warning_at_night_waits_for_whoever_takes_warnings(store: Desk, box: Mailbox) -> None:
    use(store, SHIFTS)
    store.clock.set(NOW + 17 * 3_600)
    store.desk.tick(1_000 * store.clock.now())
    store.air(-14, 46)
    warm = next(alarm for alarm in store.desk.open_alarms() if alarm.rule == "warm")
    assert warm.level == "warning" and "oncall@example.com" not in told(box)


def test_acknowledgement_stops_the_escalation(store: Desk, box: Mailbox) -> None:
    use(store, SHIFTS)
    store.air(-8, 2)
    store.run(store.desk.acknowledge(store.only().id, ANN))
    store.air(-8, 12)
    assert told(box) == ["floor@example.com"] and escalated(store) == 0


def test_without_acknowledgement_it_goes_on_to_the_boss(store: Desk, box: Mailbox) -> None:
    use(store, SHIFTS)
    store.air(-8)
    store.air(-8, 11)
    assert told(box) == ["floor@example.com", "boss@example.com"] and escalated(store) == 1


def test_a_snooze_pauses_it_and_then_tells_who_was_told_last_again(store: Desk, box: Mailbox) -> None:
    use(store, SHIFTS)
    store.air(-8, 5)
    until = format_time(store.clock.now() + 1_800)
    snoozed = store.run(store.desk.snooze(store.only().id, Snooze(until=until, by="Ann")))
    assert snoozed.snoozed_until == until
    store.air(-8, 29)
    assert told(box) == ["floor@example.com"]
    store.air(-8, 2)
    assert told(box) == ["floor@example.com"] * 2
    store.air(-8, 5)
    assert told(box)[2:] == ["boss@example.com"], "of the ten minutes, five had gone by before the snooze"


def test_the_last_step_is_repeated_where_the_plan_says_so(store: Desk, box: Mailbox) -> None:
    use(store, Plan([PlanStep(0, ["boss"])], CONTACTS, repeat_s=300))
    store.air(-9.5)
    store.air(-8, 14)
    assert told(box) == ["boss@example.com"] * 3


def test_a_plan_is_followed_on_over_a_restart_and_what_waits_is_sent(store: Desk, box: Mailbox) -> None:
    use(store, SHIFTS)
    box.replies = ["451 come again"]
    store.air(-8)
    assert told(box) == []
    (delivery,) = shown(store).deliveries or []
    assert (delivery.state, delivery.attempts) == ("waiting", 1)
    assert delivery.reason == "the address was refused: 451 come again"
    store.channels["email"] = MailChannel(
        SmtpSettings(host="127.0.0.1", port=box.port, tls="none", sender="alarms@example.com")
    )
    store.restart()
    store.air(-8, 1)
    assert told(box) == ["floor@example.com"]
    store.air(-8, 10)
    assert told(box) == ["floor@example.com", "boss@example.com"]


def test_an_address_that_is_refused_for_good_is_given_up_and_shown(store: Desk, box: Mailbox) -> None:
    use(store, SHIFTS)
    box.replies = ["550 no such user"]
    store.air(-8)
    (delivery,) = shown(store).deliveries or []
    assert (delivery.state, delivery.attempts, delivery.next_at) == ("failed", 1, None)


def test_what_waits_is_called_off_when_somebody_acknowledges(store: Desk, box: Mailbox) -> None:
    use(store, SHIFTS)
    box.replies = ["451 come again"] * 3
    store.air(-8)
    store.run(store.desk.acknowledge(store.only().id, ANN))
    store.air(-8, 5)
    assert told(box) == [] and [each.state for each in shown(store).deliveries or []] == ["cancelled"]


def test_a_webhook_is_signed_and_tried_again_by_the_same_id(store: Desk, receiver: Receiver) -> None:
    secrets = use(store, Plan([PlanStep(0, ["siren"])], {"siren": Contact(webhook=receiver.url)}))
    receiver.answers = [Answer(503)]
    store.air(-8)
    store.air(-8, 1)
    first, second = receiver.wait_for(2)
    assert first.id == second.id and first.body == second.body
    event = second.verified_by(secrets["siren"])
    assert event["type"] == "maillage.sensing.alarm.escalated" and event["subject"] == "alarms/wm-1~a1"
    assert event["data"]["level"] == "critical" and event["data"]["unit"] == "freezer-1"
    assert [(each.state, each.attempts) for each in shown(store).deliveries or []] == [("delivered", 2)]


def test_a_receiver_that_wants_no_more_is_sent_no_more(store: Desk, receiver: Receiver) -> None:
    use(store, Plan([PlanStep(0, ["siren"])], {"siren": Contact(webhook=receiver.url)}))
    receiver.usual = Answer(410)
    store.air(-8, 2)
    assert [(each.state, each.attempts) for each in shown(store).deliveries or []] == [("failed", 1)]


def test_what_came_back_pages_on_only_if_it_was_critical(store: Desk, box: Mailbox) -> None:
    use(store, Plan([PlanStep(0, ["floor"]), PlanStep(1_200, ["boss"])], CONTACTS))
    store.air(-8, 1)
    alarm_id = store.only().id
    store.air(-20, 20)
    assert told(box) == ["floor@example.com", "boss@example.com"]
    store.run(store.desk.acknowledge(alarm_id, ANN))
    box.got.clear()
    store.air(-8, 1)
    store.run(store.desk.downgrade(alarm_id, Downgrade(by="Ann", note="empty")))
    store.air(-20, 20)
    assert told(box) == ["floor@example.com"], "a warning that is over waits in the list"


def test_advice_pages_where_the_plan_says_so(store: Desk, box: Mailbox) -> None:
    use(store, Plan(SHIFTS.steps, CONTACTS, {"day": DAY}, page_on_advice=True))
    store.desk.advise(SITE, "freezer-1", "leak", "it cools for longer than it used to", 1_000 * NOW)
    store.wait(20)
    store.settle()
    assert told(box) == ["floor@example.com"]


def test_of_an_incident_only_the_most_severe_alarm_speaks(store: Desk, box: Mailbox) -> None:
    use(store, Plan([PlanStep(0, ["floor"]), PlanStep(1_200, ["boss"])], CONTACTS))
    store.air(-14, 46)
    assert told(box) == ["floor@example.com"]
    store.air(-8, 18)
    assert [mail.message["Subject"].partition("]")[0] for mail in box.got] == ["[warning", "[critical"]
    store.air(-8, 3)
    assert told(box)[2:] == ["boss@example.com"]


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        (Plan([PlanStep(0, ["nobody"])]), "steps.0.to"),
        (Plan([PlanStep(0, ["console"], shift="night")]), "steps.0.shift"),
        (Plan([PlanStep(0, ["console"])], {"x": Contact()}), "contacts.x"),
        (Plan([PlanStep(0, ["console"])], {"console": Contact(email="a@b")}), "contacts.console"),
        (Plan([PlanStep(0, ["console"])], {"x": Contact(email="a@b\nBcc: c@d")}), "contacts.x.email"),
        (Plan([PlanStep(0, ["console"])], {"x": Contact(webhook="http://10.0.0.1.5/ /")}), "contacts.x.webhook"),
        (Plan([PlanStep(0, ["console"])], shifts={"d": {"mon": [("25:00", "26:00")]}}), "shifts.d"),
        (Plan([PlanStep(0, ["console"])], shifts={"otherwise": DAY}), "shifts.otherwise"),
    ],
)
def test_a_plan_that_can_not_be_followed_is_refused_and_changes_nothing(store: Desk, plan: Plan, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        use(store, plan)
    assert refused.value.extra["field"] == field
    assert not store.desk.plan(SITE).set


def test_a_plan_needs_a_site_and_the_ways_that_it_names(store: Desk) -> None:
    with pytest.raises(NotFound):
        store.run(store.desk.set_plan("nowhere", SHIFTS, "Ann"))
    del store.desk._channels["email"]
    with pytest.raises(Invalid, match="not set up to send by email"):
        use(store, SHIFTS)


def test_setting_a_plan_is_part_of_the_record(store: Desk) -> None:
    use(store, SHIFTS)
    entries: list[Any] = store.run(store.desk.haccp.entries(SITE, None, None, None, 100)).items
    assert entries[-1].kind == "settings_changed" and entries[-1].by == "Ann"
    store.restart()
    assert store.desk.plan(SITE).set and store.desk.plan(SITE).contacts["boss"].email == "boss@example.com"
