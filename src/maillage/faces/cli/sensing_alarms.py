"""``sensing alarms``: what is wrong in the stores, and what people do about it."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import Api, path
from maillage.faces.cli.options import LIMIT_DEFAULT, All, Cursor, Json, Limit, Site

alarms_app = typer.Typer(
    no_args_is_help=True,
    help="Alarms of the cold chain: list, show, acknowledge, snooze, downgrade, action, verify, plan, set-plan.",
)

AlarmId = Annotated[str, typer.Argument(metavar="ALARM", help="The alarm's id, as 'alarms list' shows it.")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who does it.")]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="What there is to say about it.")]
SiteId = Annotated[str, typer.Argument(metavar="SITE")]


@alarms_app.command("list")
def list_alarms(
    site: Site = None,
    state: Annotated[
        str,
        typer.Option(
            "--state",
            metavar="STATE",
            help="open (all that are not cleared), raised, acknowledged, corrected, recovered, cleared, verified, any.",
        ),
    ] = "open",
    unit: Annotated[str | None, typer.Option("--unit", metavar="UNIT", help="Only this freezer, this room.")] = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """Alarms, the newest first; those that are open unless told otherwise."""
    wanted = {"site": site, "state": None if state == "any" else state, "unit": unit}
    with Api(devices=True) as api:
        answer = api.page(path("alarms"), wanted, limit, cursor, everything)
    show.emit(answer, as_json, _print_alarms)


@alarms_app.command("show")
def show_alarm(alarm: AlarmId, as_json: Json = False) -> None:
    """One alarm, its history, and who was told of it."""
    with Api(devices=True) as api:
        answer = api.call("GET", path("alarms", alarm))
    show.emit(answer, as_json, _print_alarm)


@alarms_app.command()
def acknowledge(alarm: AlarmId, by: By, note: Note = "", as_json: Json = False) -> None:
    """Say that it was seen: nobody is paged any more."""
    _act(alarm, "acknowledge", {"by": by, "note": note}, as_json)


@alarms_app.command()
def snooze(
    alarm: AlarmId,
    by: By,
    minutes: Annotated[int, typer.Option("--minutes", min=1, max=240, help="For so long.")] = 30,
    note: Note = "",
    as_json: Json = False,
) -> None:
    """Page nobody for a while; then whoever was told last is told again."""
    import time

    from maillage.kernel.times import format_time

    until = format_time(int(time.time()) + 60 * minutes)
    _act(alarm, "snooze", {"by": by, "note": note, "until": until}, as_json)


@alarms_app.command()
def downgrade(
    alarm: AlarmId,
    by: By,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why.")],
    as_json: Json = False,
) -> None:
    """Have what is critical by its rule be a warning."""
    _act(alarm, "downgrade", {"by": by, "note": note}, as_json)


@alarms_app.command()
def action(
    alarm: AlarmId,
    by: By,
    text: Annotated[str, typer.Option("--text", metavar="TEXT", help="What was done.")],
    disposition: Annotated[
        str,
        typer.Option("--product", metavar="WHAT", help="What became of it: kept, moved, reworked, discarded, or none."),
    ],
    quantity: Annotated[str, typer.Option("--quantity", metavar="TEXT", help="How much of it.")] = "",
    lot: Annotated[str, typer.Option("--lot", metavar="TEXT", help="Which lot.")] = "",
    as_json: Json = False,
) -> None:
    """Record the corrective action; without it nothing clears."""
    body = {"by": by, "text": text, "disposition": disposition, "quantity": quantity, "lot": lot}
    _act(alarm, "action", body, as_json)


@alarms_app.command()
def verify(
    alarm: AlarmId,
    by: By,
    role: Annotated[str, typer.Option("--role", metavar="TEXT", help="In which role, such as 'store manager'.")],
    note: Note = "",
    as_json: Json = False,
) -> None:
    """Vouch for what was done about an alarm that is cleared."""
    _act(alarm, "verify", {"by": by, "role": role, "note": note}, as_json)


@alarms_app.command("plan")
def show_plan(site: SiteId, as_json: Json = False) -> None:
    """Who is told of a site's alarms, and when."""
    with Api(devices=True) as api:
        answer = api.call("GET", path("sites", site, "escalation"))
    show.emit(answer, as_json, _print_plan)


