"""A session under way between two stores of a real server, asked all the time: nobody is refused, nothing is lost."""

import json
import time

import pytest

from tests.e2e.counting import asking, counting_app, upload
from tests.e2e.server import Client, Server
from tests.e2e.tenants import Tenant

WEST, EAST = {"lat": 36.37, "lon": -94.2156}, {"lat": 36.37, "lon": -94.2144}
"""A hundred metres apart, each nearer to one of the two stores."""
MOVES = 6
INTERRUPTION_MAX_S = 1.0
"""What a busy machine may come to; what it does come to is printed."""


def fleet_of(server: Server) -> Tenant:
    """A tenant whose app counts, in a chain of two stores 18 km apart."""
    with Client(server.port) as operator:
        for name, lon in (("west", -94.315), ("east", -94.115)):
            operator.ok("PUT", f"/v1/sites/{name}", {"name": name, "lat": 36.37, "lon": lon})
            for kind in ("cpu", "memory"):
                operator.ok("PUT", f"/v1/sites/{name}/capacity/{kind}", {"size": 8})
    tenant = Tenant(server, "acme")
    with tenant.client() as client:
        client.ok("POST", "/v1/apps", {"name": "guide"})
    upload(server.port, tenant.key, "acme.guide", counting_app())
    return tenant


@pytest.mark.long
def test_a_session_that_is_asked_all_the_time_moves_without_a_refusal_or_a_lost_count(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant = fleet_of(server)
    wanted = {"app": "acme.guide", "device": "cab-7", "position": WEST, "needs": {"cpu": 1}, "within_km": 25}
    with tenant.client() as client:
        session = client.ok("POST", "/v1/sessions", {**wanted, "dwell_s": 0, "hysteresis_km": 0})
        assert session["site"] == "west"
        address = f"/v1/sessions/{session['id']}"
        stores = ["west"]
        with asking(server.port, tenant.key, session["id"]) as asker:
            for number in range(MOVES):
                time.sleep(2.1)  # clocks tell whole seconds, and nothing moves a hundred metres in one
                report = {"positions": [(EAST, WEST)[number % 2]]}
                stores.append(client.ok("POST", f"{address}/positions", report)["site"])
            time.sleep(0.5)
        assert stores == [("west", "east")[number % 2] for number in range(MOVES + 1)]
        counts = [count for _, count, _ in asker.answers]
        assert counts == list(range(1, len(counts) + 1)), "no request is counted twice, none is lost"
        gaps_ms = sorted(1_000 * gap for gap in asker.interruptions_s())
        with capsys.disabled():
            told = {
                "requests": len(counts),
                "moves": len(gaps_ms),
                "interruptions_ms": [round(gap, 1) for gap in gaps_ms],
            }
            print(f"\n{json.dumps(told)}")
        assert len(gaps_ms) == MOVES
        assert gaps_ms[-1] < 1_000 * INTERRUPTION_MAX_S
        (lease,) = client.ok("GET", "/v1/leases?state=confirmed")["items"]
        assert lease["id"] == client.ok("GET", address)["instance"]

        server.kill()
        server.start()
    with tenant.client() as client:
        with asking(server.port, tenant.key, session["id"]) as asker:
            time.sleep(1)
        assert asker.answers[0][1] == len(counts) + 1, "a session outlives kill -9"
        client.ok("DELETE", address)
        assert client.ok("GET", "/v1/leases?state=confirmed")["items"] == []
