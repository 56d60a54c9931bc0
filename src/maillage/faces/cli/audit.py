"""``audit``: who did what, and who was turned away."""

from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.options import LIMIT_DEFAULT, Json, Limit


def audit(
    after: Annotated[int, typer.Option("--after", min=0, help="Entries with numbers above this one.")] = 0,
    limit: Limit = LIMIT_DEFAULT,
    actor: Annotated[str | None, typer.Option("--actor", metavar="TENANT", help="Only what this tenant did.")] = None,
    action: Annotated[
        str | None, typer.Option("--action", metavar="TEXT", help="Only this, such as key.revoke or sign-in.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Who did what, in order, and who was turned away."""
    wanted = {"after": after, "limit": limit, "actor": actor, "action": action}
    with Api() as api:
        answer = api.call("GET", path("audit"), params=wanted)
    show.emit(answer, as_json, _print_entries)


def _print_entries(answer: dict[str, Any]) -> None:
    rows = [
        (
            entry["number"],
            entry["at"],
            entry["actor"],
            entry["credential"],
            entry["action"],
            entry["subject"],
            entry["outcome"],
            entry["detail"],
        )
        for entry in answer["items"]
    ]
    columns = ("number", "at", "actor", "credential", "action", "subject", "outcome", "detail")
    show.print_table(columns, rows, right=("number",), empty="Nothing is entered there.")
    if answer["next"] is not None:
        show.note(f"There is more: --after {answer['next']} shows what follows.")
