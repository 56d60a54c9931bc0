"""``roof budgets``: what loss a band's links stand."""

from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.options import Json


def budgets(
    budget: Annotated[
        list[str] | None, typer.Argument(metavar="[BUDGET]...", help="Bands, or JSON files; all bands if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show link budgets: the largest path loss that each link stands."""
    from maillage.services.roof.radio.budget_documents import budget_document
    from maillage.services.roof.radio.budgets import budget as budget_of
    from maillage.services.roof.radio.budgets import shipped_budgets

    found = [budget_of(each) for each in budget] if budget else list(shipped_budgets().values())
    show.emit({"items": [budget_document(each) for each in found]}, as_json, _print_budgets)


def _print_budgets(document: dict[str, Any]) -> None:
    show.print_table(
        ("band", "GHz", "link", "EIRP dBm", "MHz", "noise dBm", "max loss dB", "less shadow margin", ""),
        [
            (
                each["id"] if direction == "down" else "",
                f"{each['fc_ghz']:g}" if direction == "down" else "",
                direction,
                f"{link['eirp_dbm']:g}",
                f"{link['bandwidth_mhz']:g}",
                f"{link['noise_dbm']:.1f}",
                f"{link['max_path_loss_db']:.1f}",
                f"{link['planned_path_loss_db']:.1f}",
                "limits" if each["limiting"] == direction else "",
            )
            for each in document["items"]
            for direction, link in (("down", each["down"]), ("up", each["up"]))
        ],
        right=("GHz", "EIRP dBm", "MHz", "noise dBm", "max loss dB", "less shadow margin"),
    )
