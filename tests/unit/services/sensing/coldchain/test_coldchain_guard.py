"""What pages and what does not: doors, defrosts, leaks, silence, in readings a minute apart."""

import math

import pytest

from maillage.services.sensing.coldchain.model import Alarm
from maillage.services.sensing.model import Context, Fault, Reading
from tests.unit.services.sensing.coldchain.coldchain_world import (
    CONTACT,
    FREEZER,
    HOT,
    NOW,
    PROBE,
    SITE,
    THAWING,
    WARM,
    Devices,
    Watching,
    changed,
    device,
)


@pytest.fixture
def store() -> Watching:
    """Its freezer at -20 °C since ten minutes ago."""
    store = Watching(start=NOW - 600)
    store.air(-20, 10)
    return store


def test_a_freezer_at_its_temperature_says_nothing(store: Watching) -> None:
    store.air(-19.6, 300)
    assert store.found == [] and store.woken == 0


def test_a_door_that_is_opened_to_load_does_not_page(store: Watching) -> None:
    store.door(True)
    store.air(-13, 4)
    store.door(False)
    store.air(-14, 10)
    store.air(-20, 30)
    assert store.found == []


def test_a_door_that_stands_open_is_an_alarm_and_one_that_is_closed_ends_it(store: Watching) -> None:
    store.door(True)
    store.air(-20, 4)
    store.wait(0.9)
    assert store.raised == []
    store.wait(0.2)
    assert store.raised == ["door"]
    assert store.last_raised().began_ms == 1_000 * NOW
    store.door(False)
    assert store.recovered == ["door"]


def test_an_open_door_keeps_a_warning_waiting_but_not_what_is_critical() -> None:
    quick = changed(FREEZER, rules=(changed(WARM, dwell_s=60), changed(HOT, dwell_s=120)))
    store = Watching(Devices(profiles=[quick]))
    store.air(-20, 1)
    store.door(True)
    store.air(-11, 4)
    assert store.raised == ["hot"]
    store.wait(1)
    assert store.raised == ["hot", "door", "warm"]


def test_a_defrost_does_not_page(store: Watching) -> None:
    store.defrost(True)
    store.air(-5, 30)
    store.defrost(False)
    store.air(-8, 20)
    store.air(-20, 20)
    assert store.found == []


def test_a_defrost_that_overruns_is_an_alarm_by_itself(store: Watching) -> None:
    store.defrost(True)
    store.air(-16, 46)
    assert store.raised == ["defrost"]
    store.defrost(False)
    assert store.recovered == ["defrost"]


def test_no_defrost_excuses_warmth_for_longer_than_its_most_and_the_recovery(store: Watching) -> None:
    store.defrost(True)
    store.air(-5, 74)
    assert store.raised == ["defrost"]
    store.air(-5, 2)
    assert set(store.raised) == {"defrost", "warm", "hot", "thawing"}
    assert store.last_raised().began_ms == 1_000 * NOW, "the excursion began when it became warm"


def test_what_is_still_warm_when_the_recovery_is_over_pages_at_once(store: Watching) -> None:
    store.defrost(True)
    store.air(-5, 20)
    store.defrost(False)
    store.air(-11, 29)
    assert store.raised == []
    store.air(-11, 2)
    assert set(store.raised) == {"warm", "hot"}


def test_a_controller_that_flickers_does_not_keep_rules_waiting_for_ever(store: Watching) -> None:
    for _ in range(8):
        store.defrost(True)
        store.air(-5, 10)
        store.defrost(False)
        store.air(-5, 1)
    assert "thawing" in store.raised


def test_a_slow_leak_pages_first_as_a_warning_then_as_critical(store: Watching) -> None:
    for nth in range(120):
        store.air(-20 + nth * 0.09, 1)
    assert store.raised[:2] == ["warm", "hot"]
    assert store.last_raised().level == "critical"


def test_what_is_far_too_warm_pages_with_the_reading_that_says_so(store: Watching) -> None:
    store.air(-8.9)
    assert store.raised == ["thawing"] and store.woken == 1
    assert store.last_raised().text == "air above -9 °C: -8.9 °C"


def test_a_dwell_is_over_by_time_alone_where_the_next_reading_is_far_away() -> None:
    store = Watching(Devices(profiles=[changed(FREEZER, interval_s=900)]))
    store.air(-11)
    store.wait(14.9)
    assert store.raised == []
    store.wait(0.2)
    assert store.raised == ["hot"]


def test_one_reading_within_the_limit_begins_the_dwell_anew(store: Watching) -> None:
    store.air(-11, 14)
    store.air(-12.0)
    store.air(-11, 14)
    assert store.raised == []
    store.air(-11, 2)
    assert store.raised == ["hot"]


