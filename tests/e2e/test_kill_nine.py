"""A server is killed with -9 in the middle of a burst, again and again, and keeps every promise that it made.

Goal: whatever a client was told stays true. Method: threads ask, repeat, confirm and release over real connections;
at a random moment the process is killed; after the restart the server's own list is compared with what the clients
were told, each pool is added up at every instant, keys are repeated, and the checker reads the journal.
"""

import http.client
import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from maillage.verify import check
from tests.e2e.books import Books, all_leases, oversold
from tests.e2e.server import ADMIN_KEY, Client, NoAnswer, Server

SITES = [f"wm-{number}" for number in range(6)]
SIZES = {"cpu": 8, "memory": 32, "pallet_chilled": 3}
THREADS = 12
DAY_S = 86_400


def rounds() -> Any:
    """Two as a rule, ten in the long run."""
    return [pytest.param(2, id="two rounds"), pytest.param(10, id="ten rounds", marks=pytest.mark.long)]


def body(rng: random.Random, window: int) -> dict[str, Any]:
    """An ask for something, somewhere, within three days from ``window`` on."""
    start = window + rng.randrange(0, 3 * DAY_S, 900)
    needs = {kind: rng.choice((0.5, 1, 1.25, 2)) for kind in rng.sample(sorted(SIZES), rng.choice((1, 1, 2, 3)))}
    asked = {
        "needs": needs,
        "start": rfc3339(start),
        "end": rfc3339(start + rng.choice((1_800, 4 * 3_600, DAY_S))),
        "class": rng.choice(("firm", "firm", "spot", "house")),
    }
    if rng.random() < 0.25:
        asked["near"] = {"lat": 36.0 + rng.random(), "lon": -94.0, "within_km": 150}
    else:
        asked["site"] = rng.choice(SITES)
    if rng.random() < 0.4:
        asked["hold_s"] = 3_600
    return asked


def rfc3339(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Burst:
    """Threads that ask until the server is gone."""

    def __init__(self, port: int, books: Books, seed: str, window: int) -> None:
        self._port, self._books, self._seed, self._window = port, books, seed, window
        self.answers = 0
        self.faults: list[str] = []

    def run(self) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._work, args=(number,), daemon=True) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        return threads

    def _work(self, number: int) -> None:
        rng = random.Random(f"{self._seed}-{number}")
        with Client(self._port) as client:
            try:
                while True:
                    key = f"{self._seed}-{rng.getrandbits(64):016x}"
                    (self._batch if rng.random() < 0.05 else self._single)(client, rng, key)
                    self.answers += 1
            except NoAnswer:
                return
            except Exception as fault:
                self.faults.append(f"{type(fault).__name__}: {fault}")

    def _single(self, client: Client, rng: random.Random, key: str) -> None:
        asked = body(rng, self._window)
        for _ in range(2 if rng.random() < 0.1 else 1):
            self._books.asking(key, asked)
            status, document = client.call("POST", "/v1/leases", asked, Idempotency_Key=key)
            self._books.answered(key, asked, status, document)
        if status != 201 or rng.random() < 0.4:
            return
        step = rng.choice(("confirm", "release"))
        self._books.moving.add(document["id"])
        status, moved = client.call("POST", f"/v1/leases/{document['id']}/{step}")
        self._books.moving.discard(document["id"])
        if status == 200:
            (self._books.confirmed if step == "confirm" else self._books.released).add(document["id"])
        else:
            assert (status, document["class"]) == (409, "spot"), f"{step} was answered {status}: {moved}"

    def _batch(self, client: Client, rng: random.Random, key: str) -> None:
        asked = [body(rng, self._window) for _ in range(rng.randint(2, 8))]
        for number, item in enumerate(asked):
            self._books.asking(f"{key}#{number}", item)
        results = client.ok("POST", "/v1/leases/batch", {"leases": asked}, Idempotency_Key=key)["results"]
        for number, (item, result) in enumerate(zip(asked, results, strict=True)):
            answer = result.get("lease") or result["problem"]
            self._books.answered(f"{key}#{number}", item, result["status"], answer)


def set_up(client: Client) -> None:
    for number, site in enumerate(SITES):
        client.ok(
            "PUT", f"/v1/sites/{site}", {"name": site, "lat": 36 + number / 5, "lon": -94, "tz": "America/Chicago"}
        )
        for kind, size in SIZES.items():
            client.ok("PUT", f"/v1/sites/{site}/capacity/{kind}", {"size": size})


def settle(client: Client, books: Books) -> None:
    """Send again, with their keys, the asks that got no answer: each is granted once, or refused."""
    for key, asked in list(books.unanswered.items()):
        books.answered(key, asked, *client.call("POST", "/v1/leases", asked, Idempotency_Key=key))


