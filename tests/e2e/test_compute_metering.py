"""What an app uses is on its lease's usage, to the last request, also when the server is killed in between."""

import time
from typing import Any

import pytest

from tests.e2e.guests import NEIGHBOUR
from tests.e2e.server import Server
from tests.e2e.tenants import Tenant, add_store


def measured(tenant: Tenant, requests: int) -> dict[str, Any]:
    """What the usage says, once it is so many requests or has had the time to be."""
    deadline = time.monotonic() + 20
    while True:
        with tenant.client() as client:
            (line,) = client.ok("GET", "/v1/usage")["items"]
        found: dict[str, Any] = line["measured"]
        if found.get("requests") == requests or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def called(tenant: Tenant, times: int) -> None:
    """So many times, from the moment on that somebody answers."""
    deadline = time.monotonic() + 30
    done = 0
    while done < times:
        status, _ = tenant.call("web")
        assert status in (200, 503), status
        assert time.monotonic() < deadline
        if status == 503:  # it is still coming back, and was not asked
            time.sleep(0.05)
            continue
        done += 1


@pytest.mark.long
def test_usage_is_exact_though_the_server_is_killed_twice(server: Server) -> None:
    add_store(server)
    tenant = Tenant(server, "acme")
    tenant.deploy("web", NEIGHBOUR)
    for calls in (7, 5):
        called(tenant, calls)
        server.kill()
        server.start()
    called(tenant, 3)
    found = measured(tenant, 15)
    assert found["requests"] == 15
    assert found["out_kb"] == 15 * len(b"well") / 1_000
    assert found["fuel_k"] > 0
    assert found["wall_ms"] > 0
