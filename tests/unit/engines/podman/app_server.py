"""A small HTTP server that behaves and misbehaves by path, as a container's app might."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class AppServer:
    def __init__(self) -> None:
        self.port = 0
        self.heads: list[str] = []
        self.connections = 0
        self.release = asyncio.Event()

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                self.heads.append(head)
                await self._answer(head.split(" ")[1], head.lower(), reader, writer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, path: str, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match path.partition("?")[0]:
            case "/echo":
                body = await _body(head, reader)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nX-A: 1\r\nX-A: 2\r\n\r\n" % len(body) + body)
            case "/chunks":
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: x-hop\r\nx-hop: 1\r\n\r\n")
                for part in (b"one ", b"two"):
                    writer.write(b"%x\r\n%s\r\n" % (len(part), part))
                    await writer.drain()
                    await self.release.wait()
                writer.write(b"0\r\n\r\n")
            case "/endless":
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                while True:
                    writer.write(b"x" * 10_000)
                    await writer.drain()
            case "/never":
                await asyncio.sleep(60)
            case "/stuck":
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")
                await writer.drain()
                await asyncio.sleep(60)
            case "/rubbish":
                writer.write(b"\x00\xff\xfe what is this\r\n\r\n")
            case "/headers":
                writer.write(b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 300_000 + b"\r\n\r\n")
            case "/announced":
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n")
            case "/upgrade":
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")
            case "/hangup":
                writer.transport.abort()
            case "/short":
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc")
                await writer.drain()
                writer.close()
            case "/wait":
                await self.release.wait()
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            case _:
                writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")


async def _body(head: str, reader: asyncio.StreamReader) -> bytes:
    if "transfer-encoding: chunked" in head:
        parts: list[bytes] = []
        while size := int(await reader.readline(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return b"".join(parts)
    for line in head.split("\r\n"):
        if line.startswith("content-length:"):
            return await reader.readexactly(int(line.partition(":")[2]))
    return b""


@asynccontextmanager
async def an_app() -> AsyncIterator[AppServer]:
    app = AppServer()
    server = await asyncio.start_server(app.serve, "127.0.0.1", 0)
    app.port = server.sockets[0].getsockname()[1]
    try:
        yield app
    finally:
        server.close()
