"""Many clients of a mesh at once. Each ask has a key of its own and is repeated with it until it is answered.

Each ask begins at a second of its own, so that its leases are known in any journal, whatever keys the mesh uses inside.
An ask that is not answered for a while is put by, and taken up again between others, by whichever client comes first.
"""

import itertools
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from tests.e2e.mesh_processes import ADMIN_KEY, Mesh, Process
from tests.e2e.server import Client, NoAnswer
from tests.e2e.test_kill_nine import rfc3339

THREADS = 12
SLOT_S, LEASE_S = 7_200, 3_600
AGAIN_S = 0.2
PATIENCE_S = 0.5
TIMEOUT_S = 3.0
"""After so long a client hangs up, while the hub may still be at work."""


class Asked:
    """An ask and what became of it. ``leases`` are those that were acknowledged; None without an answer so far."""

    def __init__(self, key: str, start: int, body: dict[str, Any]) -> None:
        self.key, self.start, self.body = key, start, body
        self.several = "count" in body or "sites" in body
        self.leases: list[str] | None = None
        self.released: bool | None = False
        """None where that was asked for and no answer came."""


class Clients:
    """Ask the servers from ``with`` until ``finish``. ``several`` is the share of asks for two sites, ``slots`` in how
    many hours all ask: the fewer, the more is refused. ``statuses`` counts the answers, 0 where none came."""

    def __init__(
        self, mesh: Mesh, servers: Sequence[Process], sites: Sequence[str], several: float = 0.1, slots: int = 60
    ) -> None:
        self._mesh = mesh
        self._servers = list(servers)
        self._sites = list(sites)
        self._several = several
        self._slots = slots
        self._base = (int(time.time()) // 86_400 + 2) * 86_400
        self._numbers = itertools.count()
        self._stopping = threading.Event()
        self._giving_up = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(n,), daemon=True) for n in range(THREADS)]
        self._put_by: deque[Asked] = deque()
        self.asked: dict[int, Asked] = {}
        self.statuses: Counter[int] = Counter()
        self.strange: list[str] = []
        self.granted = 0

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._giving_up.set()
        for thread in self._threads:
            thread.join(60)

    def __str__(self) -> str:
        return f"{len(self.asked)} asks, {len(self.unanswered)} without an answer; answers: {dict(self.statuses)}"

    def go_on(self, more: int = 40, within_s: float = 40.0) -> None:
        """Wait until so many more asks were granted."""
        before = self.granted
        try:
            self._mesh.until(f"{more} more asks are granted", lambda: self.granted >= before + more, within_s)
        except AssertionError as failure:
            raise AssertionError(f"{self}\n{failure}") from None

    def finish(self, settle_s: float) -> None:
        """Ask for nothing new; what has no answer by then is repeated for so long, and then left."""
        self._stopping.set()
        deadline = time.monotonic() + settle_s
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
        self._giving_up.set()
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads), "a client hangs"
        assert not self.strange, self.strange[:5]

    @property
    def unanswered(self) -> list[Asked]:
        return [asked for asked in self.asked.values() if asked.leases is None]

    def _work(self, number: int) -> None:
        rng = random.Random(number)
        try:
            while not self._giving_up.is_set():
                if self._put_by and (self._stopping.is_set() or rng.random() < 0.2):
                    with suppress(IndexError):  # another client was faster
                        self._see_through(rng, self._put_by.popleft())
                elif not self._stopping.is_set():
                    asked = self._ask(rng)
                    self.asked[asked.start] = asked
                    self._see_through(rng, asked)
                else:
                    return
        except Exception as fault:
            self.strange.append(f"{type(fault).__name__}: {fault}")

    def _see_through(self, rng: random.Random, asked: Asked) -> None:
        """Ask, and release some of what was granted; what gets no answer is put by."""
        if asked.leases is None:
            answer = self._answered(
                rng, lambda client: client.call("POST", "/v1/leases", asked.body, Idempotency_Key=asked.key)
            )
            if answer is None:
                self._put_by.append(asked)
                return
            status, document = answer
            leases = document.get("leases", [document]) if status == 201 else []
            asked.leases = [lease["id"] for lease in leases]
            self.granted += status == 201
            if status != 201 or asked.several or rng.random() > 0.3:
                return
            asked.released = None
        (lease,) = asked.leases
        answer = self._answered(rng, lambda client: client.call("POST", f"/v1/leases/{lease}/release"))
        if answer is None:
            self._put_by.append(asked)
            return
        # A repeat of a release whose answer was lost finds the lease released.
        assert answer[0] in (200, 409), f"a release was answered {answer}"
        asked.released = True

    def _ask(self, rng: random.Random) -> Asked:
        number = next(self._numbers)
        start = self._base + rng.randrange(self._slots) * SLOT_S + number % LEASE_S
        body: dict[str, Any] = {
            "needs": {"cpu": rng.choice((0.5, 1, 2))},
            "start": rfc3339(start),
            "end": rfc3339(start + LEASE_S),
        }
        draw = rng.random()
        if draw < self._several and len(self._sites) > 1:
            body["sites"] = rng.sample(self._sites, 2)
        elif draw < 0.5:
            body["near"] = {"lat": 36 + rng.random() / 2, "lon": -94.0, "within_km": 200}
        else:
            body["site"] = rng.choice(self._sites)
        return Asked(f"key-{number}", start, body)

    def _answered(self, rng: random.Random, attempt: Callable[[Client], tuple[int, Any]]) -> tuple[int, Any] | None:
        """A definite answer; None where none comes for a while."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            server = rng.choice(self._servers)
            try:
                with Client(server.port, ADMIN_KEY, TIMEOUT_S) as client:
                    status, document = attempt(client)
            except NoAnswer:
                status, document = 0, None
            self.statuses[status] += 1
            if status in (200, 201, 409):
                return status, document
            if status not in (0, 503):
                self.strange.append(f"answered {status}: {document}")
            if time.monotonic() > deadline or self._giving_up.wait(AGAIN_S):
                return None
