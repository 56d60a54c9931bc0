"""``kind``: what can be leased at all."""

from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.options import Json

app = typer.Typer(no_args_is_help=True, help="Kinds of capacity: list, add.")


@app.command("list")
def list_kinds(as_json: Json = False) -> None:
    """All kinds, each with what a quantity of 1 means."""
    with Api() as api:
        answer = api.call("GET", path("kinds"))
    show.emit(answer, as_json, _print_kinds)


@app.command("add")
def add_kind(
    name: Annotated[str, typer.Argument(metavar="NAME", help="a-z, 0-9 and _, a letter first.")],
    unit: Annotated[str, typer.Option("--unit", metavar="UNIT", help="What a quantity of 1 means.")],
    description: Annotated[str, typer.Option("--description", metavar="TEXT", help="What it is, in a line.")] = "",
    as_json: Json = False,
) -> None:
    """Add a kind, or change the unit and description of one."""
    with Api() as api:
        answer = api.call("PUT", path("kinds", name), json={"unit": unit, "description": description})
    show.emit(answer, as_json, lambda kind: show.say(f"{kind['name']}, in {kind['unit']}"))


def _print_kinds(answer: dict[str, Any]) -> None:
    rows = [(kind["name"], kind["unit"], kind["description"]) for kind in answer["items"]]
    show.print_table(("kind", "unit", "what it is"), rows)
