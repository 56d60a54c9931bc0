"""The one way out of a container: an HTTP proxy on its own loopback, which knows where the deployment may call.

It answers CONNECT and plain requests, to hosts that are on the list and lead to public addresses. The name is resolved
here, and the connection goes to the very address that was looked at. In an encrypted connection only the host is seen.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import msgspec

from maillage.kernel.errors import Invalid
from maillage.tenancy.webhooks.targets import Resolve, is_public, resolve_by_system

HEAD_MAX = 16 * 1024
CONNECTIONS_MAX = 64
CONNECT_WITHIN_S = 10.0
IDLE_MAX_S = 60.0
_CHUNK = 64 * 1024
_DEFAULT_PORTS = (80, 443)
_DROPPED = frozenset({"connection", "keep-alive", "proxy-connection", "proxy-authorization", "te", "upgrade"})


class _Wanted(msgspec.Struct, frozen=True):
    """``head`` is what is passed on, empty for a tunnel."""

    host: str
    port: int
    head: bytes


class Egress:
    """``allowed`` are hosts, for the ports of HTTP and HTTPS, or ``host:port``. ``fits`` says which addresses may be
    connected to."""

    def __init__(
        self,
        allowed: Sequence[str],
        resolve: Resolve = resolve_by_system,
        fits: Callable[[str], bool] = is_public,
    ) -> None:
        self._allowed = frozenset(place for entry in allowed for place in _places(entry))
        self._resolve, self._fits = resolve, fits
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def serve(self, listener: socket.socket) -> None:
        """From now on, until closed."""
        self._server = await asyncio.start_server(self._accept, sock=listener, limit=HEAD_MAX)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._open) >= CONNECTIONS_MAX:
            writer.transport.abort()
            return
        self._open.add(task)
        try:
            await self._serve_one(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(IDLE_MAX_S):
            head = await reader.readuntil(b"\r\n\r\n")
        try:
            wanted = _read_head(head)
            address = await self._address(wanted)
            async with asyncio.timeout(CONNECT_WITHIN_S):
                there, to_there = await asyncio.open_connection(address, wanted.port)
        except Invalid as refusal:
            await _answer(writer, "403 Forbidden", refusal.detail)
            return
        except (OSError, TimeoutError):
            await _answer(writer, "502 Bad Gateway", "no connection to that host")
            return
        try:
            to_there.write(wanted.head)
            if not wanted.head:
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, to_there))
                both.create_task(_pump(there, writer))
        except* (OSError, TimeoutError):
            pass
        finally:
            to_there.transport.abort()

    async def _address(self, wanted: _Wanted) -> str:
        if (wanted.host, wanted.port) not in self._allowed:
            raise Invalid("outbound", f"{wanted.host[:100]}:{wanted.port} is not on the deployment's list")
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                addresses = await self._resolve(wanted.host, wanted.port)
        except (OSError, UnicodeError):
            addresses = []
        for address in addresses:
            if not self._fits(address):
                raise Invalid("outbound", f"{wanted.host[:100]} leads to an address that is not public")
        if not addresses:
            raise Invalid("outbound", f"{wanted.host[:100]} can't be resolved to an address")
        return addresses[0]


WayOut = Callable[[Sequence[str]], Egress]
"""Makes the way out for a deployment's list."""


def _places(entry: str) -> list[tuple[str, int]]:
    host, _, port = entry.strip().lower().partition(":")
    return [(host, int(port))] if port.isdigit() else [(host, number) for number in _DEFAULT_PORTS]


def _read_head(head: bytes) -> _Wanted:
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3:
        raise Invalid("request", "is no HTTP")
    method, target, _ = words
    try:
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        host, port = parts.hostname or "", parts.port or (443 if method == "CONNECT" else 80)
    except ValueError:
        raise Invalid("request", "names no host and port") from None
    if method == "CONNECT":
        return _Wanted(host, port, b"")
    if parts.scheme != "http":
        raise Invalid("request", "must name http://host/path, or be a CONNECT for https")
    kept = [line for line in lines[1:] if line and line.partition(":")[0].strip().lower() not in _DROPPED | {"host"}]
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # One request a connection: a further one could name another host than the one that was looked at.
    fresh = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc.rpartition('@')[2]}", "Connection: close", *kept]
    return _Wanted(host, port, "\r\n".join([*fresh, "", ""]).encode("latin-1"))


async def _answer(writer: asyncio.StreamWriter, status: str, detail: str) -> None:
    body = f"{detail}\n".encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    with contextlib.suppress(OSError):
        await writer.drain()
        writer.close()
        await writer.wait_closed()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while True:
        async with asyncio.timeout(IDLE_MAX_S):
            chunk = await source.read(_CHUNK)
            if not chunk:
                break
            sink.write(chunk)
            await sink.drain()
    if sink.can_write_eof():
        sink.write_eof()
