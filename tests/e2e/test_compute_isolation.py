"""One tenant's app behaves as badly as it can, while its neighbour on the same machine is called. The neighbour's times
are printed; what is asserted is only that it is answered, and in a time that no machine is too slow for."""

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.guests import CPU_HOG, ENDLESS, LOG_FLOOD, LONG_ANSWER, MEMORY_HOG, NEIGHBOUR
from tests.e2e.server import Server
from tests.e2e.tenants import Tenant, add_store

WITHIN_S = 10.0
"""No answer may take longer, on whatever machine. It is no figure of speed: those are printed."""
CALLS, QUIET_S, GREEDY_S = 8, 1.0, 2.5


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    one = Server(tmp_path_factory.mktemp("isolation") / "home")
    one.start()
    try:
        add_store(one)
        yield one
    finally:
        one.kill()


@pytest.fixture(scope="module")
def neighbour(server: Server) -> Tenant:
    tenant = Tenant(server, "neighbour")
    tenant.deploy("web", NEIGHBOUR)
    return tenant


@pytest.fixture(scope="module")
def greedy(server: Server) -> Tenant:
    return Tenant(server, "greedy")


class Times:
    """Seconds that answers took, ascending."""

    def __init__(self, taken: list[float]) -> None:
        self.taken = sorted(taken)

    def __str__(self) -> str:
        p50, p99 = self.at(0.5) * 1_000, self.at(0.99) * 1_000
        return f"{len(self.taken)} answers, p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {self.taken[-1] * 1_000:.1f} ms"

    def at(self, share: float) -> float:
        return self.taken[int((len(self.taken) - 1) * share)]


def watched(neighbour: Tenant, seconds: float) -> tuple[Times, Times]:
    """The neighbour's app, and the server itself (is it alive, a lease, leases in a list), asked in turns."""
    app, control = [], []
    with neighbour.client() as client:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline or len(app) < 20:
            began = time.monotonic()
            status, body = neighbour.call("web")
            app.append(time.monotonic() - began)
            assert (status, body) == (200, b"well")
            began = time.monotonic()
            assert client.call("GET", "/healthz")[0] == 200
            lease = client.ok("POST", "/v1/leases", {"needs": {"cpu": 0.001}, "site": "wm-1"})["id"]
            client.ok("POST", f"/v1/leases/{lease}/release")
            control.append(time.monotonic() - began)
    return Times(app), Times(control)