def judge(client: Client, books: Books, rng: random.Random) -> None:
    """The server's list against what its clients were told, and against the sizes; and keys, repeated."""
    listed = all_leases(client)
    assert not books.compare(listed)
    assert not oversold(listed, SIZES)
    for key in rng.sample(sorted(books.granted), min(40, len(books.granted))):
        asked, lease_id = books.granted[key]
        status, document = client.call("POST", "/v1/leases", asked, Idempotency_Key=key)
        assert (status, document["id"]) == (201, lease_id), (
            f"{key} was granted {lease_id}, and now {status}: {document}"
        )


@pytest.mark.parametrize("many", rounds())
def test_what_was_acknowledged_survives_kill_nine_and_nothing_is_oversold(server: Server, many: int) -> None:
    seed = os.environ.get("KILL_NINE_SEED") or f"{random.SystemRandom().getrandbits(32):08x}"
    print(f"run again with KILL_NINE_SEED={seed}")
    rng, books = random.Random(seed), Books()
    tomorrow = int(time.time()) // DAY_S * DAY_S + DAY_S
    with Client(server.port) as client:
        set_up(client)
    for number in range(many):
        burst = Burst(server.port, books, f"{seed}-{number}", tomorrow + number * 4 * DAY_S)
        threads = burst.run()
        time.sleep(rng.uniform(0.3, 1.5))
        server.kill()
        for thread in threads:
            thread.join(30)
        assert not burst.faults
        assert burst.answers > 20, "too little happened to judge"
        server.start()
        with Client(server.port) as client:
            judge(client, books, rng)
            settle(client, books)
            judge(client, books, rng)
    server.kill()
    report = check(server.folder)
    assert report.ok, report.faults[:5]
    assert report.leases >= len(books.leases) > 50


def test_a_stop_by_sigterm_answers_what_is_under_way_and_leaves_a_folder_that_opens_cleanly(server: Server) -> None:
    with Client(server.port) as client:
        set_up(client)
    books = Books()
    burst = Burst(server.port, books, "sigterm", int(time.time()) + DAY_S)
    threads = burst.run()
    time.sleep(0.5)
    began = time.monotonic()
    code, errors = server.stop()
    assert (code, "Traceback" in errors) == (0, False), errors
    assert time.monotonic() - began < 10
    for thread in threads:
        thread.join(30)
    answered_503 = [fault for fault in burst.faults if "answered 503" in fault]
    assert burst.faults == answered_503, "while it stops it may say so, and nothing else"
    assert not list(server.folder.glob("*-wal")), "SQLite has put its journal away"
    report = check(server.folder)
    assert report.ok and report.leases >= len(books.leases)
    server.start()
    with Client(server.port) as client:
        assert not books.compare(all_leases(client))


def test_requests_in_flight_at_a_sigterm_are_answered(server: Server) -> None:
    with Client(server.port) as client:
        client.ok("PUT", "/v1/sites/wm-0", {"name": "wm-0", "lat": 36, "lon": -94})
        client.ok("PUT", "/v1/sites/wm-0/capacity/cpu", {"size": 1_000_000})
    asks = {"leases": [{"needs": {"cpu": 0.001}, "site": "wm-0"}] * 1_000}
    with ThreadPoolExecutor(4) as pool:
        clients = [Client(server.port) for _ in range(4)]
        for client in clients:
            client.ok("GET", "/healthz")
        under_way = [pool.submit(client.call, "POST", "/v1/leases/batch", asks) for client in clients]
        time.sleep(0.01)
        server.terminate()
        answers = [one.result() for one in under_way]
    assert [status for status, _ in answers if status not in (200, 503)] == []
    granted = [result["lease"]["id"] for status, document in answers if status == 200 for result in document["results"]]
    assert server.wait()[0] == 0
    server.start()
    with Client(server.port) as client:
        assert set(granted) <= all_leases(client).keys()


def test_a_stop_does_not_wait_for_followers_of_events(server: Server) -> None:
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    line.request("GET", "/v1/events", headers={"Authorization": f"Bearer {ADMIN_KEY}"})
    assert line.getresponse().readline().startswith(b":")
    began = time.monotonic()
    assert server.stop()[0] == 0
    assert time.monotonic() - began < 10


def test_a_second_server_on_the_same_folder_ends_with_one_clear_line(server: Server) -> None:
    second = Server(server.folder).popen()
    out, errors = second.communicate(timeout=30)
    said = [line for line in (out + errors).splitlines() if line.strip() and not line.startswith("hint:")]
    assert second.returncode not in (0, None)
    assert len(said) == 1, said
    assert str(server.folder) in said[0] or "folder" in said[0]
    with Client(server.port) as client:
        assert client.ok("GET", "/healthz") == {"status": "ok"}


def test_a_port_that_is_taken_is_one_clear_line_too(server: Server, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "maillage", "up", "--port", str(server.port)]
    env = os.environ | {"MAILLAGE_HOME": str(tmp_path / "other"), "NO_COLOR": "1", "COLUMNS": "400"}
    second = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
    said = [
        line for line in (second.stdout + second.stderr).splitlines() if line.strip() and not line.startswith("hint:")
    ]
    assert second.returncode not in (0, None) and len(said) == 1 and str(server.port) in said[0], said
