"""Sessions that follow devices in a chain of real processes: begun at the hub, moved between stores of two nodes, and
taken up again after the hub or a store was gone."""

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.contract.record_databases import postgresql_database
from tests.e2e.counting import asking, counting_app, upload
from tests.e2e.mesh_processes import Mesh, Process

SOUTH, NORTH = {"lat": 36.0496, "lon": -94.0}, {"lat": 36.0504, "lon": -94.0}
"""Ninety metres apart, each nearer to one of the two stores, wm-1 and wm-2."""
NODES = {"n1": ["wm-1"], "n2": ["wm-2"]}
WANTED = {"app": "acme.guide", "device": "cab-7", "position": SOUTH, "needs": {"cpu": 1}, "within_km": 25}
MOVES = 4
TAKEN_OVER_WITHIN_S = 75.0
INTERRUPTION_MAX_S = 2.0
"""What a busy machine may come to; what it does come to is printed."""


class Fleet:
    """A tenant whose only door is a hub's."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        mesh.hub.ok("POST", "/v1/tenants", {"id": "acme", "role": "tenant"})
        self.key: str = mesh.hub.ok("POST", "/v1/tenants/acme/keys")["key"]
        self.ok("POST", "/v1/apps", {"name": "guide"})
        upload(mesh.hub.port, self.key, "acme.guide", counting_app())

    def ok(self, method: str, path: str, body: Any = None, hub: Process | None = None) -> Any:
        with (hub or self.mesh.hub).client(self.key) as client:
            return client.ok(method, path, body)

    def leases(self) -> list[str]:
        return [lease["id"] for lease in self.ok("GET", "/v1/leases?state=confirmed")["items"]]

    def moved(self, address: str, where: dict[str, float], hub: Process | None = None) -> str:
        """Report until the session is at the other store; which that is."""
        former = self.ok("GET", address, hub=hub)["site"]

        sites: list[str] = []

        def is_moved() -> bool:
            with (hub or self.mesh.hub).client(self.key) as client:
                status, answer = client.call("POST", f"{address}/positions", {"positions": [where]})
            sites.append(answer["site"] if status == 200 else former)
            if sites[-1] == former:
                time.sleep(1)  # clocks tell whole seconds, and two positions of one are one
            return sites[-1] != former

        self.mesh.until("the session is at another store", is_moved, TAKEN_OVER_WITHIN_S)
        return sites[-1]


@pytest.mark.long
def test_a_session_at_a_hub_moves_between_nodes_and_nobody_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Mesh(tmp_path) as mesh:
        mesh.start_broker()
        mesh.add_hub()
        mesh.add_nodes(NODES, cpu=8, memory=8)
        fleet = Fleet(mesh)
        session = fleet.ok("POST", "/v1/sessions", {**WANTED, "dwell_s": 0, "hysteresis_km": 0})
        assert (session["site"], session["state"]) == ("wm-1", "ready")
        address = f"/v1/sessions/{session['id']}"
        stores, took_s = ["wm-1"], []
        with asking(mesh.hub.port, fleet.key, session["id"]) as asker:
            for number in range(MOVES):
                time.sleep(2.1)
                began = time.monotonic()
                stores.append(fleet.moved(address, (NORTH, SOUTH)[number % 2]))
                took_s.append(time.monotonic() - began)
            time.sleep(0.5)
        assert stores == [("wm-1", "wm-2")[number % 2] for number in range(MOVES + 1)]
        counts = [count for _, count, _ in asker.answers]
        assert counts == list(range(1, len(counts) + 1)), "no request is counted twice, none is lost"
        gaps_ms = sorted(1_000 * gap for gap in asker.interruptions_s())
        with capsys.disabled():
            told = {
                "requests": len(counts),
                "interruptions_ms": [round(gap, 1) for gap in gaps_ms],
                "moves_s": [round(took, 2) for took in took_s],
            }
            print(f"\n{json.dumps(told)}")
        assert len(gaps_ms) == MOVES
        assert gaps_ms[-1] < 1_000 * INTERRUPTION_MAX_S
        here = fleet.ok("GET", address)
        assert fleet.leases() == [here["instance"]]
        assert [each["id"] for each in fleet.ok("GET", "/v1/sessions")["items"]] == [session["id"]]
        mesh.until("its log says where it was", lambda: "came here from wm-2" in _log(fleet, here["instance"]))

        # The hub is killed: the instance runs on in its store, and the session is where it was.
        mesh.hub.kill()
        mesh.hub.start()
        mesh.until("the session is served again", lambda: fleet.ok("GET", address)["state"] == "ready")
        with asking(mesh.hub.port, fleet.key, session["id"]) as asker:
            time.sleep(0.5)
        assert asker.answers[0][1] == len(counts) + 1
        asked = asker.answers[-1][1]

        # Its store is killed and comes back: what it kept is there.
        mesh.nodes["n1"].kill()
        mesh.until("its store is out of reach", lambda: fleet.ok("GET", address)["state"] == "unknown")
        mesh.nodes["n1"].start()
        mesh.until("its store is back", lambda: fleet.ok("GET", address)["state"] == "ready")
        assert fleet.moved(address, NORTH) == "wm-2"
        with asking(mesh.hub.port, fleet.key, session["id"]) as asker:
            time.sleep(0.2)
        assert asker.answers[0][1:] == (asked + 1, "wm-2")

        fleet.ok("DELETE", address)
        mesh.until("its lease is given back", lambda: fleet.leases() == [])


@pytest.mark.long
def test_a_session_whose_hub_is_gone_is_taken_over_by_the_other(tmp_path: Path) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(postgresql_database())
        mesh = stack.enter_context(Mesh(tmp_path))
        mesh.start_broker()
        for name in ("hub", "other"):
            mesh.add_hub(name, MAILLAGE_DATABASE_URL=url)
        mesh.add_nodes(NODES, cpu=8, memory=8)
        first, second = mesh.hubs
        mesh.reached(hub=second)
        fleet = Fleet(mesh)
        with second.client(fleet.key) as client:
            mesh.until("the other hub knows the key", lambda: client.call("GET", "/v1/apps/acme.guide")[0] == 200)
        upload(second.port, fleet.key, "acme.guide", counting_app())  # bytes are at the hubs where they were uploaded
        session = fleet.ok("POST", "/v1/sessions", {**WANTED, "dwell_s": 0, "hysteresis_km": 0})
        address = f"/v1/sessions/{session['id']}"
        with asking(first.port, fleet.key, session["id"]) as asker:
            time.sleep(0.5)
        asked = asker.answers[-1][1]

        # Seen everywhere; moved, and let through, by the hub that keeps it alone.
        seen = lambda: fleet.ok("GET", address, hub=second)  # noqa: E731
        mesh.until("the other hub sees it", lambda: (seen()["site"], seen()["state"]) == ("wm-1", "ready"))
        with second.client(fleet.key) as client:
            status, problem = client.call("POST", f"{address}/positions", {"positions": [NORTH]})
            assert (status, problem["type"]) == (503, "/problems/session-elsewhere"), problem
            again = client.call("POST", "/v1/sessions", WANTED)
            assert (again[0], again[1]["type"]) == (409, "/problems/already-exists"), again

        first.kill()
        assert fleet.moved(address, NORTH, second) == "wm-2"
        with asking(second.port, fleet.key, session["id"]) as asker:
            time.sleep(0.2)
        assert asker.answers[0][1:] == (asked + 1, "wm-2")

        # The first one comes back and has lost it.
        first.start()
        mesh.reached(hub=first)
        with first.client(fleet.key) as client:
            status, problem = client.call("DELETE", address)
            assert (status, problem["type"]) == (503, "/problems/session-elsewhere"), problem
        fleet.ok("DELETE", address, hub=second)
        mesh.until("its lease is given back", lambda: fleet.leases() == [])


def _log(fleet: Fleet, instance: str) -> str:
    return " ".join(line["text"] for line in fleet.ok("GET", f"/v1/instances/{instance}/logs")["items"])
