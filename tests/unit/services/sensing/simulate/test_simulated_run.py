"""Runs of the simulation: the same for the same seed, with faults where the labels say."""

import csv
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from maillage.kernel.errors import AlreadyExists, Invalid, Malformed
from maillage.services.sensing.simulate.faults import FIRST_DAY, FaultKind, draw_faults
from maillage.services.sensing.simulate.files import LABELS, read_labels, write_run
from maillage.services.sensing.simulate.run import START_S, Run, simulate

DAY = 1_440


@pytest.fixture(scope="module")
def run() -> Run:
    return simulate(6, 45, 11)


def test_the_same_seed_gives_the_same_run(run: Run) -> None:
    again = simulate(6, 45, 11)
    assert np.array_equal(again.value, run.value, equal_nan=True)
    assert np.array_equal(again.food_c, run.food_c)
    assert again.faults == run.faults
    assert not np.array_equal(simulate(6, 45, 12).value, run.value, equal_nan=True)


def test_the_first_two_weeks_are_healthy(run: Run) -> None:
    healthy = slice(0, (FIRST_DAY - 1) * DAY)
    assert np.isfinite(run.value[:, healthy]).all()
    for number, kind in enumerate(run.cabinets.kinds):
        food = run.food_c[number, healthy]
        assert food.max() < run.cabinets.food_limit_c[number]
        assert abs(food.mean() - run.cabinets.set_c[number]) < 1.0
        calm = run.value[number, healthy][~run.defrost[number, healthy]]
        assert np.median(calm) == pytest.approx(run.cabinets.set_c[number], abs=0.6), kind


def test_defrosts_come_as_often_as_they_should_and_warm_a_freezer_but_not_its_food(run: Run) -> None:
    first = slice(0, 10 * DAY)
    for number, kind in enumerate(run.cabinets.kinds):
        thawing = run.defrost[number, first]
        starts = int((thawing[1:] & ~thawing[:-1]).sum())
        assert starts == pytest.approx(10 * run.cabinets.defrosts_a_day[number], abs=1)
        if kind == "freezer":
            assert run.value[number, first][thawing].max() > run.cabinets.set_c[number] + 5


def test_doors_open_in_shop_hours_only(run: Run) -> None:
    of_day = np.arange(10 * DAY) % DAY
    opened = run.door[:, : 10 * DAY]
    assert opened[:, (of_day >= 480) & (of_day < 1_320)].any()
    assert not opened[:, (of_day >= 1_320) | (of_day < 390)].any()


def test_faults_do_what_they_are_called() -> None:
    run = simulate(12, 120, 1)
    seen = {fault.kind for fault in run.faults}
    assert seen == set(FaultKind)
    for fault, left in zip(run.faults, run.left_min, strict=True):
        span = slice(fault.start_min, fault.end_min)
        value = run.value[fault.device, span]
        if fault.kind is FaultKind.SENSOR_DROPOUT:
            assert np.isnan(value).all()
            assert left is None
        elif fault.kind is FaultKind.SENSOR_STUCK:
            assert len(set(value)) == 1
        elif fault.kind is FaultKind.SENSOR_DRIFT:
            assert left is None  # the thermostat has a sensor of its own
        elif fault.kind is FaultKind.MISSED_DEFROST:
            assert not run.defrost[fault.device, span].any()
        elif fault.kind is FaultKind.COMPRESSOR_OFF:
            food = run.food_c[fault.device]
            assert food[fault.end_min - 1] > food[fault.start_min] + 3
            assert left is not None
        if left is not None:
            assert run.food_c[fault.device, left] > run.cabinets.food_limit_c[fault.device]


def test_a_chiller_has_no_heater_to_stick_and_faults_keep_apart() -> None:
    faults = draw_faults(["chiller", "freezer"], 900, np.random.default_rng(1))
    assert not any(fault.device == 0 and fault.kind is FaultKind.HEATER_STUCK for fault in faults)
    for device in (0, 1):
        mine = [fault for fault in faults if fault.device == device]
        assert mine[0].start_min >= FIRST_DAY * DAY
        assert all(late.start_min - early.end_min >= 12 * DAY for early, late in pairwise(mine))


def test_files_say_what_was_simulated(run: Run, tmp_path: Path) -> None:
    labels = write_run(tmp_path / "run", run, 11)
    assert read_labels(tmp_path / "run") == labels
    assert [unit.kind for unit in labels.units] == run.cabinets.kinds
    assert sum(len(unit.faults) for unit in labels.units) == len(run.faults)
    for number, unit in enumerate(labels.units[:2]):
        with (tmp_path / "run" / unit.file).open() as file:
            rows = list(csv.DictReader(file))
        there = np.flatnonzero(np.isfinite(run.value[number]))
        assert len(rows) == len(there)
        assert [float(row["value"]) for row in rows] == pytest.approx(run.value[number, there].tolist())
        assert [float(row["food"]) for row in rows] == pytest.approx(run.food_c[number, there].tolist(), abs=0.006)
        assert [row["door"] == "1" for row in rows] == run.door[number, there].tolist()
        assert [row["defrost"] == "1" for row in rows] == run.defrost[number, there].tolist()
        assert rows[0]["timestamp"] == "2026-01-01T00:00:00Z"
    assert labels.start_s == START_S


def test_a_folder_with_something_in_it_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(AlreadyExists):
        write_run(tmp_path, run, 11)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("sizes", "field"),
    [
        ((0, 10, 1), "devices"),
        ((1_001, 1, 1), "devices"),
        ((1, 0, 1), "days"),
        ((1_000, 400, 1), "days"),
        ((1, 1, -1), "seed"),
    ],
)
def test_sizes_out_of_range_are_refused(sizes: tuple[int, int, int], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        simulate(*sizes)
    assert refused.value.extra["field"] == field


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:40],
        lambda text: b"\xff\xfe",
        lambda text: text.replace(b"unit-001.csv", b"../unit-1.cs"),
        lambda text: text.replace(b"freezer", b"fridges"),
        lambda text: text.replace(b'"days"', b'"dayz"'),
    ],
)
def test_damaged_labels_are_refused(run: Run, tmp_path: Path, damage) -> None:
    small = simulate(1, 1, 1)
    write_run(tmp_path / "run", small, 1)
    path = tmp_path / "run" / LABELS
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(Malformed):
        read_labels(tmp_path / "run")
    path.write_bytes(msgspec.json.encode({"start_s": 0, "days": 1, "interval_s": 60, "seed": 1, "units": []}))
    with pytest.raises(Malformed, match="no units"):
        read_labels(tmp_path / "run")
