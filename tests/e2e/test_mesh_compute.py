"""Tenants' code in a chain of real processes: uploaded and deployed at the hub, run in the stores, with and without the
hub."""

import http.client
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.guests import command
from tests.e2e.mesh_processes import ADMIN_KEY, Mesh, Process
from tests.e2e.server import Client

wasmtime = pytest.importorskip("wasmtime", reason="there is no wasmtime here to compile and run the apps with")

POINTS = {"wm-1": (36.0, -94.0), "wm-2": (36.1, -94.0)}
TALKER = command(
    "Content-Type: text/plain\\n\\nhere it comes\\n",
    """(call $say (i32.const 2) (i32.const 1050) (i32.const 14))
    (call $say (i32.const 1) (i32.const 1024) (i32.const 40))""",
)
"""Says a line to its log, and answers the same."""


class AtTheHub:
    """A tenant whose only door is the hub's."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        mesh.hub.ok("POST", "/v1/tenants", {"id": "acme", "role": "tenant"})
        self.key: str = mesh.hub.ok("POST", "/v1/tenants/acme/keys")["key"]

    def client(self) -> Client:
        return Client(self.mesh.hub.port, self.key)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        with self.client() as client:
            return client.ok(method, path, body)

    def upload(self, name: str, text: str) -> str:
        """The app's id."""
        self.ok("POST", "/v1/apps", {"name": name})
        line = http.client.HTTPConnection("127.0.0.1", self.mesh.hub.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/wasm"}
        line.request("POST", f"/v1/apps/acme.{name}/versions", wasmtime.wat2wasm(text), headers)
        answer = line.getresponse()
        assert answer.status == 201, answer.read()
        line.close()
        return f"acme.{name}"

    def states(self, deployment: str) -> dict[str, str]:
        found = self.ok("GET", f"/v1/deployments/{deployment}/instances")["items"]
        return {instance["site"]: instance["state"] for instance in found}

    def used(self) -> dict[str, int]:
        """Requests by site, as far as the hub has heard."""
        lines = self.ok("GET", "/v1/usage")["items"]
        return {line["site"]: line["measured"].get("requests", 0) for line in lines}

    def run(self, app: str, near: str, body: bytes | None = None) -> tuple[int, str, bytes]:
        return run(self.mesh.hub, app, self.key, near, body)


def run(server: Process, app: str, key: str = ADMIN_KEY, near: str = "", body: bytes | None = None) -> Any:
    """(status, site, body) of one request to an app, from where a store is."""
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {"Authorization": f"Bearer {key}"}
    if near:
        headers["X-Maillage-Near"] = "{},{}".format(*POINTS[near])
    try:
        line.request("GET" if body is None else "POST", f"/run/{app}/", body, headers)
        answer = line.getresponse()
        return answer.status, answer.getheader("x-maillage-site") or "", answer.read()
    finally:
        line.close()


def metrics(server: Process) -> str:
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        line.request("GET", "/metrics", headers={"Authorization": f"Bearer {ADMIN_KEY}"})
        return line.getresponse().read().decode()
    finally:
        line.close()


@pytest.mark.long
def test_what_is_deployed_at_the_hub_runs_in_the_stores_and_goes_on_without_it(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        mesh.start_broker()
        mesh.add_hub()
        mesh.add_nodes({"n1": ["wm-1"], "n2": ["wm-2"]}, cpu=8, memory=8)
        tenant = AtTheHub(mesh)
        app = tenant.upload("web", TALKER)
        near = [{"lat": lat, "lon": lon} for lat, lon in POINTS.values()]
        wanted = {"app": app, "near": near, "needs": {"cpu": 1, "memory": 0.064}}
        began = time.monotonic()
        deployment = tenant.ok("POST", "/v1/deployments", wanted)["id"]
        both = {"wm-1": "ready", "wm-2": "ready"}
        mesh.until("both instances are ready", lambda: tenant.states(deployment) == both)
        print(f"ready after {time.monotonic() - began:.2f} s")

        for site in POINTS:
            assert tenant.run(app, site) == (200, site, b"here it comes\n")
        status, _, refusal = tenant.run(app, "wm-1", bytes(800 << 10))
        assert status == 413 and b"store's own address" in refusal, (status, refusal)
        leases = {lease["site"]: lease["id"] for lease in tenant.ok("GET", "/v1/leases")["items"]}
        lines = tenant.ok("GET", f"/v1/instances/{leases['wm-1']}/logs")["items"]
        assert [line["text"] for line in lines if line["stream"] == "stderr"] == ["here it comes"]

        # Without the hub a store goes on, also after a power cut.
        node = mesh.nodes["n1"]
        mesh.hub.kill()
        assert run(node, app) == (200, "wm-1", b"here it comes\n")
        node.kill()
        node.start()
        mesh.until("the instance is back without a hub", lambda: run(node, app)[0] == 200, 10)

        # With the hub back all is as before; the tenant's usage comes in.
        mesh.hub.start()
        mesh.until("the hub routes again", lambda: tenant.states(deployment) == both)
        assert tenant.run(app, "wm-1") == (200, "wm-1", b"here it comes\n")
        mesh.until("what was used is known at the hub", lambda: tenant.used() == {"wm-1": 4, "wm-2": 1})
        assert 'maillage_instances{state="ready"} 2.0' in metrics(mesh.hub)

        # A store that is dark loses its callers to the next one.
        node.kill()
        mesh.until("callers go to the next store", lambda: tenant.run(app, "wm-1")[:2] == (200, "wm-2"))
        mesh.until("the dark one is unknown", lambda: tenant.states(deployment) == {"wm-1": "unknown", "wm-2": "ready"})
        node.start()
        mesh.until("they come back", lambda: tenant.run(app, "wm-1")[:2] == (200, "wm-1"))

        tenant.ok("DELETE", f"/v1/deployments/{deployment}")
        mesh.until("its leases are given back", lambda: not _active(mesh.hub))
        assert run(node, app)[0] == 404


def _active(server: Process) -> list[Any]:
    return [lease for lease in server.ok("GET", "/v1/leases")["items"] if lease["state"] == "confirmed"]
