"""Events over a real connection: as they happen, and on after a crash without a gap."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.e2e.server import ADMIN_KEY, Client, Server


@contextmanager
def following(port: int, **headers: str) -> Iterator[http.client.HTTPResponse]:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        line.request("GET", "/v1/events", headers={"Authorization": f"Bearer {ADMIN_KEY}", **headers})
        answer = line.getresponse()
        assert answer.getheader("content-type", "").startswith("text/event-stream")
        assert answer.readline().startswith(b":")
        yield answer
    finally:
        line.close()


def next_event(answer: http.client.HTTPResponse) -> tuple[int, dict[str, Any]]:
    number = None
    while line := answer.readline():
        if line.startswith(b"id: "):
            number = int(line[4:])
        elif line.startswith(b"data: "):
            assert number is not None
            return number, json.loads(line[6:])
    raise AssertionError("the stream ended")


def test_a_follower_gets_events_as_they_happen_and_goes_on_after_a_crash_without_a_gap(server: Server) -> None:
    with Client(server.port) as client:
        client.ok("PUT", "/v1/sites/wm-0", {"name": "wm-0", "lat": 36, "lon": -94})
        with following(server.port) as answer:
            for size in range(1, 21):
                client.ok("PUT", "/v1/sites/wm-0/capacity/cpu", {"size": size})
                acknowledged = time.monotonic()
                number, event = next_event(answer)
                assert (event["data"]["size"], event["sequence"]) == (size, str(size + 1))
                assert time.monotonic() - acknowledged < 5
        for size in range(21, 31):
            client.ok("PUT", "/v1/sites/wm-0/capacity/cpu", {"size": size})
    server.kill()
    server.start()
    with following(server.port, **{"Last-Event-ID": str(number)}) as answer:
        missed = [next_event(answer) for _ in range(10)]
    assert [other for other, _ in missed] == list(range(number + 1, number + 11))
    assert [event["data"]["size"] for _, event in missed] == list(range(21, 31))
