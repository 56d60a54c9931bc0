"""``tenant`` and ``key``: who may ask, and with what."""

from typing import Annotated, Any, Literal

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.options import Bounded, Json

tenant_app = typer.Typer(no_args_is_help=True, help="Those who lease: create, list.")
key_app = typer.Typer(no_args_is_help=True, help="Keys of tenants: create, list, rotate, revoke.")

Role = Literal["operator", "tenant", "node"]
TenantId = Annotated[str, typer.Argument(metavar="TENANT")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as 'key list' shows it.")]


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
    expires_at: Annotated[
        str | None, typer.Option("--expires-at", metavar="TIME", help="RFC 3339: from then on it opens nothing.")
    ] = None,
    per_s: Annotated[float | None, Bounded("--per-s", "Requests a second that it may make, in the long run.")] = None,
    burst: Annotated[
        int | None, typer.Option("--burst", min=1, help="Requests that it may make at once; goes with --per-s.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a key of a tenant; it is shown once and not kept."""
    with Api() as api:
        if role is not None:
            _make_sure(api, tenant, role)
        wanted = {"name": name, "expires_at": expires_at, "per_s": per_s, "burst": burst}
        answer = api.call("POST", path("tenants", tenant, "keys"), json=wanted)
    show.emit(answer, as_json, _print_key)


@key_app.command("list")
def list_keys(tenant: TenantId, as_json: Json = False) -> None:
    """A tenant's keys that are in force."""
    with Api() as api:
        answer = api.call("GET", path("tenants", tenant, "keys"))
    show.emit(answer, as_json, _print_keys)


@key_app.command("rotate")
def rotate_key(
    key: KeyId,
    overlap_s: Annotated[
        int, typer.Option("--overlap-s", min=0, help="Seconds for which the old key opens beside the new one.")
    ] = 3_600,
    as_json: Json = False,
) -> None:
    """Make a new key in the place of one, which ends after an overlap."""
    with Api() as api:
        answer = api.call("POST", path("keys", key, "rotate"), json={"overlap_s": overlap_s})
    show.emit(answer, as_json, _print_rotated)


@key_app.command("revoke")
def revoke_key(
    key: KeyId,
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


def _print_rotated(answer: dict[str, Any]) -> None:
    _print_key(answer)
    show.note(f"{answer['replaces']} ends at {answer['replaced_ends_at']}.")


def _print_keys(answer: dict[str, Any]) -> None:
    rows = [
        (key["id"], key["name"], key["created_at"], key.get("expires_at"), key.get("per_s"), key.get("burst"))
        for key in answer["items"]
    ]
    columns = ("id", "name", "since", "until", "per second", "at once")
    show.print_table(columns, rows, right=columns[4:], empty="No key is in force.")
