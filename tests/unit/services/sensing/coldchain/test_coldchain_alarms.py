"""The life of an alarm at the desk: nothing clears without a record, and nothing is lost over a restart."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from maillage.kernel.errors import Invalid, NotFound, RecordsUnavailable
from maillage.kernel.times import format_time
from maillage.services.sensing.coldchain.documents import (
    Acknowledge,
    Action,
    AlarmDocument,
    Check,
    Downgrade,
    Snooze,
    Verify,
)
from maillage.services.sensing.coldchain.errors import AlarmState
from maillage.services.sensing.model import Reading
from tests.unit.services.sensing.coldchain.coldchain_world import MINUTE, NOW, SITE, Desk

ANN = Acknowledge(by="Ann", note="on my way")
MOVED = Action(by="Ann", text="moved to freezer 2", disposition="moved", quantity="2 pallets", lot="L7")
BOSS = Verify(by="Bob", role="store manager")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Desk]:
    """Its freezer at -20 °C."""
    with Desk(tmp_path) as store:
        store.air(-20, 2)
        yield store


def excursion(store: Desk) -> str:
    """The id of the alarm about a freezer at -8 °C."""
    store.air(-8, 2)
    return store.only().id


def shown(store: Desk, alarm_id: str) -> AlarmDocument:
    return store.run(store.desk.alarm(alarm_id))


def test_an_alarm_is_raised_told_and_shown_with_its_exposure(store: Desk) -> None:
    alarm_id = excursion(store)
    alarm = shown(store, alarm_id)
    assert (alarm.id, alarm.state, alarm.level, alarm.unit, alarm.rule) == (
        "wm-1~a1",
        "raised",
        "critical",
        "freezer-1",
        "thawing",
    )
    assert alarm.last == -7.99 and alarm.exposure_min is not None and 2 <= alarm.exposure_min <= 3
    assert store.notices.notes[-1][1:3] == ("sensing.alarm.raised", f"alarms/{alarm_id}")
    assert [step.what for step in alarm.history or []] == ["raised", "escalated"]


def test_nothing_clears_without_a_record(store: Desk) -> None:
    alarm_id = excursion(store)
    store.air(-20, 30)
    assert shown(store, alarm_id).state == "recovered"
    store.run(store.desk.acknowledge(alarm_id, ANN))
    assert shown(store, alarm_id).state == "recovered"
    with pytest.raises(AlarmState):
        store.run(store.desk.verify(alarm_id, BOSS))
    assert store.run(store.desk.correct(alarm_id, MOVED)).state == "cleared"
    verified = store.run(store.desk.verify(alarm_id, BOSS))
    assert verified.state == "verified" and verified.verified is not None and verified.verified.role == "store manager"
    assert verified.action is not None and verified.action.lot == "L7"
    with pytest.raises(AlarmState):
        store.run(store.desk.verify(alarm_id, BOSS))
    with pytest.raises(AlarmState):
        store.run(store.desk.acknowledge(alarm_id, ANN))


def test_what_was_recorded_first_clears_when_the_value_is_back(store: Desk) -> None:
    alarm_id = excursion(store)
    assert store.run(store.desk.acknowledge(alarm_id, ANN)).state == "acknowledged"
    assert store.run(store.desk.correct(alarm_id, MOVED)).state == "corrected"
    store.air(-20, 12)
    alarm = shown(store, alarm_id)
    assert alarm.state == "cleared" and alarm.extreme == -7.99
    assert alarm.exposure_min == 2.0


def test_an_action_says_that_it_was_seen_as_well(store: Desk) -> None:
    alarm = store.run(store.desk.correct(excursion(store), MOVED))
    assert alarm.acknowledged is not None and alarm.acknowledged.by == "Ann"


def test_a_new_excursion_after_the_clear_is_a_new_alarm(store: Desk) -> None:
    first = excursion(store)
    store.run(store.desk.correct(first, MOVED))
    store.air(-20, 12)
    second = excursion(store)
    assert (first, second) == ("wm-1~a1", "wm-1~a2")
    assert shown(store, first).state == "cleared"


def test_a_new_excursion_before_the_clear_is_the_same_alarm_and_asks_to_be_seen_again(store: Desk) -> None:
    alarm_id = excursion(store)
    store.run(store.desk.acknowledge(alarm_id, ANN))
    store.air(-20, 12)
    before = shown(store, alarm_id).exposure_min
    assert excursion(store) == alarm_id
    alarm = shown(store, alarm_id)
    assert (alarm.state, alarm.count, alarm.acknowledged) == ("raised", 2, None)
    assert alarm.exposure_min is not None and before is not None and alarm.exposure_min > before
    assert "sensing.alarm.raised_again" in store.notices.topics


def test_a_warning_that_becomes_critical_is_one_incident_and_is_seen_to_as_one(store: Desk) -> None:
    store.air(-13, 46)
    warning = store.only()
    assert warning.level == "warning"
    store.run(store.desk.acknowledge(warning.id, ANN))
    store.air(-11, 16)
    hot = next(alarm for alarm in store.desk.open_alarms() if alarm.level == "critical")
    assert hot.incident == warning.id and hot.acknowledged is None, "what got worse has to be seen again"
    store.run(store.desk.correct(hot.id, MOVED))
    store.air(-20, 12)
    assert store.desk.open_alarms() == []
    store.run(store.desk.verify(hot.id, BOSS))
    assert shown(store, warning.id).state == "verified"


def test_acknowledging_the_worst_acknowledges_the_others(store: Desk) -> None:
    store.air(-11, 46)
    assert len(store.desk.open_alarms()) == 2
    hot = next(alarm for alarm in store.desk.open_alarms() if alarm.level == "critical")
    store.run(store.desk.acknowledge(hot.id, ANN))
    assert all(alarm.acknowledged for alarm in store.desk.open_alarms())


def test_to_acknowledge_twice_changes_nothing(store: Desk) -> None:
    alarm_id = excursion(store)
    store.run(store.desk.acknowledge(alarm_id, ANN))
    again = store.run(store.desk.acknowledge(alarm_id, Acknowledge(by="Zoe")))
    assert again.acknowledged is not None and again.acknowledged.by == "Ann"


def test_only_what_is_critical_can_be_downgraded(store: Desk) -> None:
    alarm_id = excursion(store)
    alarm = store.run(store.desk.downgrade(alarm_id, Downgrade(by="Ann", note="it is empty")))
    assert alarm.level == "warning"
    with pytest.raises(AlarmState):
        store.run(store.desk.downgrade(alarm_id, Downgrade(by="Ann", note="again")))


def test_a_snooze_has_a_limit_and_nobody_snoozes_what_is_seen(store: Desk) -> None:
    alarm_id = excursion(store)
    for wrong in (NOW - 10, store.clock.now() + 4 * 3_600 + 1):
        with pytest.raises(Invalid):
            store.run(store.desk.snooze(alarm_id, Snooze(until=format_time(wrong), by="Ann")))
    store.run(store.desk.acknowledge(alarm_id, ANN))
    with pytest.raises(AlarmState):
        store.run(store.desk.snooze(alarm_id, Snooze(until=format_time(store.clock.now() + 600), by="Ann")))


def test_alarms_are_listed_by_site_state_and_unit_in_pages(store: Desk) -> None:
    first = excursion(store)
    store.run(store.desk.correct(first, MOVED))
    store.air(-20, 12)
    second = excursion(store)

    def listed(state: str | None = None, unit: str | None = None, cursor: str | None = None) -> list[str]:
        page = store.run(store.desk.alarms(SITE, state, unit, cursor, 1))  # type: ignore[arg-type]
        more = listed(state, unit, page.next) if page.next else []
        return [alarm.id for alarm in page.items] + more

    assert listed() == [second, first]
    assert listed("open") == [second] and listed("cleared") == [first]
    assert listed(unit="freezer-1") == [second, first] and listed(unit="x") == []
    with pytest.raises(Invalid):
        listed(cursor="-1")
    with pytest.raises(NotFound):
        shown(store, "wm-1~a9")


def test_everything_is_there_after_a_restart(store: Desk) -> None:
    alarm_id = excursion(store)
    store.run(store.desk.acknowledge(alarm_id, ANN))
    store.air(-9.5, 8)
    store.restart()
    assert shown(store, alarm_id).state == "acknowledged"
    store.air(-9.5, 6)
    assert {alarm.rule for alarm in store.desk.open_alarms()} == {"thawing", "hot"}
    assert max(alarm.id for alarm in store.desk.open_alarms()) == "wm-1~a2"


def test_a_dwell_goes_on_over_a_restart_with_its_exposure_clock(store: Desk) -> None:
    store.air(-11, 10)
    store.restart()
    store.air(-11, 6)
    alarm = store.only()
    assert alarm.rule == "hot"
    assert alarm.exposure_ms is not None and alarm.exposure_ms >= 14 * 60_000


def test_an_alarm_is_raised_and_told_while_the_disk_is_full_and_kept_when_it_is_not(store: Desk) -> None:
    store.records.fault = RecordsUnavailable("no space left")
    store.desk.observe([Reading(SITE, "probe-1", "air", 1_000 * store.clock.now(), -5.0)])
    store.desk.step()
    alarm = store.only()
    store.run(told(store))
    assert "sensing.alarm.raised" in store.notices.topics
    with pytest.raises(RecordsUnavailable):
        store.run(store.desk.acknowledge(alarm.id, ANN))
    store.records.fault = None
    store.run(asyncio.sleep(1.1))
    store.restart()
    assert store.only().acknowledged is not None


async def told(store: Desk) -> None:
    while "sensing.alarm.raised" not in store.notices.topics:
        await asyncio.sleep(0.01)


def test_an_alarm_is_raised_within_a_moment_of_its_reading_by_the_desk_itself(store: Desk) -> None:
    async def raised_within() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        store.desk.observe([Reading(SITE, "probe-1", "air", 1_000 * store.clock.now(), -5.0)])
        while "sensing.alarm.raised" not in store.notices.topics:
            await asyncio.sleep(0.001)
        return loop.time() - began

    assert store.run(raised_within()) < 1.0


def test_advice_is_shown_and_pages_nobody_and_to_see_it_is_enough(store: Desk) -> None:
    store.desk.advise(SITE, "freezer-1", "leak", "it cools for longer than it used to", 1_000 * NOW)
    store.desk.advise(SITE, "freezer-1", "leak", "it cools for much longer than it used to", 1_000 * NOW)
    store.air(-20, 60)
    advice = store.only()
    assert (advice.kind, advice.level, advice.count) == ("advice", "advisory", 2)
    assert store.notices.topics.count("sensing.advice.raised") == 1
    assert "sensing.advice.escalated" not in store.notices.topics
    with pytest.raises(AlarmState):
        store.run(store.desk.correct(advice.id, MOVED))
    assert store.run(store.desk.acknowledge(advice.id, ANN)).state == "cleared"
    assert "leak" not in store.run(store.desk.haccp.csv(SITE, None, None)).decode()


def test_a_check_by_hand_says_what_it_found(store: Desk) -> None:
    hand = Check(kind="calibration", unit="freezer-1", by="Ann", measured=-18.4, reference=-18.0)
    entry = store.run(store.desk.check(SITE, hand, "key:1"))
    assert entry.data["result"] == "passed" and entry.data["deviation"] == "-0.4"
    with pytest.raises(Invalid):
        store.run(store.desk.check(SITE, Check(kind="calibration", unit="x", by="A", measured=1)))
    with pytest.raises(NotFound):
        store.run(store.desk.check("nowhere", hand))


def test_the_desk_stops_with_everything_kept(store: Desk) -> None:
    store.desk.observe([Reading(SITE, "probe-1", "air", 1_000 * (store.clock.now() + MINUTE), -5.0)])
    store.restart()
    assert store.only().rule == "thawing"
