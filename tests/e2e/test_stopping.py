"""A server that is told to stop loses nothing: who was granted something finds it in the journal, who follows is let
go, and the process is gone soon, with 0.

Goal: SIGTERM is safe at any moment. Method: threads lease as fast as they can while others follow events; the server
is told to stop in the middle; every id that came with a 201 is then looked up in the journal, which the checker reads.
"""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from maillage.engines.sqlite_journal import SqliteJournal
from maillage.kernel.events import Leased, decode_events
from maillage.verify import check
from tests.e2e.server import ADMIN_KEY, Client, NoAnswer, Server
from tests.e2e.test_following import following

CLIENTS = 12
STOPPED_WITHIN_S = 10.0


class Crowd:
    """Clients that lease until the server is gone; ``granted`` are the ids that came with a 201."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.granted: list[str] = []
        self.strange: list[tuple[int, object]] = []
        self.busy = threading.Semaphore(0)
        self.threads = [threading.Thread(target=self._work, daemon=True) for _ in range(CLIENTS)]

    def _work(self) -> None:
        body = {"needs": {"cpu": 0.001}, "site": "wm-0"}
        with Client(self._port) as client:
            try:
                while True:
                    status, document = client.call("POST", "/v1/leases", body)
                    if status == 201:
                        self.granted.append(document["id"])
                        self.busy.release()
                    elif status != 503:
                        self.strange.append((status, document))
            except NoAnswer:
                return


@contextmanager
def crowded(server: Server) -> Iterator[Crowd]:
    """A crowd in full swing."""
    with Client(server.port) as client:
        client.ok("PUT", "/v1/sites/wm-0", {"name": "wm-0", "lat": 36, "lon": -94})
        client.ok("PUT", "/v1/sites/wm-0/capacity/cpu", {"size": 1_000_000})
    crowd = Crowd(server.port)
    for thread in crowd.threads:
        thread.start()
    for _ in range(CLIENTS * 10):
        assert crowd.busy.acquire(timeout=20)
    yield crowd


def journal_of(folder: Path) -> set[str]:
    """The leases that are in the journal."""
    journal = SqliteJournal(folder)
    try:
        events = [event for batch in journal.read() for event in decode_events(batch.body)]
    finally:
        journal.close()
    return {event.lease for event in events if isinstance(event, Leased)}


def assert_nothing_lost(server: Server, crowd: Crowd) -> None:
    for thread in crowd.threads:
        thread.join(10)
        assert not thread.is_alive()
    assert crowd.strange == []
    assert len(crowd.granted) >= CLIENTS * 10
    assert set(crowd.granted) <= journal_of(server.folder)
    assert check(server.folder).ok


@pytest.mark.parametrize("followers", [0, 5])
def test_a_stop_under_load_loses_nothing_that_was_granted(server: Server, followers: int) -> None:
    with ExitStack() as stack:
        streams = [stack.enter_context(following(server.port)) for _ in range(followers)]
        crowd = stack.enter_context(crowded(server))
        began = time.monotonic()
        code, errors = server.stop()
        took = time.monotonic() - began
        assert (code, errors) == (0, "")
        assert took < STOPPED_WITHIN_S
        for stream in streams:
            while stream.readline():  # to the end of the stream, which must be a proper one
                pass
    assert_nothing_lost(server, crowd)


def test_followers_do_not_hold_up_a_stop(server: Server) -> None:
    with following(server.port) as first, following(server.port) as second:
        began = time.monotonic()
        assert server.stop() == (0, "")
        assert time.monotonic() - began < 3
        assert first.read() + second.read() == b"\n\n"  # what ended their first comment, and no more


def test_one_who_follows_and_never_reads_can_not_hold_up_a_stop_for_long(server: Server) -> None:
    with Client(server.port) as client:
        client.ok("PUT", "/v1/sites/wm-0", {"name": "wm-0", "lat": 36, "lon": -94})
        client.ok("PUT", "/v1/sites/wm-0/capacity/cpu", {"size": 1_000_000})
        for _ in range(8):
            client.ok("POST", "/v1/leases/batch", {"leases": [{"needs": {"cpu": 1}, "site": "wm-0"}] * 1_000})
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    deaf.connect(("127.0.0.1", server.port))
    deaf.sendall(
        f"GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN_KEY}\r\nLast-Event-ID: -1\r\n\r\n".encode()
    )
    deaf.recv(100)
    began = time.monotonic()
    code, _ = server.stop()
    deaf.close()
    assert code == 0
    assert time.monotonic() - began < STOPPED_WITHIN_S


def test_a_stop_takes_a_snapshot_that_a_restart_begins_with(server: Server) -> None:
    with Client(server.port) as client:
        client.ok("PUT", "/v1/sites/wm-0", {"name": "wm-0", "lat": 36, "lon": -94})
        client.ok("PUT", "/v1/sites/wm-0/capacity/cpu", {"size": 1_000_000})
        for _ in range(5):
            client.ok("POST", "/v1/leases/batch", {"leases": [{"needs": {"cpu": 1}, "site": "wm-0"}] * 1_000})
    assert server.stop() == (0, "")
    assert [path.name for path in (server.folder / "snapshots").iterdir()] == [f"{5_002:020d}.snapshot"]


def test_whoever_is_being_answered_gets_the_whole_answer(server: Server) -> None:
    """The request is under way when the stop comes: its body is still being sent."""
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    body = json.dumps({"id": "acme"}).encode()
    line.putrequest("POST", "/v1/tenants")
    for name, value in (("Authorization", f"Bearer {ADMIN_KEY}"), ("Content-Type", "application/json")):
        line.putheader(name, value)
    line.putheader("Content-Length", str(len(body)))
    line.endheaders(body[:4])
    with following(server.port) as stream:  # the server has taken up what came before this
        server.terminate()
        assert stream.read() == b"\n"
    line.send(body[4:])
    answer = line.getresponse()
    assert (answer.status, json.loads(answer.read())["id"]) == (201, "acme")
    line.close()
    assert server.wait() == (0, "")
