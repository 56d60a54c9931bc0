"""Load over HTTP from a process of its own: ``python -m benchmarks.load --port N ...`` prints one JSON object.

Raw sockets and one epoll; each connection sends its next request when it has its answer. A request is four pieces that
were made beforehand, joined, so that the generator needs a small part of the time that the server does.
"""

import argparse
import gc
import json
import re
import select
import socket
import sys
import time
from collections import Counter
from statistics import quantiles
from typing import Any, Protocol

from benchmarks.wishes import HOURS, START_HOURS, Wishes

ANSWER_WITHIN_S = 30.0
CHUNK = 1 << 16
WISHES_A_SECOND = 60_000
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked\r\n", re.IGNORECASE)
_LAST_CHUNK = b"\r\n0\r\n\r\n"


class Failed(Exception):
    """The server did not do what was asked; the text is for the reader."""


class Requests(Protocol):
    """What is asked, request by request."""

    def next(self) -> bytes: ...

    def fault_of(self, status: int, answer: bytes, body_at: int) -> str | None:
        """What is wrong with an answer; None when it is as it must be."""
        ...


class LeaseRequests:
    """Turns wishes into requests: one lease each, or ``batch`` of them."""

    def __init__(self, key: str, sites: int, first_s: int, batch: int) -> None:
        self._wishes = Wishes(None, sites)  # keys may never recur, so no seed
        self._batch = batch
        path = "/v1/leases/batch" if batch else "/v1/leases"
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: application/json\r\nIdempotency-Key: "
        ).encode()
        self._of_site = [f'{{"site":"s{site}",' for site in range(sites)]
        self._of_first = [
            f'"needs":{{"cpu":4,"memory":16}},"start":"{_time(first_s + first * 3600)}",'
            f'"end":"{_time(first_s + (first + HOURS) * 3600)}"}}'
            for first in range(START_HOURS)
        ]
        tail = len(self._of_first[0])
        self._of_site_alone = [
            f"\r\nContent-Length: {len(body) + tail}\r\n\r\n{body}".encode() for body in self._of_site
        ]
        self._of_first_alone = [body.encode() for body in self._of_first]

    def make_ready(self, seconds: float) -> None:
        self._wishes.make_ready(round(seconds * WISHES_A_SECOND))

    def next(self) -> bytes:
        if self._batch:
            return self._next_batch()
        site, first, key = self._wishes.next()
        return b"".join((self._head, key.encode(), self._of_site_alone[site], self._of_first_alone[first]))

    def fault_of(self, status: int, answer: bytes, body_at: int) -> str | None:
        """What is wrong with an answer; None when all was granted."""
        if self._batch:
            granted = status == 200 and answer.count(b'"status":201', body_at) == self._batch
        else:
            granted = status == 201
        return (
            None
            if granted
            else f"the answer was {status}: {answer[body_at : body_at + 500].decode('utf-8', 'replace')}"
        )

    def _next_batch(self) -> bytes:
        wishes = [self._wishes.next() for _ in range(self._batch)]
        body = ",".join([self._of_site[wish.site] + self._of_first[wish.first] for wish in wishes])
        rest = f'{wishes[0].key}\r\nContent-Length: {len(body) + 13}\r\n\r\n{{"leases":[{body}]}}'
        return self._head + rest.encode()


class Line:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_WITHIN_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.unsent = self.received = b""
        self.asked_at = 0.0


class Load:
    def __init__(self, port: int, connections: int, requests: Requests) -> None:
        self._requests = requests
        self._lines = {line.socket.fileno(): line for line in (Line(port) for _ in range(connections))}
        self._epoll = select.epoll()
        for number in self._lines:
            self._epoll.register(number, select.EPOLLIN)
        self._statuses: Counter[int] = Counter()

    def run(self, seconds: float) -> dict[str, Any]:
        """Ask for that long, await what is under way, and say how it went."""
        waits: list[float] = []
        lines, clock = self._lines, time.perf_counter
        start, busy = clock(), time.process_time()
        until = start + seconds
        for line in lines.values():
            self._ask(line)
        waiting = len(lines)
        while waiting:
            ready = self._epoll.poll(ANSWER_WITHIN_S)
            if not ready:
                raise Failed(f"no answer came within {ANSWER_WITHIN_S:g} s")
            for number, _ in ready:
                line = lines[number]
                if line.unsent:
                    self._send(line)
                elif self._has_answer(line):
                    now = clock()
                    waits.append(now - line.asked_at)
                    if now < until:
                        self._ask(line)
                    else:
                        waiting -= 1
        took = clock() - start
        cuts = quantiles(waits, n=100)
        return {
            "requests": len(waits),
            "seconds": took,
            "requests_per_s": len(waits) / took,
            "p50_ms": cuts[49] * 1e3,
            "p99_ms": cuts[98] * 1e3,
            "statuses": self._statuses,
            "generator_busy": (time.process_time() - busy) / took,
        }

    def _ask(self, line: Line) -> None:
        line.unsent = self._requests.next()
        line.asked_at = time.perf_counter()
        self._send(line, first=True)

    def _send(self, line: Line, first: bool = False) -> None:
        """Mostly all of it at once; else the rest when there is room again."""
        try:
            sent = line.socket.send(line.unsent)
        except BlockingIOError:
            sent = 0
        line.unsent = line.unsent[sent:]
        if line.unsent or not first:
            self._epoll.modify(line.socket, select.EPOLLOUT if line.unsent else select.EPOLLIN)

    def _has_answer(self, line: Line) -> bool:
        """Take in what came; True once it is a whole answer, and a good one."""
        data = line.socket.recv(CHUNK)
        if not data:
            raise Failed("the server closed a connection")
        if line.received:
            data = line.received + data
        line.received = data
        body_at = data.find(b"\r\n\r\n") + 4
        if body_at < 4:
            return False
        length = _LENGTH.search(data, 0, body_at)
        if length is None and _CHUNKED.search(data, 0, body_at) is None:
            raise Failed(f"an answer without a length: {data[:body_at].decode('latin-1')}")
        if len(data) < body_at + int(length[1]) if length else not data.endswith(_LAST_CHUNK):
            return False
        line.received = b""
        status = int(data[9:12])
        self._statuses[status] += 1
        fault = self._requests.fault_of(status, data, body_at)
        if fault is not None:
            raise Failed(fault)
        return True


def _time(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", required=True, help="the API key")
    parser.add_argument("--sites", type=int, required=True, help="leases are asked at s0, s1, ... up to this many")
    parser.add_argument("--first-s", type=int, required=True, help="the first hour that a lease starts at, in seconds")
    parser.add_argument("--batch", type=int, default=0, help="leases a request (default: one, and not as a batch)")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    requests = LeaseRequests(options.key, options.sites, options.first_s, options.batch)
    requests.make_ready(options.seconds)
    return report(options.port, options.connections, requests, options.seconds)


def report(port: int, connections: int, requests: Requests, seconds: float) -> int:
    """Print how it went as one JSON object; the exit code."""
    gc.disable()  # nothing here makes cycles
    try:
        print(json.dumps(Load(port, connections, requests).run(seconds)))
    except (Failed, OSError) as fault:
        print(f"load: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