def test_it_is_over_only_when_it_was_well_for_long_enough_by_the_dead_band(store: Watching) -> None:
    store.air(-11, 16)
    assert store.raised == ["hot"]
    store.air(-12.5, 30)
    assert store.recovered == [], "below the limit, but not by the dead band"
    store.air(-13.5, 9)
    store.air(-12.9)
    store.air(-13.5, 9)
    assert store.recovered == []
    store.air(-13.5, 2)
    assert store.recovered == ["hot"]
    assert store.last_recovered().extreme == pytest.approx(-10.99)


def test_silence_makes_nothing_well(store: Watching) -> None:
    store.air(-11, 16)
    store.air(-14)
    store.wait(60)
    assert store.recovered == []


def test_the_exposure_clock_runs_on_the_line_between_readings(store: Watching) -> None:
    store.air(-20)
    store.wait(2)
    store.air(-4)  # crosses -12 half-way
    assert store.last_raised().exposure_ms == 60_000
    store.wait(3)
    store.air(-4.1)
    alarm = alarm_of(store)
    assert store.guard.exposure_ms(alarm, 1_000 * store.at) == 240_000
    assert store.guard.exposure_ms(alarm, 1_000 * store.at + 5_000) == 245_000


def test_a_gap_that_nobody_knows_about_counts_as_exposure(store: Watching) -> None:
    store.air(-8)
    store.wait(30)
    store.air(-20)
    assert store.guard.exposure_ms(alarm_of(store), 1_000 * store.at) >= 30 * 60_000


def test_a_device_that_is_silent_is_an_alarm_and_to_be_heard_ends_it(store: Watching) -> None:
    store.wait(2.9)
    assert store.raised == []
    store.wait(0.3)
    assert store.raised == ["silent:probe-1"]
    assert store.last_raised().text == "probe-1 has not been heard for 3 min"
    store.air(-20)
    store.wait(0.1)
    assert store.recovered == ["silent:probe-1"]


def test_whoever_sends_what_it_measured_hours_ago_is_not_silent(store: Watching) -> None:
    for minute in range(20):
        store.wait(1)
        store.say("probe-1", "air", -20 + 0.1 * (minute % 2), at=store.at - 12 * 3_600)
    assert store.raised == []


def test_a_device_that_was_never_heard_is_silent_counted_from_the_start() -> None:
    store = Watching()
    store.wait(3.2)
    assert store.raised == ["silent:probe-1"]


def test_where_all_are_silent_it_is_one_alarm_for_the_store() -> None:
    many = [device(f"probe-{nth}", "freezer", f"freezer-{nth}") for nth in range(20)]
    store = Watching(Devices(many))
    for minute in range(3):
        for nth, each in enumerate(many):
            store.at = NOW + 60 * minute + nth * 2
            store.say(each.id, "air", -20.0 - minute)
    store.wait(10)
    assert [(signal.unit, signal.key) for signal in store.found] == [("*", "silent")]
    for each in many[:15]:
        store.say(each.id, "air", -21.0)
    store.wait(2)
    assert store.recovered == ["silent"]
    assert sorted(store.raised[1:]) == sorted(f"silent:{each.id}" for each in many[15:])


def test_a_value_that_never_changes_is_stuck(store: Watching) -> None:
    for _ in range(6 * 60 + 1):
        store.say("probe-1", "air", -20.5)
        store.wait(1)
    assert store.raised == ["stuck:probe-1.air"]
    assert store.last_raised().text == "air of probe-1 has said -20.5 °C for 6 h"
    store.air(-20.4)
    assert store.recovered == ["stuck:probe-1.air"]


def test_a_battery_that_runs_out_is_an_alarm_until_it_is_changed(store: Watching) -> None:
    store.say("case-1", "battery", 20)
    assert store.raised == []
    store.say("case-1", "battery", 19)
    assert store.raised == ["battery:case-1"]
    store.say("case-1", "battery", 24)
    assert store.recovered == []
    store.say("case-1", "battery", 100)
    assert store.recovered == ["battery:case-1"]


def test_a_device_that_keeps_sending_nonsense_is_an_alarm(store: Watching) -> None:
    store.refuse(4)
    store.refuse(20, Fault.DUPLICATE)
    assert store.raised == []
    store.refuse(1)
    assert store.raised == ["refused:probe-1"]
    assert store.last_raised().text == "probe-1 keeps sending what can't be taken: out of bounds"
    store.air(-20, 11)
    assert store.recovered == ["refused:probe-1"]


def test_a_few_refusals_a_day_are_none(store: Watching) -> None:
    for _ in range(30):
        store.refuse(1)
        store.air(-20, 6)
    assert store.raised == []


def test_late_readings_do_not_alarm_and_neither_does_what_is_no_number(store: Watching) -> None:
    store.say("probe-1", "air", -1, at=NOW - 300, late=True)
    store.say("probe-1", "air", math.nan)
    store.guard.observe([Reading(SITE, "nobody", "air", 0, 99.0), Reading(SITE, "probe-1", "nothing", 0, 99.0)])
    store.air(-20, 60)
    assert store.found == []


