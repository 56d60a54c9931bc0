"""How answers look: JSON for programs; tables, bars and notes for people."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table
    from rich.text import Text

PIPE_COLUMNS = 400
"""Width where nobody looks: lines are for grep, and a cut id is worth nothing."""
_CONTROL = dict.fromkeys([*range(32), *range(127, 160)], "�")
"""Names come from files and from other people; what is in them must not steer the terminal."""


def console(stderr: bool = False) -> "Console":
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPE_COLUMNS
    return Console(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)


def plain(value: object) -> "Text":
    """A text as it is, harmless to the terminal."""
    from rich.text import Text

    return Text(str(value).translate(_CONTROL))


def emit(document: Any, as_json: bool, render: Callable[[Any], None]) -> None:
    """An answer: the document as JSON, or as ``render`` shows it."""
    if as_json:
        print_json(document)
    else:
        render(document)


def print_json(document: Any) -> None:
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=not utf8) + "\n")


def say(line: str, style: str | None = None) -> None:
    """One line on standard output."""
    console().print(plain(line), style=style, soft_wrap=True)


def note(line: str) -> None:
    """One line on standard error: about the answer, not of it."""
    console(stderr=True).print(plain(line), style="dim", soft_wrap=True)


def note_more(answer: dict[str, Any]) -> None:
    """Say so where a list goes on."""
    if answer["next"] is not None:
        note(f"There is more: --all shows everything, --cursor {answer['next']} what follows.")


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[str] = (), empty: str = "Nothing."
) -> None:
    """A table with a line of headers; columns named in ``right`` are figures. ``empty`` is said of no rows."""
    table = new_table(columns, right)
    for row in rows:
        table.add_row(*(plain("" if cell is None else cell) for cell in row))
    if table.row_count:
        console().print(table)
    else:
        say(empty)


def new_table(columns: Sequence[str], right: Sequence[str] = ()) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return table


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Names and values, one a line; values that are None are left out."""
    known = [(name, value) for name, value in facts if value is not None]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        say(f"{name:<{width}}  {value}")


def bar(share: float, columns: int = 30) -> str:
    """A share of 0 to 1 as a bar."""
    full, rest = divmod(round(max(0.0, min(share, 1.0)) * columns * 8), 8)
    if not draws_blocks():
        return "#" * (full + (rest >= 4))
    return "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")


def draws_blocks() -> bool:
    """Whether standard output can show more than ASCII."""
    return (sys.stdout.encoding or "").lower().startswith("utf")


def grouped(amount: str) -> str:
    """A decimal text with its thousands apart."""
    from decimal import Decimal

    return f"{Decimal(amount):,}"


def needs_text(needs: dict[str, Any]) -> str:
    return ", ".join(f"{kind} {quantity:,}" for kind, quantity in needs.items())


def money(price: dict[str, Any]) -> str:
    """What a lease costs: the whole of it, or by the hour while it has no end."""
    if price["amount"] is None:
        return f"{price['per_hour']} {price['currency']}/h"
    return f"{price['amount']} {price['currency']}"


@contextmanager
def progress(unit: str = "") -> Iterator["Progress"]:
    """Progress bars on standard error, and only where somebody is looking."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    shown = console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %" + (f" of {{task.total:,.0f}} {unit}" if unit else "")),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as bars:
        yield bars
