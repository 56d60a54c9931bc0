"""``webhook``: addresses that are told what happens."""

from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.failures import REFUSED
from maillage.faces.cli.options import LIMIT_DEFAULT, All, Cursor, Json, Limit, Tenant

app = typer.Typer(
    no_args_is_help=True,
    help="Addresses that are told what happens: create, list, show, rotate, delete, test, dead, replay, enable.",
)

Id = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id.")]


@app.command()
def create(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to send; https.")],
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only events of this type, * at its end for all that begin so."),
    ] = None,
    tenant: Annotated[
        str | None, typer.Option("--tenant", metavar="ID", help="For this tenant's leases, by an operator.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Register an address; its secret is shown once."""
    body: dict[str, Any] = {"url": url}
    if types:
        body["types"] = types
    if tenant is not None:
        body["tenant"] = tenant
    with Api() as api:
        answer = api.call("POST", path("webhooks"), json=body)
    show.emit(answer, as_json, _print_secret)


@app.command("list")
def list_webhooks(tenant: Tenant = None, as_json: Json = False) -> None:
    """All webhooks, the oldest first."""
    with Api() as api:
        answer = api.call("GET", path("webhooks"), params={"tenant": tenant})
    show.emit(answer, as_json, _print_webhooks)


@app.command("show")
def show_webhook(webhook: Id, as_json: Json = False) -> None:
    """One webhook, and how it is doing."""
    with Api() as api:
        answer = api.call("GET", path("webhooks", webhook))
    show.emit(answer, as_json, _print_webhook)


@app.command()
def rotate(webhook: Id, as_json: Json = False) -> None:
    """A new secret; the former one signs too for a day."""
    with Api() as api:
        answer = api.call("POST", path("webhooks", webhook, "rotate"))
    show.emit(answer, as_json, _print_secret)


@app.command()
def delete(webhook: Id, as_json: Json = False) -> None:
    """Forget a webhook, and what was to be delivered to it."""
    with Api() as api:
        api.call("DELETE", path("webhooks", webhook))
    show.emit({"id": webhook, "deleted": True}, as_json, lambda _: show.say(f"{webhook} is told nothing any more"))


@app.command()
def test(webhook: Id, as_json: Json = False) -> None:
    """Send a made-up event now.

    Ends with 1 where it was not taken.
    """
    with Api() as api:
        answer = api.call("POST", path("webhooks", webhook, "test"))
    show.emit(answer, as_json, _print_test)
    if not answer["delivered"]:
        raise typer.Exit(REFUSED)


@app.command()
def dead(
    webhook: Id,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """Events that were given up, each with the reason."""
    with Api() as api:
        answer = api.page(path("webhooks", webhook, "dead"), {}, limit, cursor, everything)
    show.emit(answer, as_json, _print_dead)


@app.command()
def replay(
    webhook: Id,
    ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="ID", help="Only this dead letter, as 'webhook dead' names it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Try dead letters again, all unless some are named."""
    with Api() as api:
        answer = api.call("POST", path("webhooks", webhook, "replay"), json={"ids": ids or None})
    show.emit(answer, as_json, lambda done: show.say(f"{done['replayed']:,} on their way again"))


@app.command()
def enable(webhook: Id, as_json: Json = False) -> None:
    """Send again to a webhook that was disabled."""
    with Api() as api:
        answer = api.call("POST", path("webhooks", webhook, "enable"))
    show.emit(answer, as_json, _print_webhook)


def _print_secret(answer: dict[str, Any]) -> None:
    former = answer.get("former_until")
    show.print_facts([("id", answer["id"]), ("secret", answer["secret"]), ("former signs until", former)])
    show.note("The secret is shown only this once: give it to the receiver.")


def _print_webhooks(answer: dict[str, Any]) -> None:
    rows = [(one["id"], one["tenant"], one["state"], one["url"], ", ".join(one["types"])) for one in answer["items"]]
    show.print_table(("id", "tenant", "state", "url", "types"), rows, empty="No webhook.")


def _print_webhook(answer: dict[str, Any]) -> None:
    facts = [(name.replace("_", " "), value) for name, value in answer.items() if name != "types"]
    show.print_facts([*facts, ("types", ", ".join(answer["types"]))])


def _print_test(answer: dict[str, Any]) -> None:
    if answer["delivered"]:
        show.say(f"taken: it answered {answer['status']}")
    else:
        show.say(f"not taken: {answer['reason']}")


def _print_dead(answer: dict[str, Any]) -> None:
    rows = [
        (letter["id"], letter["event"]["type"], letter["event"]["subject"], letter["attempts"], letter["reason"])
        for letter in answer["items"]
    ]
    columns = ("id", "type", "subject", "attempts", "reason")
    show.print_table(columns, rows, right=("attempts",), empty="No dead letter.")
    show.note_more(answer)
