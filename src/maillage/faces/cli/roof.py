"""``roof``: what roofs cover, which are best, and how they are let."""

import typer

app = typer.Typer(no_args_is_help=True, help="Roofs for 5G: what they cover, which are best, and their leases.")
