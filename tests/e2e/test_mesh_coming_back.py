"""Processes that come back by themselves, that are stopped under load, and that never come back and are replaced."""

import shutil
import time
from pathlib import Path

import pytest

from tests.e2e.mesh_clients import Clients
from tests.e2e.mesh_journals import assert_promises_kept, assert_verified, await_equal, events_in, live_leases
from tests.e2e.mesh_processes import Mesh, Process
from tests.e2e.mesh_secured import SecuredMesh

STOPPED_WITHIN_S = 10.0
LEASE = {"needs": {"cpu": 1}, "site": "wm-1"}


@pytest.mark.long
def test_a_node_comes_back_by_itself_and_catches_up_when_hub_and_broker_do(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        mesh.start_broker()
        mesh.add_hub()
        mesh.add_nodes({"n1": ["wm-1", "wm-2"]}, cpu=50)
        node = mesh.nodes["n1"]
        with Clients(mesh, mesh.hubs, ["wm-1", "wm-2"], several=0) as clients:
            clients.go_on()
            node.kill()
            mesh.hub.kill()
            mesh.broker.kill()
            clients.finish(0)
        before = set(live_leases(events_in(node.folder)))
        assert len(before) > 20

        node.start()
        with node.client() as here:
            assert {lease["id"] for lease in here.ok("GET", "/v1/leases?state=confirmed&limit=1000")["items"]} == before
            first = here.ok("POST", "/v1/leases", LEASE, Idempotency_Key="alone")
            assert here.ok("POST", "/v1/leases", LEASE, Idempotency_Key="alone")["id"] == first["id"]
            gone = before.pop()
            assert here.ok("POST", f"/v1/leases/{gone}/release")["state"] == "released"
        node.kill()
        node.start()
        assert node.ok("POST", "/v1/leases", LEASE, Idempotency_Key="alone")["id"] == first["id"]

        mesh.hub.begin()
        mesh.broker.start()
        mesh.hub.listening()
        mesh.reached()
        assert mesh.hub.ok("GET", f"/v1/leases/{first['id']}")["state"] == "confirmed"
        for asked in clients.asked.values():
            if gone in (asked.leases or []):
                asked.released = True
        assert_promises_kept(mesh, clients)


@pytest.mark.long
def test_a_stop_under_load_loses_nothing_and_takes_no_long(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        mesh.start_broker()
        mesh.add_hub()
        mesh.add_nodes({"n1": ["wm-1", "wm-2"], "n2": ["wm-3"]}, cpu=20)
        with Clients(mesh, mesh.hubs, ["wm-1", "wm-2", "wm-3"]) as clients:
            for process in (mesh.hub, mesh.nodes["n1"], mesh.hub):
                clients.go_on()
                stop(process)
                process.start()
            clients.go_on()
            mesh.broker.stop()
            stop(mesh.nodes["n2"])
            stop(mesh.hub)
            mesh.broker.start()
            mesh.nodes["n2"].start()
            mesh.hub.start()
            clients.go_on()
            clients.finish(5)
        mesh.reached()
        assert_promises_kept(mesh, clients)


def stop(process: Process) -> None:
    """SIGTERM, and a proper end within the time that an operator's tools give it."""
    began = time.monotonic()
    process.terminate()
    code = process.ended()
    took = time.monotonic() - began
    assert code == 0, f"{process.name} ended with {code}\n{process.tail()}"
    assert took < STOPPED_WITHIN_S, f"{process.name} took {took:.1f} s to end\n{process.tail()}"
    assert "Traceback" not in process.log, process.tail()


@pytest.mark.long
def test_a_dead_node_is_replaced_and_its_ghost_is_not_believed(tmp_path: Path) -> None:
    with SecuredMesh(tmp_path) as mesh:
        mesh.start_secured()
        mesh.add_nodes({"n1": ["wm-1"], "n2": ["wm-2"]}, cpu=8)
        kept = [mesh.hub.ok("POST", "/v1/leases", LEASE, Idempotency_Key=f"k{n}")["id"] for n in range(3)]
        mesh.hub.ok("POST", f"/v1/leases/{kept[2]}/release")
        await_equal(mesh)
        dead = mesh.nodes.pop("n1")
        dead.kill()
        past = events_in(dead.folder)
        ghost = Process("ghost", tmp_path / "ghost", dead.words)
        shutil.move(dead.folder, ghost.folder)

        new = mesh.node("n3", "wm-1").start()
        mesh.reached("n3")
        assert mesh.states()["n1"]["revoked"]
        mesh.until("the new node has the past of wm-1", lambda: events_in(new.folder) == past)
        assert {lease["id"]: lease["state"] for lease in new.ok("GET", "/v1/leases")["items"]} == {
            kept[0]: "confirmed",
            kept[1]: "confirmed",
            kept[2]: "released",
        }
        again = mesh.hub.ok("POST", "/v1/leases", LEASE, Idempotency_Key="k1")
        assert again["id"] == kept[1], "the keys came over too"
        assert mesh.hub.call("POST", "/v1/leases", LEASE | {"needs": {"cpu": 7}})[0] == 409
        more = mesh.hub.ok("POST", "/v1/leases", LEASE | {"needs": {"cpu": 6}})

        mesh.broker.reload(mesh.config())
        mesh.nodes["ghost"] = ghost.start()
        mesh.until("the ghost is turned away", lambda: "uthorization" in ghost.log)
        told = ghost.ok("POST", "/v1/leases", LEASE | {"needs": {"cpu": 2}})
        assert told["id"] == more["id"], "it goes on counting from the same past"
        ghost.kill()
        del mesh.nodes["ghost"]
        assert mesh.hub.ok("GET", f"/v1/leases/{more['id']}")["needs"] == {"cpu": 6}, "and nobody believes it"
        mesh.reached("n2", "n3")
        await_equal(mesh)
        assert_verified(mesh.hub.folder, new.folder)