@alarms_app.command("set-plan")
def set_plan(
    site: SiteId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON: steps, contacts, shifts, ...")],
    as_json: Json = False,
) -> None:
    """Have others told of a site's alarms, from now on.

    The secrets by which receivers verify webhooks are shown.
    """
    try:
        plan = json.loads(file.read_text("utf-8"))
    except ValueError as fault:
        raise typer.BadParameter(f"{file} is no JSON: {fault}", param_hint="'FILE'") from None
    with Api(devices=True) as api:
        answer = api.call("PUT", path("sites", site, "escalation"), json=plan)
    show.emit(answer, as_json, _print_plan)


def _act(alarm: str, verb: str, body: dict[str, Any], as_json: bool) -> None:
    with Api(devices=True) as api:
        answer = api.call("POST", path("alarms", alarm, verb), json=body)
    show.emit(answer, as_json, lambda document: show.say(_headline(document)))


def _headline(alarm: dict[str, Any]) -> str:
    return f"{alarm['id']} {alarm['state']}: {alarm['level']}, {alarm['site']} {alarm['unit']}, {alarm['text']}"


def _print_alarms(answer: dict[str, Any]) -> None:
    rows = [
        (one["id"], one["state"], one["level"], one["site"], one["unit"], one["raised_at"], one["text"])
        for one in answer["items"]
    ]
    show.print_table(("id", "state", "level", "site", "unit", "raised at", "what"), rows, empty="No alarm.")
    show.note_more(answer)


def _print_alarm(alarm: dict[str, Any]) -> None:
    show.say(_headline(alarm), "bold")
    done, seen, checked = alarm["action"], alarm["acknowledged"], alarm["verified"]
    facts = [
        ("incident", alarm["incident"]),
        ("device", alarm["device"]),
        ("limit", None if alarm["limit"] is None else f"{alarm['measure']} {alarm['side']} {alarm['limit']:g}"),
        ("at worst", alarm["extreme"]),
        ("last", None if alarm["last"] is None else f"{alarm['last']:g} at {alarm['last_at']}"),
        ("exposure", None if alarm["exposure_min"] is None else f"{alarm['exposure_min']:g} min"),
        ("began", alarm["began_at"]),
        ("recovered", alarm["recovered_at"]),
        ("snoozed until", alarm["snoozed_until"]),
        ("acknowledged", None if seen is None else f"by {seen['by']} at {seen['at']}"),
        ("action", None if done is None else f"{done['text']} (product {done['disposition']}), by {done['by']}"),
        ("cleared", alarm["cleared_at"]),
        ("verified", None if checked is None else f"by {checked['by']}, {checked['role']}, at {checked['at']}"),
    ]
    show.print_facts(facts)
    show.say("")
    steps = [(step["at"], step["what"], step["by"], step["note"]) for step in alarm["history"]]
    show.print_table(("at", "what", "by", "note"), steps)
    told = [
        (one["contact"], one["channel"], one["state"], one["attempts"], one["next_at"], one["reason"])
        for one in alarm["deliveries"]
    ]
    if told:
        show.say("")
        show.print_table(("told", "by", "state", "attempts", "again at", "reason"), told, right=("attempts",))


def _print_plan(plan: dict[str, Any]) -> None:
    if not plan["set"]:
        show.note("Nobody set a plan; this one holds where there is none.")
    rows = [
        (f"{step['after_s']} s", ", ".join(step["to"]), step["shift"] or "any", step["severity"])
        for step in plan["steps"]
    ]
    show.print_table(("after", "told", "shift", "from severity"), rows)
    contacts = [(name, one.get("email") or one.get("webhook")) for name, one in plan["contacts"].items()]
    if contacts:
        show.say("")
        show.print_table(("contact", "at"), contacts)
    for name, secret in (plan["secrets"] or {}).items():
        show.print_facts([(f"secret of {name}", secret)])
