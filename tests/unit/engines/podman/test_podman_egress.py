"""The way out: what is on the list and public, and nothing that only looks like it."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from maillage.engines.podman.egress import Egress
from tests.unit.engines.podman.app_server import AppServer, an_app


async def resolve_here(host: str, port: int) -> list[str]:
    if host == "nowhere.example":
        raise OSError("no such name")
    return ["127.0.0.1"]


async def say(port: int, text: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode())
    try:
        async with asyncio.timeout(5):
            return await reader.read(-1)
    finally:
        writer.close()


def run(story: Callable[[AppServer, int], Awaitable[None]], public: bool = True) -> None:
    async def all_of_it() -> None:
        async with an_app() as app:
            app.release.set()
            listener = socket.create_server(("127.0.0.1", 0))
            allowed = [f"api.example.com:{app.port}", f"Nowhere.example:{app.port}", "plain.example"]
            egress = Egress(allowed, resolve_here, lambda _: public)
            await egress.serve(listener)
            try:
                await story(app, listener.getsockname()[1])
            finally:
                await egress.close()

    asyncio.run(all_of_it())


def test_a_tunnel_and_a_plain_request_to_a_place_on_the_list() -> None:
    async def story(app: AppServer, way: int) -> None:
        tunnel = f"CONNECT api.example.com:{app.port} HTTP/1.1\r\n\r\nGET /hangup HTTP/1.1\r\n\r\n"
        assert (await say(way, tunnel)).startswith(b"HTTP/1.1 200 OK\r\n\r\n")
        assert app.heads == ["GET /hangup HTTP/1.1\r\n\r\n"]
        plain = f"GET http://API.example.com:{app.port}/wait?a=1 HTTP/1.1\r\nHost: other.example\r\nX-A: 1\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", way)
        writer.write(plain.encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
        writer.close()
        assert app.heads[1] == (
            f"GET /wait?a=1 HTTP/1.1\r\nHost: API.example.com:{app.port}\r\nConnection: close\r\nX-A: 1\r\n\r\n"
        )

    run(story)


@pytest.mark.parametrize(
    "request_line",
    [
        "CONNECT other.example:{port} HTTP/1.1",
        "CONNECT api.example.com:1 HTTP/1.1",
        "CONNECT api.example.com HTTP/1.1",
        "CONNECT api.example.com.evil.example:{port} HTTP/1.1",
        "CONNECT 127.0.0.1:{port} HTTP/1.1",
        "CONNECT nowhere.example:{port} HTTP/1.1",
        "CONNECT api.example.com:{port}@other.example HTTP/1.1",
        "GET http://api.example.com@other.example:{port}/ HTTP/1.1",
        "GET http://api.example.com:99999999/ HTTP/1.1",
        "GET /local HTTP/1.1",
        "GET ftp://api.example.com:{port}/ HTTP/1.1",
        "rubbish",
    ],
)
def test_everything_else_is_refused(request_line: str) -> None:
    async def story(app: AppServer, way: int) -> None:
        answer = await say(way, request_line.format(port=app.port) + "\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 403")
        assert app.connections == 0

    run(story)


def test_a_name_on_the_list_that_leads_into_the_store() -> None:
    async def story(app: AppServer, way: int) -> None:
        answer = await say(way, f"CONNECT api.example.com:{app.port} HTTP/1.1\r\n\r\n")
        assert b"403" in answer
        assert b"not public" in answer
        assert app.connections == 0

    run(story, public=False)


def test_a_place_that_takes_no_connection() -> None:
    async def story(app: AppServer, way: int) -> None:
        assert (await say(way, "CONNECT plain.example:80 HTTP/1.1\r\n\r\n")).startswith(
            (b"HTTP/1.1 502", b"HTTP/1.1 200")
        )

    run(story)
