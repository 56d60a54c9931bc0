"""A chain with one store that runs code, and tenants of it who deploy the greeting, over HTTP as anybody would."""

import time
from pathlib import Path
from typing import Any

from benchmarks.greeting import ANSWER, PATH, Kind, code
from benchmarks.serving import API_KEY, Server
from benchmarks.world import AMPLE, clustered_sites, lay_out
from maillage.bootstrap import open_local
from maillage.client import Client, Problem

READY_WITHIN_S = 60.0
LOOK_EVERY_S = 0.002
Needs = dict[str, int | float | str]
AMPLE_NEEDS: Needs = {"cpu": 4, "memory": 0.125}
"""More than a core can give: the lease holds nothing back."""
SMALL_NEEDS: Needs = {"cpu": 0.1, "memory": 0.064}


def lay_out_store(folder: Path) -> None:
    """One store, larger than any run needs."""
    chain = open_local(folder)
    try:
        lay_out(chain.keeper, clustered_sites(1), {"cpu": AMPLE, "memory": AMPLE})
    finally:
        chain.close()


def near() -> list[dict[str, float]]:
    """Where the store is, as a deployment says it."""
    (site,) = clustered_sites(1)
    return [{"lat": site.lat, "lon": site.lon}]


class Tenant(Client):
    """One with a key of its own. ``folder`` takes the code that it uploads."""

    def __init__(self, server: Server, name: str, folder: Path) -> None:
        url = f"http://127.0.0.1:{server.port}"
        with Client(url, API_KEY) as operator:
            operator.call("POST", "/v1/tenants", json={"id": name, "role": "tenant"})
            self.key: str = operator.call("POST", f"/v1/tenants/{name}/keys")["key"]
        super().__init__(url, self.key)
        self._name = name
        self._folder = folder

    def put_app(self, name: str, kind: Kind, number: int = 0) -> str:
        """An app whose one version is the greeting; its id."""
        app: str = self.create_app(name)["id"]
        file = self._folder / f"{app}.wasm"
        file.write_bytes(code(kind, number))
        self.upload(app, file)
        return app

    def put_deployment(self, app: str, needs: Needs) -> str:
        """The id of a new deployment with one instance."""
        made: dict[str, Any] = self.deploy({"app": app, "near": near(), "needs": needs})
        return str(made["id"])

    def await_answer(self, app: str) -> None:
        """Call it until it answers, and see that it answers right."""
        ends_at = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                answer = self.run(app, PATH)
                break
            except Problem as problem:
                if problem.document["type"].rpartition("/")[2] != "no-instance" or time.monotonic() > ends_at:
                    raise
                time.sleep(LOOK_EVERY_S)
        if (answer.status, answer.body) != (200, ANSWER.encode()):
            raise RuntimeError(f"{app} answered {answer.status} {answer.body[:200]!r}")

    def target(self, app: str) -> tuple[str, str]:
        """For the load generator."""
        return f"/run/{app}{PATH}", self.key
