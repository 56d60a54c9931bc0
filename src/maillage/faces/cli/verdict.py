"""What a check of a data folder found, as ``verify`` and ``restore`` tell it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maillage.faces.cli import show

if TYPE_CHECKING:
    from maillage.verify import Report

FAULTS_SHOWN = 50


HOLDINGS = "holdings"
"""The folder in a hub's folder that has the ledger of what the hub holds in the stores."""


def verified(folder: Path) -> dict[str, Any]:
    """Check a data folder, a hub's with its holdings, and say what was found. Invalid where there is no journal to
    check."""
    verdict = _checked(folder)
    if (folder / HOLDINGS).is_dir():
        verdict[HOLDINGS] = _checked(folder / HOLDINGS)
        verdict["ok"] = verdict["ok"] and verdict[HOLDINGS]["ok"]
    return verdict


def _checked(folder: Path) -> dict[str, Any]:
    from maillage.kernel.errors import Invalid
    from maillage.verify import check

    try:
        with show.progress("events") as bars:
            task = bars.add_task("checking", total=None)
            report = check(folder, lambda done, total: bars.update(task, completed=done, total=total))
    except FileNotFoundError as fault:
        raise Invalid("folder", str(fault)) from None
    return _verdict(folder, report)


def _verdict(folder: Path, report: "Report") -> dict[str, Any]:
    from maillage.kernel.quantities import from_micro, from_thousandths

    return {
        "folder": str(folder),
        "ok": report.ok,
        "events": report.events,
        "sites": report.sites,
        "pools": report.pools,
        "leases": report.leases,
        "first_at": _instant(report.first_at),
        "last_at": _instant(report.last_at),
        "charged": {tenant: from_micro(micro) for tenant, micro in sorted(report.charged_micro.items())},
        "credited": {tenant: from_micro(micro) for tenant, micro in sorted(report.credited_micro.items())},
        "measured": {
            month: {meter: from_thousandths(amount) for meter, amount in sorted(meters.items())}
            for month, meters in sorted(report.measured.items())
        },
        "faults_total": report.faults_total,
        "faults": [
            {"kind": fault.kind, "event": fault.pos, "site": fault.site, "number": fault.seq, "text": fault.text}
            for fault in report.faults
        ],
    }


def _instant(second: int | None) -> str | None:
    """RFC 3339; as a bare number where a damaged journal states what no calendar has."""
    if second is None:
        return None
    try:
        return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(second)


def print_verdict(verdict: dict[str, Any]) -> None:
    """For people: what was looked at, the sums, and each fault."""
    _print_checked(verdict)
    if HOLDINGS in verdict:
        show.say("")
        _print_checked(verdict[HOLDINGS])
    if verdict["ok"]:
        show.say("")
        show.say("No fault: nothing was oversold at any instant, and the books add up.", "bold green")


def _print_checked(verdict: dict[str, Any]) -> None:
    show.print_facts(
        [
            ("folder", verdict["folder"]),
            ("events", f"{verdict['events']:,}"),
            ("sites", f"{verdict['sites']:,}"),
            ("pools", f"{verdict['pools']:,}"),
            ("leases", f"{verdict['leases']:,}"),
            ("from", verdict["first_at"]),
            ("to", verdict["last_at"]),
        ]
    )
    tenants = sorted({*verdict["charged"], *verdict["credited"]})
    if tenants:
        show.say("")
        rows = [(who, verdict["charged"].get(who, "0.00"), verdict["credited"].get(who, "0.00")) for who in tenants]
        show.print_table(("tenant", "charged", "credited"), rows, right=("charged", "credited"))
    if verdict["measured"]:
        show.say("")
        show.print_table(
            ("month", "measured"), [(month, show.needs_text(meters)) for month, meters in verdict["measured"].items()]
        )
    if not verdict["faults_total"]:
        return
    show.say("")
    faults = verdict["faults"][:FAULTS_SHOWN]
    lines = [(fault["kind"], fault["event"], fault["site"], fault["number"], fault["text"]) for fault in faults]
    show.print_table(("fault", "event", "site", "number", "what is wrong"), lines, right=("event", "number"))
    more = verdict["faults_total"] - len(faults)
    count = "1 fault" if verdict["faults_total"] == 1 else f"{verdict['faults_total']:,} faults"
    show.say(count + (f", {more:,} of them not shown" if more else ""), "bold red")
