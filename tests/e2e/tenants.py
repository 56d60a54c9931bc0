"""Tenants of a real server, who upload apps and have them run."""

import http.client
import time
from typing import Any

import pytest

from tests.e2e.server import Client, Server

wasmtime = pytest.importorskip("wasmtime", reason="there is no wasmtime here to compile and run the apps with")


def add_store(server: Server) -> None:
    """A store that has room for the apps of a test."""
    with Client(server.port) as operator:
        operator.ok("PUT", "/v1/sites/wm-1", {"name": "a store", "lat": 36.37, "lon": -94.21})
        for kind in ("cpu", "memory"):
            operator.ok("PUT", f"/v1/sites/wm-1/capacity/{kind}", {"size": 64})


class Tenant:
    """A tenant with an app or two."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        with Client(server.port) as operator:
            operator.ok("POST", "/v1/tenants", {"id": name, "role": "tenant"})
            self.key: str = operator.ok("POST", f"/v1/tenants/{name}/keys")["key"]

    def client(self) -> Client:
        return Client(self.server.port, self.key)

    def deploy(self, name: str, text: str, **settings: Any) -> str:
        """Upload it, deploy it, and wait until it is ready; the id of its instance."""
        app = f"{self.name}.{name}"
        with self.client() as client:
            client.ok("POST", "/v1/apps", {"name": name})
            line = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
            headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/wasm"}
            line.request("POST", f"/v1/apps/{app}/versions", wasmtime.wat2wasm(text), headers)
            answer = line.getresponse()
            assert answer.status == 201, answer.read()
            line.close()
            placed = {"app": app, "near": [{"lat": 36.37, "lon": -94.21}], "needs": {"cpu": 1, "memory": 0.064}}
            deployment = client.ok("POST", "/v1/deployments", placed | settings)["id"]
            deadline = time.monotonic() + 30
            while True:
                (instance,) = client.ok("GET", f"/v1/deployments/{deployment}/instances")["items"]
                if instance["state"] == "ready":
                    return str(instance["id"])
                assert time.monotonic() < deadline, instance
                time.sleep(0.05)

    def call(self, app: str, within_s: float = 30.0) -> tuple[int, bytes]:
        """One request on a connection of its own."""
        line = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=within_s)
        try:
            line.request("GET", f"/run/{self.name}.{app}/", headers={"Authorization": f"Bearer {self.key}"})
            answer = line.getresponse()
            return answer.status, answer.read()
        finally:
            line.close()
