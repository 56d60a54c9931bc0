"""``roof pathloss``: a file of radio paths, with what each loses."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maillage.faces.cli import show
from maillage.faces.cli.options import Json

if TYPE_CHECKING:
    from maillage.services.roof.radio.loss_table import LossTable

WARNINGS_SHOWN = 5


def pathloss(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV with scenario, condition, fc_ghz, h_bs_m, h_ut_m and d2d_m; - for standard input.",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Print a CSV file with the median path loss of each row, by 3GPP TR 38.901, as a further column model_db."""
    table = _read(file)
    warnings = table.warnings()
    show.emit({"items": table.documents(), "warnings": warnings} if as_json else table, as_json, _print_csv)
    if not as_json:
        for warning in warnings[:WARNINGS_SHOWN]:
            show.note(warning)
        if len(warnings) > WARNINGS_SHOWN:
            show.note(f"And {len(warnings) - WARNINGS_SHOWN:,} more of this sort; --json has them all.")


def _read(file: Path) -> "LossTable":
    import io
    import sys

    from maillage.kernel.files import open_data_file
    from maillage.services.roof.radio.loss_table import read_loss_table

    if str(file) == "-":
        return read_loss_table(io.TextIOWrapper(sys.stdin.buffer, "utf-8-sig", newline=""))
    with open_data_file(file) as stream:
        return read_loss_table(io.TextIOWrapper(stream, "utf-8-sig", newline=""))


def _print_csv(table: "LossTable") -> None:
    import csv
    import sys

    from maillage.services.roof.radio.loss_table import ADDED

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*table.columns, ADDED])
    for row, loss_db in zip(table.rows, table.model_db.tolist(), strict=True):
        writer.writerow([*row.cells, f"{loss_db:.6f}"])
