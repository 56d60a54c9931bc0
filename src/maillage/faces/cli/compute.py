"""``compute``: tenants' apps, from an upload to an answer."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from maillage.faces.cli import compute_deployments, compute_house, compute_sessions, show
from maillage.faces.cli.client import Api
from maillage.faces.cli.compute_deployments import AppId
from maillage.faces.cli.compute_follow import follow
from maillage.faces.cli.compute_harvest import harvest
from maillage.faces.cli.compute_new import new
from maillage.faces.cli.failures import REFUSED, own_problem
from maillage.faces.cli.options import Json, parse_place

app = typer.Typer(no_args_is_help=True, help="Apps: upload, deploy, call them; what stores could sell.")


app.command()(new)
app.command()(compute_deployments.deploy)
app.command("deployments")(compute_deployments.list_deployments)
app.command("show")(compute_deployments.show_deployment)
app.command()(compute_deployments.change)
app.command("rollback")(compute_deployments.roll_back)
app.command()(compute_deployments.remove)
app.add_typer(compute_sessions.app, name="session")
app.add_typer(compute_house.app, name="house")
app.command()(harvest)
app.command()(follow)


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits, '-' and '_'.")], as_json: Json = False
) -> None:
    """Make a new app, without a version yet."""
    with Api(runs_code=True) as api:
        made = api.create_app(name)
    show.emit(made, as_json, lambda app: show.say(app["id"]))


@app.command("apps")
def list_apps(as_json: Json = False) -> None:
    """List apps."""
    with Api(runs_code=True) as api:
        found = list(api.apps())
    rows = [(each["id"], each["created_at"]) for each in found]
    show.emit({"items": found}, as_json, lambda _: show.print_table(("app", "made"), rows, empty="There is none."))


@app.command()
def upload(
    app_id: AppId,
    code: Annotated[Path | None, typer.Argument(metavar="[FILE]", show_default=False)] = None,
    image: Annotated[
        str, typer.Option("--image", metavar="REFERENCE", help="An image that the store has or may pull, for a file.")
    ] = "",
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="KIND", help="component, command or image; told from the file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Upload a version of an app: WebAssembly, or an archive of a container image."""
    if (code is None) == (not image):
        raise own_problem("usage", "name a FILE, or an image that is there with --image: one of the two")
    if code is not None and not code.is_file():
        raise own_problem("usage", f"there is no file {code}")
    with Api(runs_code=True) as api:
        made = api.refer(app_id, image) if code is None else api.upload(app_id, code, kind)
    show.emit(made, as_json, _print_version)


@app.command("versions")
def list_versions(app_id: AppId, as_json: Json = False) -> None:
    """List the versions of an app, the oldest first."""
    with Api(runs_code=True) as api:
        found = list(api.versions(app_id))
    rows = [(each["digest"], each["kind"], f"{each['size_bytes']:,}", each["created_at"]) for each in found]
    columns = ("version", "kind", "bytes", "uploaded")
    show.emit(
        {"items": found}, as_json, lambda _: show.print_table(columns, rows, right=("bytes",), empty="There is none.")
    )


@app.command()
def delete(
    app_id: AppId,
    version: Annotated[str, typer.Option("--version", metavar="DIGEST", help="Only this version.")] = "",
    as_json: Json = False,
) -> None:
    """Forget an app and its versions, if no deployment uses it."""
    with Api(runs_code=True) as api:
        if version:
            api.delete_version(app_id, version)
        else:
            api.delete_app(app_id)
    gone = {"app": app_id, "version": version or None, "deleted": True}
    show.emit(gone, as_json, lambda _: show.say(f"{app_id} {version}".strip() + " is deleted"))


@app.command()
def logs(
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help="The id of its lease.")],
    after: Annotated[int | None, typer.Option("--after", metavar="N", help="The 'next' of an earlier look.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="Lines to show.")] = 100,
    as_json: Json = False,
) -> None:
    """Show what an instance said, and what its store said of it."""
    with Api(runs_code=True) as api:
        found = api.logs(instance, after, limit)
    show.emit(found, as_json, _print_logs)


@app.command()
def call(
    app_id: AppId,
    path: Annotated[str, typer.Argument(metavar="[PATH]", help="Within the app.")] = "/",
    method: Annotated[str, typer.Option("--method", "-X", metavar="METHOD")] = "GET",
    data: Annotated[str | None, typer.Option("--data", "-d", metavar="TEXT", help="The body; @FILE reads one.")] = None,
    near: Annotated[str | None, typer.Option("--near", metavar="LAT,LON", help="Where the caller is.")] = None,
    session: Annotated[str | None, typer.Option("--session", metavar="ID", help="Where this session of it is.")] = None,
    as_json: Json = False,
) -> None:
    """Call an app at its nearest instance, or where a session is, and show what it answers."""
    body = None if data is None else Path(data[1:]).read_bytes() if data.startswith("@") else data.encode()
    with Api(runs_code=True) as api:
        place = None if near is None else parse_place(near)
        answer = api.run(app_id, path, method=method, body=body, near=place, session=session)
    if as_json:
        text = answer.body.decode("utf-8", "replace")
        show.print_json({"status": answer.status, "headers": [list(each) for each in answer.headers], "body": text})
    else:
        sys.stdout.buffer.write(answer.body)
        sys.stdout.buffer.write(b"" if answer.body.endswith(b"\n") else b"\n")
        if answer.status >= 400:
            show.note(f"the app answered {answer.status}")
    if answer.status >= 400:
        raise typer.Exit(REFUSED)


def _print_version(version: dict[str, Any]) -> None:
    show.print_facts(
        [
            ("app", version["app"]),
            ("version", version["digest"]),
            ("kind", version["kind"]),
            ("bytes", f"{version['size_bytes']:,}"),
        ]
    )


def _print_logs(found: dict[str, Any]) -> None:
    rows = [(line["at"], line["stream"], line["level"], line["text"]) for line in found["items"]]
    show.print_table(("at", "from", "level", "text"), rows, empty="Nothing was said yet.")
