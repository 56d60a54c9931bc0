"""What clients know of a chain: every acknowledged lease, every ask without an answer; and the sums, done plainly."""

import threading
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.e2e.server import Client

OVER = ("released", "reclaimed", "expired", "ended")


class Books:
    """Kept by many threads at once. ``unanswered`` maps the keys of asks whose fate is unknown to their bodies."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self.leases: dict[str, dict[str, Any]] = {}
        self.granted: dict[str, tuple[dict[str, Any], str]] = {}
        self.unanswered: dict[str, dict[str, Any]] = {}
        self.confirmed: set[str] = set()
        self.released: set[str] = set()
        self.moving: set[str] = set()

    def asking(self, key: str, body: dict[str, Any]) -> None:
        with self._guard:
            self.unanswered[key] = body

    def answered(self, key: str, body: dict[str, Any], status: int, document: dict[str, Any]) -> None:
        """A definite answer to an ask: a lease, or a refusal by capacity."""
        assert status in (201, 409), f"a right ask was answered {status}: {document}"
        with self._guard:
            self.unanswered.pop(key, None)
            if status == 201:
                known = self.granted.get(key)
                assert known is None or known[1] == document["id"], f"{key} gave {known} and then {document['id']}"
                self.granted[key] = (body, document["id"])
                self.leases.setdefault(document["id"], document)

    def compare(self, listed: dict[str, dict[str, Any]]) -> list[str]:
        """What is wrong with the server's own list, in words."""
        faults = []
        for lease_id, seen in self.leases.items():
            lease = listed.get(lease_id)
            if lease is None:
                faults.append(f"{lease_id} was acknowledged and is gone")
                continue
            over = lease["state"] in OVER
            for name in ("tenant", "site", "needs", "start", "end", "class", "price"):
                if lease[name] != seen[name] and not (over and name in ("end", "price")):
                    faults.append(f"{lease_id}: {name} was {seen[name]} and is {lease[name]}")
            if lease["state"] not in self._may_be(lease_id, seen):
                faults.append(f"{lease_id} is {lease['state']}")
        strangers = len(listed.keys() - self.leases.keys())
        if strangers > len(self.unanswered):
            faults.append(
                f"{strangers} leases that nobody was told of, from {len(self.unanswered)} asks without answer"
            )
        return faults

    def _may_be(self, lease_id: str, seen: dict[str, Any]) -> set[str]:
        if lease_id in self.released:
            return {"released"}
        may = {"confirmed"} if lease_id in self.confirmed else {str(seen["state"])}
        if lease_id in self.moving:  # a step was asked for, and its answer never came
            may |= {"confirmed", "released"}
        if seen["class"] == "spot":
            may.add("reclaimed")
        return may


def all_leases(client: Client) -> dict[str, dict[str, Any]]:
    """The server's own list, page by page."""
    found: dict[str, dict[str, Any]] = {}
    cursor = ""
    while True:
        page = client.ok("GET", f"/v1/leases?limit=500{cursor}")
        for lease in page["items"]:
            assert lease["id"] not in found, f"{lease['id']} is listed twice"
            found[lease["id"]] = lease
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


def oversold(listed: dict[str, dict[str, Any]], sizes: dict[str, int]) -> list[str]:
    """Where the active leases of a pool come to more than its size at any instant: every edge, added up."""
    edges: dict[tuple[str, str], list[tuple[datetime, Decimal]]] = {}
    for lease in listed.values():
        if lease["state"] in ("held", "confirmed"):
            for kind, quantity in lease["needs"].items():
                pool = edges.setdefault((lease["site"], kind), [])
                pool.append((datetime.fromisoformat(lease["start"]), Decimal(str(quantity))))
                pool.append((datetime.fromisoformat(lease["end"]), -Decimal(str(quantity))))
    faults = []
    for (site, kind), changes in edges.items():
        level = Decimal(0)
        for at, change in sorted(changes):  # at one instant what ends comes before what begins
            level += change
            if level > sizes[kind]:
                faults.append(f"{site} has {level} of {sizes[kind]} {kind} leased at {at}")
    return faults
