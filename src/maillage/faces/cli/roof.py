"""``roof``: what roofs cover, which are best, and how they are let."""

import typer

from maillage.faces.cli import roof_leases
from maillage.faces.cli.roof_budgets import budgets
from maillage.faces.cli.roof_catalogue import catalogue, drop_roof, import_roofs, population, put_roof, show_roof
from maillage.faces.cli.roof_choose import choose
from maillage.faces.cli.roof_coverage import coverage
from maillage.faces.cli.roof_pathloss import pathloss
from maillage.faces.cli.roof_plan import plan
from maillage.faces.cli.roof_rain import rain
from maillage.faces.cli.roof_rent import rent, rentroll

app = typer.Typer(no_args_is_help=True, help="Roofs for 5G: what they cover, which are best, and their leases.")
app.command()(rent)
app.command()(rentroll)
app.command()(pathloss)
app.command()(budgets)
app.command()(rain)
app.command()(coverage)
app.command()(choose)
app.command()(catalogue)
app.command("show")(show_roof)
app.command("put")(put_roof)
app.command("drop")(drop_roof)
app.command("import")(import_roofs)
app.command()(population)
app.command()(plan)
app.add_typer(roof_leases.app, name="lease")
