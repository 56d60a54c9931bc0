"""A small served chain for the pages that need one."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.server import Client, Server


class Served(NamedTuple):
    url: str
    tenant_key: str


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """One store with room for processors, and a tenant who has a key."""
    server = Server(tmp_path / "served")
    server.start()
    try:
        operator = Client(server.port)
        operator.call("PUT", "/v1/sites/bv-1", {"name": "Bentonville", "lat": 36.3581, "lon": -94.2247})
        for kind in ("cpu", "memory"):
            operator.call("PUT", f"/v1/sites/bv-1/capacity/{kind}", {"size": 64})
        operator.call("POST", "/v1/tenants", {"id": "acme"})
        key = operator.call("POST", "/v1/tenants/acme/keys")[1]["key"]
        yield Served(f"http://127.0.0.1:{server.port}", key)
    finally:
        server.kill()
