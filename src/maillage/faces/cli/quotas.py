"""``quota``: how much of a kind a tenant may have leased at any instant."""

from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.options import Json
from maillage.faces.cli.tenants import TenantId

app = typer.Typer(no_args_is_help=True, help="Quotas of tenants: set, list, drop.")

Kind = Annotated[str, typer.Argument(metavar="KIND")]


@app.command("set")
def set_quota(
    tenant: TenantId,
    kind: Kind,
    most: Annotated[str, typer.Argument(metavar="MOST", help="In the kind's unit; 0 lets nothing more be granted.")],
    as_json: Json = False,
) -> None:
    """Let a tenant have so much of a kind leased at any instant, over all sites, and no more.

    What it has above that stays; nothing more is granted.
    """
    with Api() as api:
        answer = api.call("PUT", path("tenants", tenant, "quotas", kind), json={"most": most})
    show.emit(answer, as_json, lambda made: show.say(f"{made['tenant']} may have {made['most']:,} {made['kind']}"))


@app.command("list")
def list_quotas(tenant: TenantId, as_json: Json = False) -> None:
    """A tenant's quotas."""
    with Api() as api:
        answer = api.call("GET", path("tenants", tenant, "quotas"))
    show.emit(answer, as_json, _print_quotas)


@app.command("drop")
def drop_quota(tenant: TenantId, kind: Kind, as_json: Json = False) -> None:
    """Bound a tenant's use of a kind no longer."""
    with Api() as api:
        api.call("DELETE", path("tenants", tenant, "quotas", kind))
    dropped = {"tenant": tenant, "kind": kind, "dropped": True}
    show.emit(dropped, as_json, lambda _: show.say(f"{tenant} may have as much {kind} as there is"))


def _print_quotas(answer: dict[str, Any]) -> None:
    rows = [(quota["kind"], f"{quota['most']:,}") for quota in answer["items"]]
    show.print_table(("kind", "most"), rows, right=("most",), empty="No quota: it may have as much as there is.")
