"""``compute``: having apps run, otherwise, and no more."""

from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api
from maillage.faces.cli.failures import own_problem
from maillage.faces.cli.options import Json, parse_needs, parse_place

AppId = Annotated[str, typer.Argument(metavar="APP", help="TENANT.NAME")]
DeploymentId = Annotated[str, typer.Argument(metavar="DEPLOYMENT")]
Version = Annotated[
    str | None, typer.Option("--version", metavar="DIGEST", help="The newest if left out; 6 digits are enough.")
]
Config = Annotated[
    list[str] | None, typer.Option("--config", metavar="NAME=VALUE", help="For the code; once for each.")
]
Outbound = Annotated[
    list[str] | None, typer.Option("--outbound", metavar="HOST[:PORT]", help="It may call this; once for each.")
]
Health = Annotated[
    str | None, typer.Option("--health", metavar="PATH", help="Healthy is what answers GET PATH with 2xx or 3xx.")
]


def deploy(
    app_id: AppId,
    version: Version = None,
    lease: Annotated[
        list[str] | None, typer.Option("--lease", metavar="ID", help="On this lease of yours; once for each.")
    ] = None,
    near: Annotated[
        list[str] | None, typer.Option("--near", metavar="LAT,LON", help="Near this place; once for each.")
    ] = None,
    within_km: Annotated[float | None, typer.Option("--within-km", metavar="KM", help="No farther than this.")] = None,
    within_ms: Annotated[
        float | None, typer.Option("--within-ms", metavar="MS", help="No longer than this, there and back.")
    ] = None,
    need: Annotated[
        list[str] | None, typer.Option("--need", metavar="KIND=QUANTITY", help="Of each instance, as cpu=1.")
    ] = None,
    instances: Annotated[int | None, typer.Option("--instances", min=1, help="How many.")] = None,
    lease_class: Annotated[
        str | None, typer.Option("--class", metavar="CLASS", help="firm or spot; house for the shop's own.")
    ] = None,
    config: Config = None,
    outbound: Outbound = None,
    health: Health = None,
    public: Annotated[bool, typer.Option("--public", help="Anybody may call it, without a key.")] = False,
    as_json: Json = False,
) -> None:
    """Have an app run: on leases that you have, or near places on leases that are taken for it."""
    wanted: dict[str, Any] = {"app": app_id, "version": version, "leases": lease, "class": lease_class}
    wanted |= {"within_km": within_km, "within_ms": within_ms, "instances": instances}
    if near:
        wanted["near"] = [dict(zip(("lat", "lon"), parse_place(place), strict=True)) for place in near]
    if need:
        wanted["needs"] = parse_needs(need)
    wanted |= settings_given(config, outbound, health) | ({"public": True} if public else {})
    with Api(runs_code=True) as api:
        made = api.deploy({name: value for name, value in wanted.items() if value is not None})
    show.emit(made, as_json, print_deployment)


def list_deployments(
    app_id: Annotated[str | None, typer.Option("--app", metavar="APP", help="Only of this app.")] = None,
    as_json: Json = False,
) -> None:
    """List deployments, the oldest first."""
    with Api(runs_code=True) as api:
        found = list(api.deployments(app_id))
    rows = [
        (each["id"], each["app"], each["version"][:19], len(each["placed"]), each["rollout"]["state"]) for each in found
    ]
    columns = ("deployment", "app", "version", "instances", "rollout")
    show.emit(
        {"items": found},
        as_json,
        lambda _: show.print_table(columns, rows, right=("instances",), empty="There is none."),
    )


def show_deployment(deployment: DeploymentId, as_json: Json = False) -> None:
    """Show a deployment and its instances."""
    with Api(runs_code=True) as api:
        found = api.deployment(deployment)
    show.emit(found, as_json, print_deployment)


def change(
    deployment: DeploymentId,
    version: Version = None,
    instances: Annotated[int | None, typer.Option("--instances", min=1, help="How many there are to be.")] = None,
    config: Config = None,
    outbound: Outbound = None,
    health: Health = None,
    as_json: Json = False,
) -> None:
    """Have a deployment otherwise: one instance at a time, and back if the first does not come up healthy."""
    wanted = {"version": version, "instances": instances} | settings_given(config, outbound, health)
    wanted = {name: value for name, value in wanted.items() if value is not None}
    if not wanted:
        raise own_problem("usage", "say what is to be otherwise: --version, --instances, --config, ...")
    with Api(runs_code=True) as api:
        changed = api.change(deployment, api.deployment(deployment)["revision"], wanted)
    show.emit(changed, as_json, print_deployment)


def roll_back(deployment: DeploymentId, as_json: Json = False) -> None:
    """Go back to the version and settings that a deployment had before."""
    with Api(runs_code=True) as api:
        changed = api.roll_back(deployment)
    show.emit(changed, as_json, print_deployment)


def remove(deployment: DeploymentId, as_json: Json = False) -> None:
    """End a deployment's instances, and give back the leases that were taken for it."""
    with Api(runs_code=True) as api:
        api.remove(deployment)
    show.emit({"id": deployment, "removed": True}, as_json, lambda _: show.say(f"{deployment} is removed"))


def settings_given(config: list[str] | None, outbound: list[str] | None, health: str | None) -> dict[str, Any]:
    """The settings of a deployment that options say; what is left out stays as it is."""
    settings: dict[str, Any] = {}
    if config:
        pairs = [entry.partition("=") for entry in config]
        for entry, (name, equals, _) in zip(config, pairs, strict=True):
            if not (name and equals):
                raise own_problem("usage", f"--config: {entry[:40]!r} is not NAME=VALUE")
        settings["config"] = {name: value for name, _, value in pairs}
    if outbound:
        settings["outbound"] = outbound
    if health is not None:
        settings["health"] = {"path": health}
    return settings


def print_deployment(found: dict[str, Any]) -> None:
    """For people: what is wanted, and each instance."""
    rollout = found["rollout"]
    show.print_facts(
        [
            ("deployment", found["id"]),
            ("app", found["app"]),
            ("version", found["version"]),
            ("revision", found["revision"]),
            ("rollout", f"{rollout['state']}, {rollout['updated']} of {rollout['of']}"),
            ("because", rollout["detail"]),
            ("address", f"/run/{found['app']}/"),
        ]
    )
    show.say("")
    rows = [
        (each["id"], each["site"], each["version"][7:19], each["state"], each["restarts"], each["detail"] or "")
        for each in found["placed"]
    ]
    columns = ("instance", "site", "version", "state", "restarts", "because")
    show.print_table(columns, rows, right=("restarts",), empty="No instance is placed yet.")
    for missing in found["missing"]:
        where = missing["lease"] or f"{missing['near']['lat']},{missing['near']['lon']}"
        show.say(f"missing at {where}: {missing['detail']}")
