"""A session under way between two stores of a real server, asked all the time: nobody is refused, nothing is lost."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.server import Client, Server
from tests.e2e.tenants import Tenant, wasmtime

APP = Path(__file__).parents[1] / "unit" / "engines" / "wasmtime" / "code" / "app.wat"
NOTHING_MATCHED = """      (call $answer (i32.const 404) (i32.const 144) (i32.const 6))))

  (core instance $libc"""
COUNTS = """      (call $kv-get (i32.const 128) (i32.const 1) (i32.const 512))
      (i64.store (i32.const 600) (i64.const 1))
      (if (i32.load8_u (i32.const 512)) (then
        (i64.store (i32.const 600) (i64.add (i64.const 1) (i64.load (i32.load (i32.const 516)))))))
      (call $kv-set (i32.const 128) (i32.const 1) (i32.const 600) (i32.const 8) (i32.const 640))
      (call $answer (i32.const 200) (i32.const 600) (i32.const 8))))

  (core instance $libc"""
"""Answers with how often it was asked, which it keeps under a key: eight bytes, little end first."""
WEST, EAST = {"lat": 36.37, "lon": -94.2156}, {"lat": 36.37, "lon": -94.2144}
"""A hundred metres apart, each nearer to one of the two stores."""
MOVES = 6
INTERRUPTION_MAX_S = 1.0
"""What a busy machine may come to; what it does come to is printed."""


class Asker(threading.Thread):
    """Asks the session again as soon as it was answered, on one connection. ``answers`` are (when, count, store)."""

    def __init__(self, port: int, key: str, session: str) -> None:
        super().__init__(daemon=True)
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = {"Authorization": f"Bearer {key}", "x-maillage-session": session}
        self.answers: list[tuple[float, int, str]] = []
        self.refused: list[str] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set() and not self.refused:
            self._line.request("POST", "/run/acme.guide/up", headers=self._headers)
            answer = self._line.getresponse()
            body = answer.read()
            if answer.status != 200:
                self.refused.append(f"{answer.status} {body!r}")
                continue
            store = answer.getheader("x-maillage-site", "")
            self.answers.append((time.monotonic(), int.from_bytes(body, "little"), store))
        self._line.close()

    def interruptions_s(self) -> list[float]:
        """From the last answer of one store until the first of the next."""
        pairs = zip(self.answers, self.answers[1:], strict=False)
        return [second[0] - first[0] for first, second in pairs if first[2] != second[2]]


@contextmanager
def asking(port: int, key: str, session: str) -> Iterator[Asker]:
    asker = Asker(port, key, session)
    asker.start()
    try:
        yield asker
    finally:
        asker.stopping.set()
        asker.join(30)
    assert asker.refused == []


def fleet_of(server: Server) -> Tenant:
    """A tenant whose app counts, in a chain of two stores 18 km apart."""
    with Client(server.port) as operator:
        for name, lon in (("west", -94.315), ("east", -94.115)):
            operator.ok("PUT", f"/v1/sites/{name}", {"name": name, "lat": 36.37, "lon": lon})
            for kind in ("cpu", "memory"):
                operator.ok("PUT", f"/v1/sites/{name}/capacity/{kind}", {"size": 8})
    tenant = Tenant(server, "acme")
    text = APP.read_text()
    assert NOTHING_MATCHED in text
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Authorization": f"Bearer {tenant.key}", "Content-Type": "application/wasm"}
    with tenant.client() as client:
        client.ok("POST", "/v1/apps", {"name": "guide"})
    body = wasmtime.wat2wasm(text.replace(NOTHING_MATCHED, COUNTS))
    line.request("POST", "/v1/apps/acme.guide/versions", body, headers)
    answer = line.getresponse()
    assert answer.status == 201, answer.read()
    line.close()
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
