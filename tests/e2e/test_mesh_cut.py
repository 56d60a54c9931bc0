"""The line of a store is cut for a while: the store sells on, the hub sells what it holds, and both agree afterwards.

Method: the store has a leaf server, whose one way to the hub's server is a relay, which then lets nothing pass, as a
cable that was pulled. What both sides did meanwhile is in both journals after the cut.
"""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.mesh_journals import assert_verified, await_equal, events_in
from tests.e2e.mesh_secured import SecuredMesh
from tests.e2e.test_kill_nine import rfc3339

EQUAL_AGAIN_WITHIN_S = 40.0
NEAR = {"lat": 36.0, "lon": -94.0, "within_km": 200}


@pytest.mark.parametrize("cut_s", [pytest.param(each, marks=pytest.mark.long) for each in (10.0, 30.0)])
def test_a_store_that_is_cut_off_sells_on_and_agrees_with_the_hub_afterwards(tmp_path: Path, cut_s: float) -> None:
    with SecuredMesh(tmp_path) as mesh:
        mesh.start_secured()
        mesh.hub.ok("PUT", "/v1/escrow/cpu", {"quantity": 4, "share": 0.5, "ahead_s": 3_600})
        mesh.add_sites("wm-1", "wm-2")
        other = mesh.node("n2", "wm-2").begin()
        mesh.add_store("n1", "wm-1")
        other.listening()
        mesh.reached()
        for site in ("wm-1", "wm-2"):
            mesh.set_sizes(site, cpu=16)
        store = mesh.nodes["n1"]
        hub_id = json.loads((mesh.hub.folder / "hub.json").read_text("utf-8"))["hub"]
        holding = f"/v1/sites/wm-1~{hub_id}/capacity?kind=cpu"
        mesh.until("the hub can sell out of escrow at wm-1", lambda: mesh.hub.call("GET", holding)[0] == 200)
        lease = mesh.hub.ok("POST", "/v1/leases", ask(1, site="wm-1"))
        assert mesh.line.relay.near_ports == mesh.leaf_ports(), "the leaf server goes another way than by the line"

        mesh.line.cut()
        began = time.monotonic()
        local, bought = [], []
        mesh.until("the store is out of reach", lambda: not mesh.states()["n1"]["reachable"], cut_s)
        with store.client() as here, mesh.hub.client() as hub:
            near = hub.ok("POST", "/v1/leases", ask(2, near=NEAR))
            bought.append(near)
            while time.monotonic() - began < cut_s:
                local.append(here.ok("POST", "/v1/leases", ask(0.01, site="wm-1")))
                status, document = hub.call("POST", "/v1/leases", ask(0.5, site="wm-1"))
                assert status in (201, 409), f"out of escrow: {status} {document}"
                if status == 201:
                    bought.append(document)
                time.sleep(0.2)
            status, document = hub.call("POST", f"/v1/leases/{lease['id']}/release")
            assert status == 503, f"only the store itself can end what it granted: {document}"
            elsewhere = hub.ok("POST", "/v1/leases", ask(8, near=NEAR))
            assert elsewhere["site"] == "wm-2", "what escrow does not hold is sold elsewhere"
        sold = [one for one in bought if one["id"].startswith(f"wm-1~{hub_id}~")]
        assert 2 <= sum(one["needs"]["cpu"] for one in sold) <= 4, bought
        assert not mesh.states()["n1"]["reachable"]
        assert mesh.line.relay.near_ports == mesh.leaf_ports(), "the cut was got round"

        mesh.line.restore()
        reach_s = mesh.reached("n1", within_s=EQUAL_AGAIN_WITHIN_S)
        equal_s = reach_s + await_equal(mesh, EQUAL_AGAIN_WITHIN_S - reach_s)
        print(f"cut {cut_s:g} s: within reach after {reach_s:.1f} s, equal after {equal_s:.1f} s")
        assert mesh.line.relay.near_ports == mesh.leaf_ports(), "the leaf server came back another way than by the line"
        mirrored = {event.get("lease") for event in events_in(mesh.hub.folder)["wm-1"]}
        assert {one["id"] for one in local} <= mirrored
        assert mesh.hub.ok("POST", f"/v1/leases/{lease['id']}/release")["state"] == "released"
        for one in sold:
            assert mesh.hub.ok("GET", f"/v1/leases/{one['id']}")["state"] == "confirmed"
        await_equal(mesh)
        assert_verified(*(process.folder for process in mesh.processes), mesh.hub.folder / "holdings")


def ask(cpu: float, **place: Any) -> dict[str, Any]:
    """From now on for a quarter of an hour: well within what is held in escrow."""
    return {"needs": {"cpu": cpu}, "end": rfc3339(int(time.time()) + 900), **place}
