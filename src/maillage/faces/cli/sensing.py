"""``sensing``: what the stores' devices measure, what is alarming about it, and the record that it was kept safe."""

import typer

from maillage.faces.cli.sensing_alarms import alarms_app
from maillage.faces.cli.sensing_devices import devices_app, profiles_app
from maillage.faces.cli.sensing_haccp import haccp_app
from maillage.faces.cli.sensing_readings import readings
from maillage.faces.cli.sensing_warning import detect, score, simulate

app = typer.Typer(no_args_is_help=True, help="Devices that measure: readings, alarms, the HACCP record, early warning.")
app.add_typer(devices_app, name="devices")
app.add_typer(profiles_app, name="profiles")
app.command()(readings)
app.add_typer(alarms_app, name="alarms")
app.add_typer(haccp_app, name="haccp")
app.command()(detect)
app.command()(simulate)
app.command()(score)
