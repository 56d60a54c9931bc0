"""The shop's own work takes its machine back from a tenant's spot instance, at a real server."""

import http.client
import json
import threading
import time
from typing import Any

import pytest

from maillage.kernel.times import parse_time
from tests.e2e.guests import ENDLESS
from tests.e2e.server import Client, Server
from tests.e2e.tenants import Tenant, add_store

GRACE_S = 2.0
HOUSE = "/v1/sites/wm-1/house"


class Feed:
    """A tenant's event stream; ``reclaimed`` is when the first reclaim came, and what it says."""

    def __init__(self, tenant: Tenant) -> None:
        self.reclaimed: tuple[float, Any] | None = None
        self._line = http.client.HTTPConnection("127.0.0.1", tenant.server.port, timeout=30)
        self._line.request("GET", "/v1/events", headers={"Authorization": f"Bearer {tenant.key}"})
        self._answer = self._line.getresponse()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while line := self._answer.readline():
            if line.startswith(b"data:"):
                event = json.loads(line[5:])
                if event["type"].endswith("reclaimed"):
                    self.reclaimed = (time.time(), event)
                    return

    def wait(self) -> tuple[float, Any]:
        self._thread.join(20)
        self._line.close()
        assert self.reclaimed is not None, "no reclaim came"
        return self.reclaimed


def states(client: Client, deployment: str, instance: str) -> list[str]:
    found = client.ok("GET", f"/v1/deployments/{deployment}/instances")["items"]
    return [each["state"] for each in found if each["id"] == instance]


@pytest.mark.long
def test_the_tenant_is_told_before_its_spot_instance_goes_and_it_is_gone_with_its_grace(server: Server) -> None:
    add_store(server)
    acme = Tenant(server, "acme")
    spot = {"class": "spot", "needs": {"cpu": 40, "memory": 0.5}, "grace_s": GRACE_S, "request_s": 60}
    lease = acme.deploy("hog", ENDLESS, **spot)
    feed = Feed(acme)
    under_way = threading.Thread(target=acme.call, args=("hog",))
    under_way.start()
    with Client(server.port) as operator, acme.client() as client:
        (deployment,) = [each["id"] for each in client.ok("GET", "/v1/deployments")["items"]]
        kept = operator.ok("PUT", HOUSE, {})["kept"]
        assert kept == 16
        assert states(client, deployment, lease) == ["ready"]
        operator.ok("POST", f"{HOUSE}/use", {"cpu": 12.5})
        told_at, event = feed.wait()
        assert event["data"]["lease"] == lease
        at_the_news = states(client, deployment, lease)
        deadline = time.monotonic() + 20
        while states(client, deployment, lease) not in ([], ["stopped"]):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        gone_at = time.time()
        lost, house = client.ok("GET", f"/v1/leases/{lease}"), operator.ok("GET", HOUSE)
    under_way.join(20)
    assert at_the_news in (["ready"], ["stopping"])
    assert lost["state"] == "reclaimed"
    end = parse_time(lost["end"], "end")
    assert told_at < gone_at < end + 1 + GRACE_S + 1.5  # ends are whole seconds; a busy machine takes its time
    assert (house["kept"], house["leased"], house["short"]) == (28.5, 28.5, 0)
