"""The chart of a pool: solid, shaded, dotted."""

from maillage.faces.cli.chart import COLUMNS, ROWS, draw

START, END = 0, COLUMNS * 10
HALF = END // 2


def test_an_empty_pool_is_dotted_all_over() -> None:
    chart = draw([(START, 0)], [(START, 0)], [(START, 16)], END, blocks=True)
    assert chart.lines == ["·" * COLUMNS] * ROWS
    assert chart.top == 16


def test_committed_is_solid_spot_above_it_shaded_and_the_rest_free() -> None:
    chart = draw([(START, 6), (HALF, 0)], [(START, 12), (HALF, 0)], [(START, 18)], END, blocks=True)
    left = [line[0] for line in chart.lines]
    right = [line[-1] for line in chart.lines]
    assert left == ["·", "·", "▒", "▒", "█", "█"]
    assert right == ["·"] * ROWS
    assert chart.lines[-1] == "█" * (COLUMNS // 2) + "·" * (COLUMNS // 2)


def test_a_column_shows_the_highest_level_within_it() -> None:
    """One second at full height in the midst of a column of ten is seen."""
    chart = draw([(START, 0), (23, 6), (24, 0)], [(START, 0), (23, 6), (24, 0)], [(START, 6)], END, blocks=True)
    assert chart.lines[0] == "··█" + "·" * (COLUMNS - 3)


def test_a_level_that_ends_where_a_column_begins_is_not_in_it() -> None:
    chart = draw([(START, 6), (10, 0)], [(START, 6), (10, 0)], [(START, 6)], END, blocks=True)
    assert chart.lines[0] == "█" + "·" * (COLUMNS - 1)


def test_a_little_is_never_shown_as_nothing() -> None:
    chart = draw([(START, 0.001)], [(START, 0.001)], [(START, 1_000)], END, blocks=True)
    assert chart.lines[-1] == "▁" * COLUMNS


def test_a_planned_change_of_size_shows_as_an_edge() -> None:
    chart = draw([(START, 0)], [(START, 0)], [(START, 6), (HALF, 3)], END, blocks=True)
    assert chart.lines[0] == "·" * (COLUMNS // 2) + " " * (COLUMNS // 2)


def test_without_blocks_the_chart_is_ascii() -> None:
    chart = draw([(START, 2)], [(START, 4)], [(START, 6)], END, blocks=False)
    assert [line[0] for line in chart.lines] == [".", ".", "+", "+", "#", "#"]


def test_a_pool_of_size_zero_can_be_drawn() -> None:
    assert draw([(START, 0)], [(START, 0)], [(START, 0)], END, blocks=True).lines == [" " * COLUMNS] * ROWS
