"""The server that is fuzzed, on a chain with enough in it to make leases, holds, refusals and conflicts."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from maillage.verify import check
from tests.e2e.server import ADMIN_KEY, Client, Server


class Fuzzed(NamedTuple):
    """Where the server listens, and a key for each sort of asker ('' for none)."""

    server: Server
    keys: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def known(self) -> dict[str, str]:
        """A name for each part of an address that there is something at."""
        with Client(self.server.port) as client:
            lease = client.ok("GET", "/v1/leases?limit=1")["items"][0]["id"]
        return {"site": "wm-0", "kind": "cpu", "lease": lease, "tenant": "acme", "month": "2026-11"}


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """Afterwards the books must still add up."""
    server = Server(tmp_path_factory.mktemp("fuzzed") / "home")
    server.start()
    try:
        with Client(server.port) as client:
            for number in range(3):
                client.ok("PUT", f"/v1/sites/wm-{number}", {"name": "Store", "lat": 36 + number, "lon": -94})
                for kind in ("cpu", "memory", "dock"):
                    client.ok("PUT", f"/v1/sites/wm-{number}/capacity/{kind}", {"size": 1_000})
                client.ok("POST", "/v1/leases", {"needs": {"cpu": 1}, "site": f"wm-{number}", "hold_s": 600})
            client.ok("POST", "/v1/tenants", {"id": "acme"})
            tenant = client.ok("POST", "/v1/tenants/acme/keys")["key"]
        yield Fuzzed(server, {"operator": ADMIN_KEY, "tenant": tenant, "nobody": ""})
        server.stop()
        report = check(server.folder)
        assert report.ok, report.faults[:5]
    finally:
        server.kill()