@contextmanager
def at_it(misbehave: Callable[[], Any], callers: int = CALLS) -> Iterator[list[Any]]:
    """Many at once misbehave over and over; what came of it each time."""
    results: list[Any] = []
    over = threading.Event()

    def again_and_again() -> None:
        while not over.is_set():
            try:
                results.append(misbehave())
            except (OSError, http.client.HTTPException) as fault:
                results.append(fault)

    threads = [threading.Thread(target=again_and_again) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield results
    finally:
        over.set()
        for thread in threads:
            thread.join(60)


def compared(what: str, neighbour: Tenant, misbehave: Callable[[], Any]) -> list[Any]:
    """The neighbour's times alone, and beside the misbehaviour; what came of that."""
    quiet, quiet_control = watched(neighbour, QUIET_S)
    with at_it(misbehave) as results:
        time.sleep(0.3)
        loud, loud_control = watched(neighbour, GREEDY_S)
    print(f"\n{what}\n  neighbour alone: {quiet}\n  neighbour beside: {loud}")
    print(f"  server alone: {quiet_control}\n  server beside: {loud_control}")
    assert max(loud.taken[-1], loud_control.taken[-1]) < WITHIN_S
    assert results
    return results


def statuses(results: list[Any]) -> set[Any]:
    return {result[0] if isinstance(result, tuple) else type(result).__name__ for result in results}


def test_an_endless_loop_is_ended_and_the_neighbour_is_answered(neighbour: Tenant, greedy: Tenant) -> None:
    greedy.deploy("endless", ENDLESS, request_s=1)
    results = compared("an endless loop", neighbour, lambda: greedy.call("endless"))
    assert statuses(results) <= {503, 429}


@pytest.mark.long
def test_a_cpu_hog(neighbour: Tenant, greedy: Tenant) -> None:
    greedy.deploy("cpu", CPU_HOG)
    results = compared("a CPU hog", neighbour, lambda: greedy.call("cpu"))
    assert (200, b"done") in results


@pytest.mark.long
def test_a_memory_hog_gets_no_more_than_its_lease_has(server: Server, neighbour: Tenant, greedy: Tenant) -> None:
    greedy.deploy("memory", MEMORY_HOG)
    before = resident_mib(server)
    most = []

    def hog() -> tuple[int, bytes]:
        answer = greedy.call("memory")
        most.append(resident_mib(server))
        return answer

    results = compared("a memory hog", neighbour, hog)
    print(f"  the server has {before} MiB before, {max(most)} MiB at most")
    assert statuses(results) <= {200, 503, 429}
    assert max(most) < before + 512  # its lease has 65, and one request of it runs at a time


@pytest.mark.long
def test_a_log_flood_fills_no_disk_and_drowns_nobody(server: Server, neighbour: Tenant, greedy: Tenant) -> None:
    instance = greedy.deploy("flood", LOG_FLOOD, request_s=1)
    compared("a log flood", neighbour, lambda: greedy.call("flood"))
    with greedy.client() as client:
        lines = client.ok("GET", f"/v1/instances/{instance}/logs?limit=1000")["items"]
    assert any(line["text"].endswith("lines were dropped") for line in lines)
    written = sum(path.stat().st_size for path in (server.folder / "compute" / "logs").rglob("*.jsonl"))
    assert written < 8 << 20


@pytest.mark.long
def test_slow_readers_hold_only_what_is_theirs(server: Server, neighbour: Tenant, greedy: Tenant) -> None:
    greedy.deploy("long", LONG_ANSWER, request_s=2)
    assert len(greedy.call("long")[1]) == 16 << 20
    before = resident_mib(server)

    def read_slowly() -> int:
        """How much there was to read: slowly until the server must have had enough of it, then what is left."""
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
            line.sendall(head(greedy, "GET", "long") + b"\r\n")
            got, enough = 0, time.monotonic() + 4.0
            while chunk := line.recv(1_024 if time.monotonic() < enough else 1 << 20):
                got += len(chunk)
                time.sleep(0.02 if time.monotonic() < enough else 0)
            return got

    results = compared("slow readers", neighbour, read_slowly)
    after = resident_mib(server)
    print(f"  the server has {before} MiB before, {after} MiB after")
    assert all(isinstance(got, OSError) or got < 16 << 20 for got in results)
    assert after < before + 512
    assert greedy.call("long")[0] == 200  # whoever reads properly is served again


def test_whoever_goes_away_or_stops_sending_leaves_its_place_to_others(server: Server, greedy: Tenant) -> None:
    greedy.deploy("left", ENDLESS, request_s=60)
    greedy.deploy("halfway", NEIGHBOUR, request_s=1)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        line.sendall(head(greedy, "GET", "left") + b"\r\n")
        eventually(lambda: in_flight(server) == 1)
    eventually(lambda: in_flight(server) == 0)  # long before its time is over
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        line.sendall(head(greedy, "POST", "halfway") + b"Content-Length: 100\r\n\r\nonly so much")
        assert line.recv(1_000).split()[1] in (b"400", b"408")


def head(tenant: Tenant, method: str, app: str) -> bytes:
    """The first lines of a request."""
    lines = f"{method} /run/{tenant.name}.{app}/ HTTP/1.1", "Host: a", f"Authorization: Bearer {tenant.key}", ""
    return "\r\n".join(lines).encode()


def in_flight(server: Server) -> int:
    """Requests that the server is answering, besides the one that asks."""
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    line.request("GET", "/metrics")
    metrics = line.getresponse().read().decode()
    line.close()
    (value,) = [row.split()[1] for row in metrics.splitlines() if row.startswith("maillage_http_requests_in_flight ")]
    return int(float(value)) - 1


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def resident_mib(server: Server) -> int:
    """What the server's process has in memory now."""
    assert server._process is not None
    status = Path(f"/proc/{server._process.pid}/status")
    if not status.exists():
        pytest.skip("only Linux says how much memory another process has")
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) // 1_024
