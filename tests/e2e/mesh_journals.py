"""Journals of a mesh, read as they lie in the folders and by none of the code that wrote them."""

import json
import sqlite3
from collections import defaultdict
from pathlib import Path
from typing import Any

from maillage.verify import check
from tests.e2e.mesh_clients import Clients
from tests.e2e.mesh_processes import Mesh, Process

Event = dict[str, Any]
ENDED_WITHIN_S = 70.0
"""After so long an ask of several sites whose hub died under way is finished or undone."""
OVER = ("released", "expired", "reclaimed", "ended", "voided")


def events_in(folder: Path) -> dict[str, list[Event]]:
    """All events of a folder's journal, by site."""
    found: dict[str, list[Event]] = defaultdict(list)
    database = sqlite3.connect(f"{(folder / 'journal.db').resolve().as_uri()}?mode=ro", uri=True)
    try:
        for (body,) in database.execute("SELECT events FROM batches ORDER BY pos"):
            for event in json.loads(body):
                found[event["site"]].append(event)
    finally:
        database.close()
    return dict(found)


def live_leases(events: dict[str, list[Event]]) -> dict[str, Event]:
    """What was leased and is not over, by the lease's id."""
    live: dict[str, Event] = {}
    for of_site in events.values():
        for event in of_site:
            if event["type"] == "leased":
                live[event["lease"]] = event
            elif event["type"] in OVER and event.get("lease") is not None:
                live.pop(event["lease"], None)
    return live


def owners_events(mesh: Mesh) -> dict[str, list[Event]]:
    """What the nodes have in their journals, by site."""
    found: dict[str, list[Event]] = {}
    for node in mesh.nodes.values():
        found |= events_in(node.folder)
    return found


def difference(hub: Process, owned: dict[str, list[Event]]) -> str:
    """In which site, and from which event on, the hub's mirror is not what the owners have; empty where it is."""
    mirrored = events_in(hub.folder)
    for site, events in owned.items():
        seen = mirrored.get(site, [])
        if seen != events:
            at = next((n for n, pair in enumerate(zip(seen, events, strict=False)) if pair[0] != pair[1]), None)
            return f"{site}: {len(seen)} of {len(events)} events, and the first that differs is {at}"
    return ""


def await_equal(mesh: Mesh, within_s: float = 40.0) -> float:
    """Wait until each hub's mirror equals the stores event for event; after how many seconds it did."""
    seen = [""]

    def equal() -> bool:
        owned = owners_events(mesh)
        seen[0] = "; ".join(filter(None, (difference(hub, owned) for hub in mesh.hubs if hub.is_running)))
        return not seen[0]

    try:
        return mesh.until("hub and stores have the same events", equal, within_s)
    except AssertionError as failure:
        raise AssertionError(f"{seen[0]}\n{failure}") from None


def assert_verified(*folders: Path) -> None:
    """The checker finds no fault in any of these."""
    for folder in folders:
        report = check(folder)
        assert report.ok, f"{folder}: {[str(fault) for fault in report.faults[:5]]}"


def starts_twice(owned: dict[str, list[Event]], clients: Clients) -> list[str]:
    """Asks of which more is leased than was asked for, or of several sites some but not all: each in words."""
    by_start: dict[int, list[str]] = defaultdict(list)
    for lease, event in live_leases(owned).items():
        by_start[event["start"]].append(lease)
    faults = []
    for start, leases in by_start.items():
        asked = clients.asked.get(start)
        if asked is None:
            continue
        if len(leases) != (len(asked.body["sites"]) if asked.several else 1):
            faults.append(f"{asked.key} has the live leases {leases}; it was answered {asked.leases}")
    return faults


def lost(owned: dict[str, list[Event]], clients: Clients) -> list[str]:
    """Acknowledged leases that their owners do not have, and released ones that live: each in words."""
    live = live_leases(owned)
    faults = []
    for asked in clients.asked.values():
        for lease in asked.leases or []:
            if asked.released is False and lease not in live:
                faults.append(f"{asked.key} was given {lease}, which is gone")
            if asked.released is True and lease in live:
                faults.append(f"{asked.key} gave {lease} back, and it lives")
    return faults


def assert_promises_kept(mesh: Mesh, clients: Clients) -> None:
    """Whatever the clients were told is so, nothing was granted twice, all mirrors are equal, and the books add up."""
    assert clients.statuses[500] == 0, clients.statuses
    what = "no ask has more than it was granted, or of several sites only some"
    seen: list[list[str]] = [[]]

    def once() -> bool:
        seen[0] = starts_twice(owners_events(mesh), clients)
        return not seen[0]

    try:
        mesh.until(what, once, ENDED_WITHIN_S)
    except AssertionError as failure:
        raise AssertionError(f"{seen[0][:5]}\n{failure}") from None
    await_equal(mesh)
    faults = lost(owners_events(mesh), clients)
    assert not faults, f"{faults[:5]}\n{mesh.told()}"
    assert_verified(*(process.folder for process in mesh.processes))
