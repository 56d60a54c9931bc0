"""Requests to apps from a process of its own: ``python -m benchmarks.calls --port N --targets FILE ...``.

FILE is a JSON list of ``[address, key]``; each request goes to the next of them, in a mixed order.
"""

import argparse
import json
import random
import sys
from itertools import cycle
from pathlib import Path

from benchmarks.greeting import ANSWER
from benchmarks.load import report

_BODY = ANSWER.encode()


class Calls:
    """GET of an app's greeting. ``targets`` are addresses with the keys to call them."""

    def __init__(self, targets: list[tuple[str, str]]) -> None:
        requests = [
            f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
            for address, key in targets
        ]
        random.Random(1).shuffle(requests)
        self.next = cycle(requests).__next__

    def fault_of(self, status: int, answer: bytes, body_at: int) -> str | None:
        if status == 200 and answer.find(_BODY, body_at) >= 0:
            return None
        return f"the answer was {status}: {answer[body_at : body_at + 500].decode('utf-8', 'replace')}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--targets", type=Path, required=True, help="a JSON list of [address, key]")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    calls = Calls([(address, key) for address, key in json.loads(options.targets.read_text())])
    return report(options.port, options.connections, calls, options.seconds)


if __name__ == "__main__":
    sys.exit(main())
