"""``robots``: a store's robots, the floors they clean, and the proof that they are clean."""

import typer

from maillage.faces.cli import robots_cleaning, robots_fleet, robots_floors
from maillage.faces.cli.robots_plan import plan

app = typer.Typer(no_args_is_help=True, help="Robots: register and watch them, plan floors, clean, see the proof.")
app.command()(plan)
app.command("list")(robots_fleet.list_robots)
app.command("show")(robots_fleet.show_robot)
app.command()(robots_fleet.register)
app.command()(robots_fleet.remove)
app.command()(robots_fleet.pause)
app.command()(robots_fleet.resume)
app.command()(robots_fleet.cancel)
app.command()(robots_fleet.actions)
app.command()(robots_fleet.missions)
app.add_typer(robots_floors.floors, name="floors")
app.add_typer(robots_floors.schedules, name="schedules")
app.add_typer(robots_cleaning.cleanings, name="cleanings")
app.command()(robots_cleaning.clean)
app.command("give-way")(robots_cleaning.give_way)
