"""A running server with stores, networks, an app that runs, and everybody who may or may not ask."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt

from tests.camara.code import cgi_command
from tests.e2e.mesh_processes import Mesh
from tests.e2e.server import ADMIN_KEY, Server
from tests.unit.tenancy.issuer import AUDIENCE, Issuer, issuing

TENANT, PROVIDER = "robotics_west", "Example-Stores"
SERVED, UNSERVED = "198.51.100.7", "203.0.113.9"
"""Addresses of devices: one in a network with a position, one in a network without an edge."""
UNKNOWN = "192.0.2.1"
NETWORKS = f"network,lat,lon\n198.51.100.0/24,36.40,-94.20\n2001:db8:7::/48,36.40,-94.20\n{UNSERVED}/32,,\n"
ROOTS = {
    "edge-application-management": "/edge-application-management/vwip",
    "simple-edge-discovery": "/simple-edge-discovery/v2rc2",
    "optimal-edge-discovery": "/optimal-edge-discovery/vwip",
    "application-endpoint-discovery": "/application-endpoint-discovery/v0.1",
    "application-profiles": "/application-profiles/v0.5",
}
_EAM = {
    "apps": ("read", "write", "delete"),
    "instances": ("read", "write", "delete"),
    "deployments": ("read", "write", "update", "delete"),
    "edge-cloud-zones": ("read",),
}
SCOPES = [
    *(f"edge-application-management:{what}:{verb}" for what, verbs in _EAM.items() for verb in verbs),
    *(f"application-profiles:{verb}" for verb in ("create", "read", "update", "delete")),
    "simple-edge-discovery:read",
    "optimal-edge-discovery:regions:read",
    "optimal-edge-discovery:edge-zones:read",
    "application-endpoint-discovery:app-endpoints:read",
]
STORES = {
    "wm-100": {"name": "Rogers, Pleasant Crossing", "lat": 36.30, "lon": -94.18, "country": "US", "region": "Ozarks"},
    "wm-2": {"name": "Bentonville", "lat": 36.37, "lon": -94.21, "country": "US", "region": "Ozarks"},
    "wm-3": {"name": "Joplin", "lat": 37.08, "lon": -94.51, "country": "US", "region": "Four States"},
    "wm-4": {"name": "Toluca", "lat": 19.29, "lon": -99.65, "country": "MX", "region": "Central"},
}
IDLE = "wm-4"
"""The store that has nothing to compute on."""
NODES = {"n1": ["wm-100", "wm-2"], "n2": ["wm-3", IDLE]}
READY_WITHIN_S = 30.0


class World:
    """``owned`` is called once the stores are known, and returns when something owns them."""

    mesh: Mesh | None = None
    """The processes, where there are several."""

    def __init__(self, port: int, issuer: Issuer, owned: Callable[[], None] = lambda: None) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._owned = owned
        self.issuer = issuer
        self.client = httpx.Client(base_url=self.url, timeout=30.0)
        self._numbers = itertools.count(1)
        self._ready: tuple[str, str] | None = None
        self._furnish()

    # -- who asks ------------------------------------------------------------------------------------------------

    def token(self, scopes: set[str], lasts_s: int = 3_600, **claims: Any) -> str:
        """Of the tenant's application, two-legged unless ``device_address`` is among the claims."""
        now = int(time.time())
        said = {"roles": ["maillage.tenant"], "tenant": TENANT, "sub": "application", "exp": now + lasts_s, **claims}
        return self.issuer.token(min(now, now + lasts_s - 60), scope=" ".join(sorted(scopes)), **said).decode()

    def every_scope(self) -> set[str]:
        return set(SCOPES)

    def expired(self) -> str:
        return self.token(self.every_scope(), lasts_s=-600)

    def stranger_key(self) -> str:
        """A key of another tenant."""
        tenant = self.name("stranger")
        self.own("POST", "/v1/tenants", {"id": tenant})
        return str(self.own("POST", f"/v1/tenants/{tenant}/keys")["key"])

    # -- what there is -------------------------------------------------------------------------------------------

    def call(self, api: str, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """One request below an API's root, by the tenant's key unless ``Authorization`` is among the headers."""
        sent = {"Authorization": f"Bearer {self.key}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = None if body is None else json.dumps(body)
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        return self.client.request(method, ROOTS[api] + path, headers=sent, content=content)

    def eam(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The document of a request to Edge Application Management that must go well."""
        response = self.call("edge-application-management", method, path, body, **headers)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json()

    def name(self, kind: str) -> str:
        return f"{kind}_{next(self._numbers)}"

    def zones(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.eam("GET", "/edge-cloud-zones?perPage=100")["edgeCloudZones"]
        return found

    def zone(self, store: str = "wm-2") -> str:
        wanted = STORES[store]["name"]
        return next(str(zone["edgeCloudZoneId"]) for zone in self.zones() if zone["edgeCloudZoneName"] == wanted)

    def manifest(self) -> dict[str, Any]:
        """Of an app that was not submitted yet."""
        return {
            "name": self.name("Counter"),
            "appProvider": TENANT,
            "version": "1.0.0",
            "packageType": "CONTAINER",
            "appRepo": {"type": "PUBLICREPO", "imagePath": f"maillage:counter@{self.digest}"},
            "requiredResources": {"infraKind": "container", "numCPU": "500m", "memory": 128},
            "componentSpec": [
                {
                    "componentName": "counter",
                    "networkInterfaces": [
                        {
                            "interfaceId": "http",
                            "protocol": "TCP",
                            "port": 8080,
                            "visibilityType": "VISIBILITY_EXTERNAL",
                        }
                    ],
                }
            ],
            "operatingSystem": {
                "architecture": "x86_64",
                "family": "OTHER",
                "version": "OTHER",
                "license": "OS_LICENSE_TYPE_FREE",
            },
        }

    def app(self, manifest: dict[str, Any] | None = None) -> str:
        submitted = self.eam("POST", "/apps", manifest or self.manifest())
        return str(submitted["appId"])

    def instance(self, app: str, name: str | None = None, store: str = "wm-2", **headers: str) -> dict[str, Any]:
        body = {"name": name or self.name("counter"), "appId": app, "edgeCloudZoneId": self.zone(store)}
        created: dict[str, Any] = self.eam("POST", "/app-instances", body, **headers)
        return created

    def deployment(self, app: str, *stores: str) -> str:
        zones = [self.zone(store) for store in stores or ("wm-2",)]
        body = {"appDeploymentName": self.name("Spread"), "appId": app, "edgeCloudZones": zones}
        return str(self.eam("POST", "/deployments", body)["appDeploymentId"])

    def profile(self, **parts: Any) -> str:
        wanted = parts or {"networkQualityThresholds": {"packetDelayBudget": {"value": 20, "unit": "Milliseconds"}}}
        response = self.call("application-profiles", "POST", "/application-profiles", wanted)
        assert response.status_code == 201, response.text
        return str(response.json()["applicationProfileId"])

    def running(self) -> tuple[str, str]:
        """An app and an instance of it that is ready; the same two whenever asked."""
        if self._ready is None:
            app = self.app()
            instance = self.instance(app)["appInstanceId"]
            self.until_ready(instance)
            self._ready = app, instance
        return self._ready

    def until_ready(self, instance: str) -> dict[str, Any]:
        ends_at = time.monotonic() + READY_WITHIN_S
        while True:
            found: dict[str, Any] = self.eam("GET", f"/app-instances/{instance}")
            if found["status"] == "ready":
                return found
            assert time.monotonic() < ends_at, found
            time.sleep(0.05)

    def device(self, address: str = SERVED) -> dict[str, Any]:
        return {"ipv4Address": {"publicAddress": address, "publicPort": 50_000}}

    # -- setting up ----------------------------------------------------------------------------------------------

    def own(self, method: str, path: str, body: Any = None, key: str = ADMIN_KEY) -> Any:
        """Of our own API."""
        response = self.client.request(method, path, json=body, headers={"Authorization": f"Bearer {key}"})
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def _furnish(self) -> None:
        for store, said in STORES.items():
            self.own("PUT", f"/v1/sites/{store}", said)
        self._owned()
        for store in STORES:
            for kind, size in () if store == IDLE else (("cpu", 64), ("memory", 64), ("disk", 100)):
                self.own("PUT", f"/v1/sites/{store}/capacity/{kind}", {"size": size})
        self.own("POST", "/v1/tenants", {"id": TENANT})
        self.key = str(self.own("POST", f"/v1/tenants/{TENANT}/keys")["key"])
        self.own("POST", "/v1/apps", {"name": "counter"}, self.key)
        address = f"/v1/apps/{TENANT}.counter/versions"
        sent = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/wasm"}
        uploaded = self.client.post(address, content=cgi_command("counted"), headers=sent)
        assert uploaded.status_code == 201, uploaded.text
        self.digest = str(uploaded.json()["digest"])


@contextmanager
def served(folder: Path, **environment: str) -> Iterator[World]:
    """The world behind a server of its own."""
    with issuing() as issuer:
        server = Server(folder / "home", **_surroundings(folder, issuer), **environment)
        try:
            server.start()
            world = World(server.port, issuer)
            yield world
            world.client.close()
        finally:
            server.kill()


@contextmanager
def served_by_a_hub(folder: Path) -> Iterator[World]:
    """The same behind a hub, whose stores are two nodes'."""
    with issuing() as issuer, Mesh(folder) as mesh:
        mesh.start_broker()
        mesh.add_hub(**_surroundings(folder, issuer))

        def join() -> None:
            for name, sites in NODES.items():
                mesh.node(name, *sites).start()
            mesh.reached(*NODES)
            for store in STORES:
                mesh.until(f"{store} is served", lambda store=store: _is_served(mesh, store))

        world = World(mesh.hub.port, issuer, join)
        world.mesh = mesh
        yield world
        world.client.close()


def _is_served(mesh: Mesh, store: str) -> bool:
    """A node serves a site a moment after it is heard."""
    return bool(mesh.hub.call("PUT", f"/v1/sites/{store}/capacity/dock", {"size": 1})[0] == 200)


def _surroundings(folder: Path, issuer: Issuer) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    networks = folder / "networks.csv"
    networks.write_text(NETWORKS, "utf-8")
    return {
        "MAILLAGE_OIDC_ISSUER": issuer.url,
        "MAILLAGE_OIDC_AUDIENCE": AUDIENCE,
        "MAILLAGE_OIDC_DEVICE_CLAIM": "device_address",
        "MAILLAGE_DEVICE_NETWORKS": str(networks),
        "MAILLAGE_PROVIDER": PROVIDER,
    }


def stranger() -> str:
    """An id of nothing."""
    return str(uuid4())


def malformed() -> str:
    """What looks like a token and is none."""
    return jwt.encode({"sub": "x"}, "0" * 32, "HS256")[:-4] + "...."
