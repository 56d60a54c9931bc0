"""An app that counts how often it was asked, in what it keeps; and a client that asks its session all the time."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

wasmtime = pytest.importorskip("wasmtime", reason="there is no wasmtime here to compile and run the apps with")

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


def counting_app() -> bytes:
    """The code of the app."""
    text = APP.read_text()
    assert NOTHING_MATCHED in text
    code: bytes = wasmtime.wat2wasm(text.replace(NOTHING_MATCHED, COUNTS))
    return code


def upload(port: int, key: str, app: str, code: bytes) -> None:
    """A version of an app."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/wasm"}
    line.request("POST", f"/v1/apps/{app}/versions", code, headers)
    answer = line.getresponse()
    assert answer.status == 201, answer.read()
    line.close()


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
