"""The log of a period as an inspector reads it: limits, excursions with who did what, checks, signatures."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from maillage.kernel.times import format_time
from maillage.services.sensing.coldchain.haccp.entry import Entry


@dataclass
class Excursion:
    """One alarm, gathered from its entries in the period; texts are empty where nothing is said."""

    alarm: str
    unit: str
    device: str
    began: str = ""
    ended: str = ""
    limit: str = ""
    extreme: str = ""
    lasted_s: int | None = None
    exposure_s: int | None = None
    level: str = ""
    text: str = ""
    acts: list[str] = field(default_factory=list)


@dataclass
class Summary:
    """``seq`` and ``head`` are of the last entry of the period."""

    limits: dict[tuple[str, str], Entry] = field(default_factory=dict)
    excursions: dict[str, Excursion] = field(default_factory=dict)
    checks: list[Entry] = field(default_factory=list)
    signatures: list[Entry] = field(default_factory=list)
    entries: int = 0
    first: int = 0
    seq: int = 0
    head: str = ""


_ACTS = {
    "alarm_acknowledged": "acknowledged",
    "alarm_snoozed": "snoozed",
    "alarm_downgraded": "downgraded",
    "corrective_action": "action",
    "verification": "verified",
}


def summarised(entries: Iterable[Entry], start: int) -> Summary:
    """What the entries from ``start`` on add up to; limits that were set before still hold."""
    found = Summary()
    for entry in entries:
        if entry.kind == "limits_set":
            found.limits[str(entry.data["profile"]), str(entry.data.get("rule", ""))] = entry
        if entry.at < start:
            continue
        found.entries += 1
        found.first = found.first or entry.seq
        found.seq, found.head = entry.seq, entry.hash
        if entry.kind in ("manual_check", "calibration"):
            found.checks.append(entry)
        elif "alarm" in entry.data:
            _add(found, entry)
    return found


def _add(found: Summary, entry: Entry) -> None:
    alarm = str(entry.data["alarm"])
    one = found.excursions.get(alarm)
    if one is None:
        one = found.excursions[alarm] = Excursion(alarm, entry.unit, entry.device, text=entry.text)
    data = entry.data
    if entry.kind in ("alarm_raised", "alarm_raised_again"):
        one.text, one.level = entry.text, str(data["level"])
        one.began = one.began or str(data["began"])
        if entry.kind == "alarm_raised_again":
            one.acts.append(f"raised again at {data['raised']}")
    if entry.kind in ("excursion_start", "excursion_end"):
        one.limit = f"{data['side']} {data['limit']}"
        one.began = one.began or str(data["began"])
    if entry.kind in ("excursion_end", "alarm_recovered"):
        one.ended = str(data["ended"])
        one.extreme = str(data.get("extreme", ""))
        one.lasted_s, one.exposure_s = _number(data.get("lasted_s")), _number(data.get("exposure_s"))
    if entry.kind in _ACTS:
        one.acts.append(_told(entry))
    if entry.kind == "verification":
        found.signatures.append(entry)


def _told(entry: Entry) -> str:
    told = f"{_ACTS[entry.kind]} by {entry.by} at {format_time(entry.at)}"
    if entry.kind == "corrective_action":
        product = str(entry.data["disposition"])
        lot = [f"{name} {entry.data[name]}" for name in ("quantity", "lot") if name in entry.data]
        return f"{told}: {entry.data.get('note', '')} (product: {', '.join([product, *lot])})"
    note = entry.data.get("note")
    return f"{told}: {note}" if note else told


def _number(value: str | int | None) -> int | None:
    return value if isinstance(value, int) else None
