"""The command line, put together: the groups, and what happens when something goes wrong in one."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from maillage.faces.cli import (
    audit,
    backup,
    capacity,
    catchment,
    compute,
    hub,
    kinds,
    leases,
    mesh,
    money,
    mqtt,
    node,
    quotas,
    robots,
    roof,
    run,
    sensing,
    simulate,
    sites,
    tenants,
    webhooks,
)
from maillage.faces.cli.failures import INTERRUPTED, OK, REFUSED, problem_of, tell


class Root(TyperGroup):
    """Turns whatever goes wrong below into a message and an exit code, for the console and for tests alike."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        words = list(sys.argv[1:] if args is None else args)
        code = self._run(words, prog_name or "maillage", complete_var, windows_expand_args, extra)
        if standalone_mode:
            sys.exit(code)
        return code

    def _run(
        self,
        words: list[str],
        prog_name: str,
        complete_var: str | None,
        windows_expand_args: bool,
        extra: dict[str, Any],
    ) -> int:
        try:
            try:
                answer = super().main(words, prog_name, complete_var, False, windows_expand_args, **extra)
                if answer == INTERRUPTED:  # typer has caught it
                    raise KeyboardInterrupt
                code = answer if isinstance(answer, int) else OK
            except (Exception, KeyboardInterrupt) as error:
                if isinstance(error, BrokenPipeError):
                    raise
                if type(error).__name__ == "NoArgsIsHelpError":  # the help was asked for, if not in words
                    getattr(error, "show")()  # noqa: B009
                    return int(getattr(error, "exit_code", OK))
                problem = problem_of(error)
                tell(problem, "--json" in words)
                code = problem.exit_code
            sys.stdout.flush()
        except BrokenPipeError:  # whoever read has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return REFUSED
        return code


app = typer.Typer(
    cls=Root,
    name="maillage",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # what typer draws help with takes longer to load than all the rest
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from maillage import __version__

        typer.echo(f"maillage {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """The mesh of a chain's stores as one market of leasable capacity.

    Commands work on the data folder MAILLAGE_HOME (./.maillage unless set), or with MAILLAGE_SERVER and MAILLAGE_KEY
    set on that server.
    """


app.command()(run.up)
app.command()(run.demo)
app.command()(run.verify)
app.command()(simulate.simulate)
app.command()(backup.backup)
app.command()(backup.restore)
app.add_typer(hub.app, name="hub")
app.add_typer(node.app, name="node")
app.add_typer(mesh.nodes_app, name="nodes")
app.add_typer(mesh.enrolment_app, name="enrolment")
app.add_typer(mesh.escrow_app, name="escrow")
app.add_typer(compute.app, name="compute")
app.add_typer(robots.app, name="robots")
app.add_typer(sensing.app, name="sensing")
app.add_typer(roof.app, name="roof")
app.add_typer(mqtt.app, name="mqtt")
app.add_typer(sites.app, name="sites")
app.add_typer(capacity.app, name="capacity")
app.command()(catchment.catchment)
app.command()(leases.find)
app.add_typer(leases.app, name="lease")
app.add_typer(tenants.tenant_app, name="tenant")
app.add_typer(tenants.key_app, name="key")
app.add_typer(webhooks.app, name="webhook")
app.add_typer(quotas.app, name="quota")
app.command()(audit.audit)
app.command()(money.usage)
app.command()(money.invoice)
app.add_typer(kinds.app, name="kind")
app.add_typer(money.price_app, name="price")


def main() -> None:
    """What the console script calls."""
    app()
