"""A real HTTP server that receives webhooks, on a free port of loopback, and answers as it is told."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import msgspec
from standardwebhooks import Webhook as Verifier

WITHIN_S = 15.0


class Answer(msgspec.Struct, frozen=True):
    """``wait`` holds the answer back until it is set."""

    status: int = 204
    headers: dict[str, str] = {}
    body: bytes = b""
    wait: threading.Event | None = None


class Received(NamedTuple):
    """``headers`` have names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = msgspec.json.decode(self.body)
        return event

    def verified_by(self, secret: str) -> dict[str, Any]:
        """The event; raises WebhookVerificationError where the signature is not by this secret."""
        event: dict[str, Any] = Verifier(secret).verify(self.body, self.headers)
        return event


class Receiver:
    """``answers`` are given one after another, then ``usual``; ``got`` is what came, in order."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[Answer] = []
        self.usual = Answer()
        self.got: list[Received] = []
        self.at_once = self.at_once_max = 0
        self._came = threading.Condition()

    def take(self, received: Received) -> Answer:
        with self._came:
            self.got.append(received)
            self.at_once += 1
            self.at_once_max = max(self.at_once_max, self.at_once)
            answer = self.answers.pop(0) if self.answers else self.usual
            self._came.notify_all()
        if answer.wait is not None:
            answer.wait.wait(WITHIN_S)
        with self._came:
            self.at_once -= 1
        return answer

    def wait_for(self, count: int) -> list[Received]:
        """The first ``count`` that come."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.got) >= count, WITHIN_S), f"{len(self.got)} of {count} came"
            return self.got[:count]


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver that listens; with ``tls`` by https."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = receiver.take(Received(self.path, headers, body))
            self.send_response(answer.status)
            for name, value in ({"content-length": str(len(answer.body))} | answer.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Senders that hang up are part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver = Receiver(f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}/hook")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def until(true: Callable[[], Any], within_s: float = WITHIN_S) -> None:
    """Wait for what another process or thread is about to do and nobody announces."""
    ends_at = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < ends_at, "it did not happen in time"
        time.sleep(0.01)
