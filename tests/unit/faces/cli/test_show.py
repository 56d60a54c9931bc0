"""What a terminal is shown, and what a program is."""

import io
import json
import sys

import pytest

from maillage.faces.cli import show


def test_a_name_can_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show.print_table(("id",), [("\x1b[31mred\x07\x9b2J[bold]x",)])
    show.say("a\x1b]0;title\x07b")
    out = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\x9b"} & set(out)
    assert "[bold]x" in out


def test_ids_are_never_cut_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    site, name = "s" * 64, "n" * 200
    show.print_table(("id", "name", "price"), [(site, name, "12.50")])
    assert f"{site}  {name}  12.50" in capsys.readouterr().out


def test_a_table_without_rows_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    show.print_table(("id",), [], empty="No stores.")
    assert capsys.readouterr().out == "No stores.\n"


def test_json_keeps_to_ascii_where_the_output_can_not_show_more(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    out = io.TextIOWrapper(written, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    show.print_json({"name": "Köln"})
    out.flush()
    assert json.loads(written.getvalue()) == {"name": "Köln"}


@pytest.mark.parametrize(
    ("share", "bar"), [(0, ""), (0.5, "█████"), (1, "██████████"), (7, "██████████"), (0.55, "█████▌")]
)
def test_a_bar_is_as_long_as_its_share(share: float, bar: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show, "draws_blocks", lambda: True)
    assert show.bar(share, columns=10) == bar


def test_a_price_is_for_the_whole_or_by_the_hour() -> None:
    assert show.money({"amount": "12.50", "per_hour": "1.25", "currency": "USD"}) == "12.50 USD"
    assert show.money({"amount": None, "per_hour": "1.25", "currency": "USD"}) == "1.25 USD/h"


def test_that_a_list_goes_on_is_said_beside_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    show.note_more({"items": [], "next": None})
    assert capsys.readouterr() == ("", "")
    show.note_more({"items": [], "next": "7-abc"})
    told = capsys.readouterr()
    assert told.out == "" and "--all" in told.err and "7-abc" in told.err
