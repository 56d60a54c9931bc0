"""Requests that code makes: only to what its deployment lists, and never further than that."""

import asyncio
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from maillage.engines.wasmtime.outbound import NotSent, OutboundHttp, Outgoing
from maillage.services.compute.model import Settings
from tests.contract.runtimes import World
from tests.unit.engines.wasmtime.wasm_stories import COMPONENT, fault_of, play


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers.items())))  # type: ignore[attr-defined]
        if self.path == "/slow":
            time.sleep(2)
        self.send_response(302 if self.path == "/jump" else 200)
        if self.path == "/jump":
            self.send_header("location", f"http://localhost:{self.server.server_port}/secret")  # type: ignore[attr-defined]
        body = b"x" * 300_000 if self.path == "/large" else b"from the shop"
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    server.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def asked(folder: Path, listed: list[str], url: str, request_s: float = 5.0, headers: object = None) -> tuple[int, str]:
    found: list[tuple[int, str]] = []

    async def story(world: World) -> None:
        await world.start(settings=Settings(outbound=listed), request_s=request_s)
        answer = await world.ask("/out", body=url.encode(), headers=headers or [])  # type: ignore[arg-type]
        found.append((answer.status, answer.body.decode()))

    play(COMPONENT, folder, story)
    return found[0]


def test_a_host_on_the_list_is_asked_and_its_answer_comes_back(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    port = server.server_port
    headers = [("x-mine", "1"), ("host", "forged"), ("content-length", "999"), ("proxy-connection", "x")]
    got = asked(tmp_path, [f"127.0.0.1:{port}"], f"http://127.0.0.1:{port}/stock?of=milk", headers=headers)
    assert got == (200, "from the shop")
    ((path, sent),) = server.seen  # type: ignore[attr-defined]
    assert path == "/stock?of=milk"
    assert sent["x-mine"] == "1"
    assert sent["host"] == f"127.0.0.1:{port}"
    assert sent.get("content-length") != "999"
    assert "proxy-connection" not in sent


def test_nothing_is_sent_to_what_is_not_on_the_list(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    port = server.server_port
    status, said = asked(tmp_path, ["api.example.com", f"127.0.0.1:{port + 1}"], f"http://127.0.0.1:{port}/")
    assert status == 403
    assert f"127.0.0.1:{port} is not on" in said
    assert server.seen == []  # type: ignore[attr-defined]


def test_a_name_that_leads_into_the_network_needs_its_address_on_the_list_too(
    server: ThreadingHTTPServer, tmp_path: Path
) -> None:
    port = server.server_port
    url = f"http://localhost:{port}/"
    status, said = asked(tmp_path, [f"localhost:{port}"], url)
    assert status == 403
    assert "not public" in said
    assert server.seen == []  # type: ignore[attr-defined]
    both = [f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"]
    assert asked(tmp_path, both, url) == (200, "from the shop")


def test_a_redirect_comes_back_as_it_is(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    port = server.server_port
    assert asked(tmp_path, [f"127.0.0.1:{port}"], f"http://127.0.0.1:{port}/jump")[0] == 302
    assert [path for path, _ in server.seen] == ["/jump"]  # type: ignore[attr-defined]


def test_an_answer_that_is_too_large_or_too_late_or_none_is_a_failure(
    server: ThreadingHTTPServer, tmp_path: Path
) -> None:
    here = f"127.0.0.1:{server.server_port}"
    status, said = asked(tmp_path, [here], f"http://{here}/large")
    assert (status, "262144" in said) == (502, True)
    status, said = asked(tmp_path, ["127.0.0.1:1"], "http://127.0.0.1:1/")
    assert (status, "Connect" in said) == (502, True)


def test_an_answer_that_never_comes_ends_with_the_request(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    here = f"127.0.0.1:{server.server_port}"

    async def story(world: World) -> None:
        await world.start(settings=Settings(outbound=[here]), request_s=0.3)
        begun = time.monotonic()
        assert (await fault_of(world.ask("/out", body=f"http://{here}/slow".encode())))[0] == "time"
        assert time.monotonic() - begun < 1.5

    play(COMPONENT, tmp_path, story)


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.com/", "http://", "example.com", "http://user:pw@example.com/", "http://example.com:99999/"),
        *("http://example.com/\r\nx: y", "http://exa mple.com/", "http://[::1", "http://example.com@127.0.0.1/"),
    ],
)
def test_what_is_no_url_is_not_sent(url: str, tmp_path: Path) -> None:
    assert asked(tmp_path, ["example.com", "user", "exa mple.com"], url)[0] == 403


async def _leads_to(address: str, listed: list[str]) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return [address]

    http = OutboundHttp(resolve)
    try:
        await http.send(Outgoing("GET", "https://api.example.com/", [], b""), listed, 0.2, 100)
    finally:
        await http.close()


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fe80::1%eth0", "100.64.1.1"]
)
def test_a_name_of_the_web_that_leads_to_a_private_address_is_not_followed(address: str) -> None:
    with pytest.raises(NotSent, match="not public"):
        asyncio.run(_leads_to(address, ["api.example.com"]))


def test_a_method_that_cant_be_is_not_sent() -> None:
    async def run() -> None:
        http = OutboundHttp()
        with pytest.raises(NotSent, match="no method"):
            await http.send(Outgoing("GET /\r\n", "http://example.com/", [], b""), ["example.com"], 1.0, 100)
        await http.close()

    asyncio.run(run())
