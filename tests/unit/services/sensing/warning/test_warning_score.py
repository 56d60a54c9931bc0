"""The score on simulated faults: counted right, and as good as it is said to be."""

import pytest

from maillage.services.sensing.simulate.faults import FaultKind
from maillage.services.sensing.simulate.files import LabelledFault, LabelledUnit, label
from maillage.services.sensing.simulate.run import START_S, simulate
from maillage.services.sensing.warning.scoring import Tally, UnitSeries, score_units

HOUR, DAY = 3_600, 86_400


def score_simulated(devices: int, days: int, seed: int) -> Tally:
    run = simulate(devices, days, seed)
    labels = label(run, seed)
    times = [float(START_S + 60 * minute) for minute in range(run.value.shape[1])]
    return score_units(
        (
            unit,
            UnitSeries(times, run.value[number].tolist(), run.door[number].tolist(), run.defrost[number].tolist()),
        )
        for number, unit in enumerate(labels.units)
    )


def test_pages_and_advice_are_laid_to_the_faults_they_belong_to() -> None:
    times = [float(at) for at in range(0, 30 * DAY, 600)]
    values = [-20.0 + (number * 7919 % 11 - 5) / 20 for number in range(len(times))]
    values = [value + (8.0 if 20 * DAY <= at < 21 * DAY else 0.0) for at, value in zip(times, values, strict=True)]
    shut = [False] * len(times)
    faults = [
        LabelledFault(
            kind=FaultKind.COMPRESSOR_OFF, start_s=20 * DAY, end_s=21 * DAY, food_left_s=20 * DAY + 10 * HOUR
        ),
        LabelledFault(kind=FaultKind.FROST, start_s=25 * DAY, end_s=26 * DAY, food_left_s=26 * DAY),
    ]
    unit = LabelledUnit(file="unit-001.csv", kind="freezer", food_limit_c=-15.0, faults=faults)
    pages_at = [3.0 * DAY, 20 * DAY + 2.0 * HOUR, 20 * DAY + 11.0 * HOUR, 22.5 * DAY, 29.0 * DAY]
    tally = score_units([(unit, UnitSeries(times, values, shut, shut))], pages_of=lambda kind: lambda *_: pages_at)
    found = tally.kinds[FaultKind.COMPRESSOR_OFF]
    assert (found.harmful, found.found, found.found_by_advice, found.found_by_page) == (1, 1, 1, 1)
    assert 8.0 < found.lead_h[0] < 10.0
    assert tally.kinds[FaultKind.FROST].found == 0
    assert [(unit, fault.kind) for unit, fault in tally.missed] == [("unit-001.csv", FaultKind.FROST)]
    assert tally.false_pages == 2  # what comes within two days after a fault is about it
    assert tally.recall == 0.5
    assert tally.device_months == pytest.approx(1.0, abs=0.01)


def test_no_fault_has_no_recall() -> None:
    tally = score_simulated(1, 3, 1)
    assert (tally.recall, tally.median_lead_h, tally.false_advice, tally.false_pages) == (None, None, 0, 0)


@pytest.mark.long
def test_the_goals_are_met_on_seeds_that_nothing_was_chosen_by() -> None:
    for seed in (101, 102):
        tally = score_simulated(10, 120, seed)
        assert tally.harmful > 15
        assert tally.recall is not None
        assert tally.recall >= 0.95
        assert tally.false_pages / tally.device_months <= 1.0
        assert tally.false_advice / tally.device_months <= 0.5


@pytest.mark.long
def test_a_small_run_finds_every_harmful_fault() -> None:
    tally = score_simulated(3, 45, 3)
    assert tally.harmful >= 2
    assert tally.missed == []
    assert tally.false_pages == 0
