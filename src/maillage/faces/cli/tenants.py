"""``tenant`` and ``key``: who may ask, and with what."""

from typing import Annotated, Any, Literal

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.options import Json

tenant_app = typer.Typer(no_args_is_help=True, help="Those who lease: create, list.")
key_app = typer.Typer(no_args_is_help=True, help="Keys of tenants: create, list, revoke.")

Role = Literal["operator", "tenant", "node"]
TenantId = Annotated[str, typer.Argument(metavar="TENANT")]


@tenant_app.command("create")
def create_tenant(
    tenant: Annotated[str, typer.Argument(metavar="ID")],
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="The id, if left out.")] = "",
    role: Annotated[Role, typer.Option("--role", help="What its keys may do.")] = "tenant",
    as_json: Json = False,
) -> None:
    """Enter a tenant; again with the same properties changes nothing."""
    with Api() as api:
        answer = api.call("POST", path("tenants"), json={"id": tenant, "name": name, "role": role})
    show.emit(answer, as_json, lambda made: show.say(f"{made['id']} ({made['name']}), role {made['role']}"))


@tenant_app.command("list")
def list_tenants(as_json: Json = False) -> None:
    """All tenants."""
    with Api() as api:
        answer = api.call("GET", path("tenants"))
    show.emit(answer, as_json, _print_tenants)


@key_app.command("create")
def create_key(
    tenant: TenantId,
    role: Annotated[
        Role | None, typer.Option("--role", help="Enter the tenant first, with this role, where it is missing.")
    ] = None,
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="What the key is for.")] = "",
    as_json: Json = False,
) -> None:
    """Make a key of a tenant; it is shown once and not kept."""
    with Api() as api:
        if role is not None:
            _make_sure(api, tenant, role)
        answer = api.call("POST", path("tenants", tenant, "keys"), json={"name": name})
    show.emit(answer, as_json, _print_key)


@key_app.command("list")
def list_keys(tenant: TenantId, as_json: Json = False) -> None:
    """A tenant's keys that are in force."""
    with Api() as api:
        answer = api.call("GET", path("tenants", tenant, "keys"))
    show.emit(answer, as_json, _print_keys)


@key_app.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as 'key list' shows it.")],
    as_json: Json = False,
) -> None:
    """End a key, at once."""
    with Api() as api:
        api.call("DELETE", path("keys", key))
    show.emit({"id": key, "revoked": True}, as_json, lambda _: show.say(f"{key} opens nothing any more"))


def _make_sure(api: Api, tenant: str, role: str) -> None:
    """Enter the tenant where it is missing. The server refuses a role other than the one it has."""
    named = {known["id"]: known["name"] for known in api.call("GET", path("tenants"))["items"]}
    api.call("POST", path("tenants"), json={"id": tenant, "name": named.get(tenant, ""), "role": role})


def _print_tenants(answer: dict[str, Any]) -> None:
    rows = [(known["id"], known["name"], known["role"], known["created_at"]) for known in answer["items"]]
    show.print_table(("id", "name", "role", "since"), rows)


def _print_key(answer: dict[str, Any]) -> None:
    show.print_facts([("id", answer["id"]), ("tenant", answer["tenant"]), ("key", answer["key"])])
    show.note("The key is shown only this once: keep it.")


def _print_keys(answer: dict[str, Any]) -> None:
    rows = [(key["id"], key["name"], key["created_at"]) for key in answer["items"]]
    show.print_table(("id", "name", "since"), rows, empty="No key is in force.")
