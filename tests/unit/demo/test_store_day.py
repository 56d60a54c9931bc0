"""The demo's store that looks after itself: over a real broker, on a clock set by hand."""

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest
from rich.console import Console

from maillage.bootstrap import ManualClock, open_local, run
from maillage.bootstrap.devices import Mqtt
from maillage.demo import life
from maillage.demo.chain import capacity_of, generate_sites
from maillage.demo.run import run_demo
from maillage.demo.store.day import LASTS_S, StoreDay, StoreTold
from maillage.demo.store.freezer import Freezer
from maillage.demo.store.probe import SEED
from maillage.demo.store.show import show_store
from maillage.demo.store.staff import MENDED_S, MOVED_S, SEEN_S, VOUCHED_S
from maillage.demo.store.waiting import until
from maillage.kernel.asks import Ask
from maillage.kernel.capacity import set_capacity
from maillage.kernel.errors import Invalid, NoCapacity, NotReady
from maillage.kernel.scribe import Scribe
from maillage.kernel.times import HOUR_S, parse_time
from maillage.verify import check

ENDS = parse_time("2026-12-01T20:00:00Z", "at")


def seconds(text: str) -> int:
    return parse_time(text, "text")


async def lived(folder: Path) -> tuple[StoreTold, list[int]]:
    sites = generate_sites(3)
    clock = ManualClock(ENDS - LASTS_S - HOUR_S)
    progress: list[int] = []

    def furnish(scribe: Scribe) -> None:
        for site in sites:
            for plan in capacity_of(site, Random(1)):
                set_capacity(scribe, site.id, plan)

    wanted = Ask({"robot": 1_000}, ENDS - LASTS_S + 1_800, ENDS, sites[0].id, None, "firm")
    async with open_local(folder, clock, "", devices=True, mqtt=Mqtt(port=0)) as chain:
        await chain.office.set_sites(sites)
        await chain.writer.submit(furnish)
        async with StoreDay(chain, clock, sites[0], ENDS, lambda done, _: progress.append(done)) as day:
            with pytest.raises(NoCapacity):  # it is kept for the cleaning
                await chain.office.lease("acme", wanted, None, None)
            for instant in range(clock.now() + HOUR_S, ENDS + 1, HOUR_S):
                await day.pass_to(instant)
            return await day.tell(), progress


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> StoreTold:
    told, progress = run(lived(tmp_path_factory.mktemp("day")))
    assert progress == list(range(60, LASTS_S + 1, 60))
    return told


def test_the_alarm_comes_by_a_rule_hours_after_the_compressor_stopped_and_before_food_is_lost(told: StoreTold) -> None:
    freezer = told.report.freezer
    assert (freezer.rule, freezer.level, freezer.alarms) == ("warm", "warning", 1)
    assert 60 < freezer.raised_after_min < 360
    assert freezer.highest_c > -15 > freezer.food_c
    assert freezer.readings == len(told.temperatures) == LASTS_S // 60


def test_people_see_to_it_in_time_and_it_is_cleared_once_it_recovered(told: StoreTold) -> None:
    freezer = told.report.freezer
    raised, cleared = seconds(freezer.raised_at), seconds(freezer.cleared_at)
    assert seconds(freezer.acknowledged_at) == raised + SEEN_S
    assert seconds(freezer.action_at) == raised + MOVED_S
    assert seconds(freezer.repaired_at) == raised + MENDED_S
    assert seconds(freezer.repaired_at) < seconds(freezer.recovered_at) == cleared
    assert seconds(freezer.verified_at) == cleared + VOUCHED_S
    assert freezer.disposition == "moved"
    assert freezer.log_ok
    assert freezer.log_entries >= 8


def test_the_floor_is_clean_by_the_evidence_and_the_robot_was_the_shops_own(told: StoreTold) -> None:
    cleaning = told.report.cleaning
    assert cleaning.state == "done"
    assert cleaning.share >= 0.98
    assert cleaning.gaps == 0
    assert cleaning.cleaned_m2 == pytest.approx(cleaning.share * cleaning.reachable_m2, abs=0.1)
    assert cleaning.lease.startswith(told.report.site)
    assert cleaning.water_l is not None
    assert 5 < cleaning.water_l < 60
    assert 5 < cleaning.minutes < 30


def test_the_store_tells_of_it_step_by_step(told: StoreTold) -> None:
    steps = ("raised", "acknowledged", "corrected", "recovered", "cleared", "verified")
    topics = list(told.report.notices)
    assert [topic for topic in topics if topic.startswith("sensing.alarm.")] == [f"sensing.alarm.{s}" for s in steps]
    assert {"robots.cleaning.started", "robots.cleaning.done", "sensing.haccp.anchored"} <= set(topics)
    assert told.report.messages > told.report.freezer.readings


def test_it_is_shown_as_a_curve_a_list_of_steps_and_the_way_of_the_robot(told: StoreTold) -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    show_store(console, told)
    text = console.export_text()
    for part in ("S its compressor stops", "warning by the rule warm", "HACCP log:", "cleaned", "sensing.alarm.raised"):
        assert part in text
    assert sum(0x2801 <= ord(letter) <= 0x28FF for letter in text) > 400


def test_a_freezer_of_the_same_seed_is_the_same_and_stays_cold_while_its_compressor_runs() -> None:
    one, other = Freezer(SEED), Freezer(SEED)
    first = [one.minute() for _ in range(600)]
    assert first == [other.minute() for _ in range(600)]
    assert one.food_c < -18
    one.compressor_stopped = True
    for _ in range(600):
        one.minute()
    assert one.food_c > other.food_c + 1


def test_what_does_not_come_is_named() -> None:
    with pytest.raises(NotReady, match="until the moon is full"):
        asyncio.run(until(lambda: False, "the moon is full", 0.01))


@pytest.fixture
def few_asks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(life, "ASKS_AN_HOUR", 8)
    yield


@pytest.mark.usefixtures("few_asks")
def test_after_the_demo_the_folder_has_the_alarm_the_cleaning_and_no_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = tmp_path / "stores.csv"
    stores.write_text("id,name,lat,lon,type\na,A,36.3,-94.1,Supercenter\nb,B,36.2,-94.2,Supercenter\n")
    folder = run_demo(tmp_path / "home", stores, None, as_json=True)
    report = json.loads(capsys.readouterr().out)["store"]

    async def kept() -> tuple[object, object]:
        async with open_local(folder, None, "", devices=True) as chain:
            alarms = await chain.sensing.coldchain.alarms(report["site"], None, None, None, 10)
            cleanings, _ = await chain.robots.cleaning.some(report["site"], None, None, None, 10)
            return msgspec.to_builtins(alarms.items), msgspec.to_builtins(cleanings)

    alarms, cleanings = run(kept())
    assert [(each["id"], each["state"]) for each in alarms] == [(report["freezer"]["alarm"], "verified")]  # type: ignore[attr-defined]
    assert [(each["id"], each["state"]) for each in cleanings] == [(report["cleaning"]["cleaning"], "done")]  # type: ignore[attr-defined]
    assert not check(folder).faults


def test_a_file_without_stores_is_refused(tmp_path: Path) -> None:
    stores = tmp_path / "stores.csv"
    stores.write_text("id,name,lat,lon\nx,X,north,west\n")
    with pytest.raises(Invalid, match="rows rejected: 1"):
        run_demo(tmp_path / "home", stores, None, as_json=True)
