"""The rules' defaults: limits that last, and what excuses them."""

import pytest

from maillage.services.sensing.warning.pages import LIMITS, RulePages

MINUTE = 60.0


def paged(
    kind: str,
    values: list[float],
    door: list[bool] | None = None,
    defrost: list[bool] | None = None,
) -> list[float]:
    """Minutes in which somebody is paged."""
    quiet = [False] * len(values)
    times = [number * MINUTE for number in range(len(values))]
    return [at / MINUTE for at in RulePages(LIMITS[kind])(times, values, door or quiet, defrost or quiet)]


def test_each_limit_of_a_freezer_waits_its_dwell() -> None:
    assert paged("freezer", [-20.0] * 5 + [-14.0] * 60) == [50]
    assert paged("freezer", [-20.0] * 5 + [-11.0] * 60) == [20, 50]
    assert paged("freezer", [-20.0] * 5 + [-8.0] * 60) == [5, 20, 50]
    assert paged("chiller", [3.0] * 5 + [6.0] * 60) == [35]


def test_a_break_starts_the_dwell_again_and_an_excursion_pages_once() -> None:
    assert paged("freezer", [-14.0] * 40 + [-15.5] + [-14.0] * 60) == [86]
    assert paged("freezer", [-14.0] * 60 + [-15.5] * 10 + [-14.0] * 60) == [45]  # not below the dead band
    assert paged("freezer", [-14.0] * 60 + [-17.0] * 10 + [-14.0] * 60) == [45, 115]


def test_a_defrost_excuses_until_its_most_and_the_recovery() -> None:
    warm = [-20.0] * 5 + [-8.0] * 50 + [-20.0] * 30
    thawing = [5 <= minute < 30 for minute in range(len(warm))]
    assert paged("freezer", warm, defrost=thawing) == []
    for_ever = [minute >= 5 for minute in range(200)]
    assert paged("freezer", [-8.0] * 200, defrost=for_ever)[0] == 0
    assert paged("freezer", [-20.0] * 5 + [-8.0] * 195, defrost=for_ever)[0] == 80  # 45 and 30 minutes after its start


def test_an_open_door_excuses_warnings_for_a_while_and_nothing_critical() -> None:
    stands = [True] * 100
    assert paged("chiller", [6.0] * 100, door=stands) == [35]
    assert paged("freezer", [-8.0] * 3, door=stands[:3]) == [0]


def test_a_missing_value_is_no_value() -> None:
    assert paged("chiller", [6.0] * 20 + [float("nan")] * 5 + [6.0] * 20) == [30]


@pytest.mark.parametrize("kind", ["freezer", "chiller"])
def test_what_is_cold_pages_nobody(kind: str) -> None:
    assert paged(kind, [-20.0 if kind == "freezer" else 3.0] * 500) == []