def test_two_probes_of_one_unit_are_one_alarm_until_both_are_well() -> None:
    store = Watching(Devices([PROBE, device("probe-2", "freezer")]))
    store.air(-5)
    store.air(-5, probe="probe-2")
    assert store.raised == ["thawing"]
    store.air(-20, 11)
    assert store.recovered == []
    store.air(-20, 11, probe="probe-2")
    assert "thawing" in store.recovered


def test_a_new_excursion_after_it_was_over_is_raised_anew(store: Watching) -> None:
    for _ in range(2):
        store.air(-5)
        store.air(-20, 12)
    assert store.raised == store.recovered == ["thawing", "thawing"]


def test_a_restart_keeps_the_dwell(store: Watching) -> None:
    store.air(-11, 10)
    store.restart(down_minutes=2)
    store.air(-11, 2)
    assert store.raised == []
    store.air(-11, 2)
    assert store.raised == ["hot"]
    assert store.last_raised().began_ms == 1_000 * NOW


def test_what_became_well_while_nobody_looked_has_its_chance_to_say_so(store: Watching) -> None:
    store.air(-11, 10)
    store.restart(down_minutes=60)
    store.wait(0.5)
    store.air(-20)
    assert store.raised == []


def test_a_dwell_that_was_pending_is_over_by_time_alone_after_a_restart_too(store: Watching) -> None:
    store.air(-11, 10)
    store.restart(down_minutes=60)
    store.wait(1.1)
    assert "hot" in store.raised


def test_what_was_raised_is_so_after_a_restart_and_is_not_raised_again(store: Watching) -> None:
    store.air(-8, 5)
    assert store.raised == ["thawing"]
    store.restart(1, [alarm_of(store)])
    store.air(-8, 5)
    assert store.raised == ["thawing"]
    store.air(-20, 12)
    assert store.recovered == ["thawing"]


def test_a_defrost_goes_on_excusing_after_a_restart(store: Watching) -> None:
    store.defrost(True)
    store.air(-8, 10)
    store.restart()
    store.air(-8, 10)
    store.defrost(False)
    store.air(-8, 10)
    store.restart()
    store.air(-8, 15)
    assert store.raised == []
    store.air(-8, 10)
    assert "thawing" in store.raised


def test_a_silent_device_a_stuck_one_and_an_open_door_go_on_over_a_restart(store: Watching) -> None:
    store.door(True)
    store.wait(6)
    assert set(store.raised) == {"door", "silent:probe-1"}
    door, silent = (alarm_of(store, key) for key in ("door", "silent:probe-1"))
    store.restart(0, [door, silent])
    store.air(-20)
    store.door(False)
    store.wait(0.2)
    assert len(store.raised) == 2 and set(store.recovered) == {"door", "silent:probe-1"}


def test_an_alarm_of_a_device_that_is_gone_after_a_restart_has_recovered(store: Watching) -> None:
    store.air(-8, 5)
    alarm = alarm_of(store)
    store.devices.retire("probe-1")
    store.restart(0, [alarm])
    assert store.recovered == ["thawing"]


def test_a_device_that_is_retired_ends_what_it_raised(store: Watching) -> None:
    store.air(-8)
    store.door(True)
    store.wait(6)
    store.devices.retire(PROBE.id)
    store.devices.retire(CONTACT.id)
    store.wait(0.1)
    assert set(store.recovered) == set(store.raised)
    store.restart()
    assert not any(name.startswith("series") for name in store.remembered)


def test_a_profile_that_changes_goes_on_with_the_rules_that_it_still_has(store: Watching) -> None:
    store.air(-8, 10)
    assert store.raised == ["thawing"]
    hot = changed(HOT, dwell_s=12 * 60)
    store.devices.put_profile(changed(FREEZER, rules=(WARM, hot, THAWING), context=Context(exposure_limit=-12.0)))
    store.air(-8, 3)
    assert store.raised == ["thawing", "hot"] and store.recovered == []
    store.devices.put_profile(changed(FREEZER, rules=(WARM,)))
    store.air(-8)
    assert set(store.recovered) == {"thawing", "hot"}


def test_a_device_that_comes_later_is_looked_after(store: Watching) -> None:
    store.devices.put(device("probe-9", "freezer", "freezer-9"))
    store.air(-5, probe="probe-9")
    assert [(signal.unit, signal.key) for signal in store.found] == [("freezer-9", "thawing")]


def alarm_of(store: Watching, key: str = "thawing") -> Alarm:
    """The alarm that the guard's signal became, as far as the guard looks at it."""
    (signal,) = [each for each in store.found if each.key == key][-1:]
    return Alarm(
        id="wm-1~a1",
        site=SITE,
        unit=signal.unit,
        key=key,
        kind=signal.kind,  # type: ignore[union-attr]
        level="warning",
        incident="wm-1~a1",
        text="",
        began_ms=0,
        raised_ms=0,
        device=signal.device,  # type: ignore[union-attr]
        measure=signal.measure,  # type: ignore[union-attr]
    )
