"""Requests to one container, by HTTP over its own loopback: as many at once, as long and as large as its limits say."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from urllib.parse import quote

import httpcore

from maillage.engines.podman.answering import Answering, AnswerTooLarge
from maillage.engines.podman.dialling import Dial, Dialling
from maillage.kernel.errors import Invalid
from maillage.services.compute.errors import BodyTooLarge, Busy, CodeFault
from maillage.services.compute.model import Instance, Meters
from maillage.services.compute.ports import Count, HeaderList, Inbound, Outbound

_SAFE = "/:@!$&'()*+,;=~-._"  # what RFC 3986 lets stand in a path
KEEP_S = 1.0
"""An idle connection is used again within this: shorter than servers commonly keep one."""
_HOP_BY_HOP = frozenset(
    # RFC 9110, section 7.6.1, and what older proxies knew.
    [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)
Fate = Callable[[], Awaitable[CodeFault | None]]
"""What became of the container, where it does not run any more."""


class Proxy:
    """``dial`` connects to the app, ``fate`` is asked when it fails."""

    def __init__(self, instance: Instance, dial: Dial, fate: Fate, count: Count) -> None:
        limits = instance.limits
        self._id, self._port, self._limits = instance.id, instance.settings.port, limits
        self._fate, self._count = fate, count
        self._turns = asyncio.Semaphore(limits.concurrency)
        self._waiting = 0
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=None, keepalive_expiry=KEEP_S, network_backend=Dialling(dial)
        )

    async def invoke(self, request: Inbound) -> Outbound:
        """As the port says."""
        await self._take_turn()
        loop = asyncio.get_running_loop()
        began = loop.time()
        used = Meters(requests=1)

        def over() -> None:
            used.wall_us = round((loop.time() - began) * 1_000_000)
            self._count(used)
            self._give_turn()

        try:
            async with asyncio.timeout_at(began + self._limits.request_s):
                answer = await self._pool.handle_async_request(await self._outgoing(request, used))
            return await self._incoming(answer, used, over, began + self._limits.request_s)
        except BaseException as fault:
            over()
            raise await self._told(fault) from None

    async def settle(self, grace_s: float) -> None:
        """Wait until no request is under way, or the grace is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._idle.wait()

    async def close(self) -> None:
        await self._pool.aclose()

    async def _take_turn(self) -> None:
        if self._turns.locked() and self._waiting >= self._limits.waiting:
            raise Busy(
                f"{self._limits.concurrency} requests run and {self._waiting} wait; try again in a moment",
                instance=self._id,
            )
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.request_s):
                await self._turns.acquire()
        except TimeoutError:
            raise Busy(f"no turn came within {self._limits.request_s:g} s", instance=self._id) from None
        finally:
            self._waiting -= 1
        self._under_way += 1
        self._idle.clear()

    def _give_turn(self) -> None:
        self._turns.release()
        self._under_way -= 1
        if self._under_way == 0:
            self._idle.set()

    async def _outgoing(self, request: Inbound, used: Meters) -> httpcore.Request:
        headers = _end_to_end(request.headers)
        target = quote(request.path, safe=_SAFE) + (f"?{request.query}" if request.query else "")
        declared = next((value for name, value in headers if name == "content-length"), None)
        if declared is not None and not (declared.isascii() and declared.isdigit()):
            raise Invalid("content-length", "is not a number of bytes")
        counted = self._counted(request.body, used, declared)
        body: AsyncIterator[bytes] | None = counted
        if declared is None:
            first = await anext(counted, b"")
            body = _after(first, counted) if first else None
            if first:
                headers.append(("transfer-encoding", "chunked"))
        if not any(name == "host" for name, _ in headers):
            headers.insert(0, ("host", f"127.0.0.1:{self._port}"))
        return httpcore.Request(
            request.method,
            httpcore.URL(scheme=b"http", host=b"127.0.0.1", port=self._port, target=target.encode("latin-1")),
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
            content=body,
        )

    async def _counted(
        self, body: AsyncIterator[bytes], used: Meters, declared: str | None
    ) -> AsyncGenerator[bytes, None]:
        async for chunk in body:
            used.bytes_in += len(chunk)
            if used.bytes_in > self._limits.request_bytes:
                raise BodyTooLarge(
                    f"the body has more than the {self._limits.request_bytes:,} bytes that are taken",
                    most=self._limits.request_bytes,
                )
            if declared is not None and used.bytes_in > int(declared):
                break
            yield chunk
        if declared is not None and used.bytes_in != int(declared):
            raise Invalid("body", f"has not the {declared[:20]} bytes that its content-length says")

    async def _incoming(
        self, answer: httpcore.Response, used: Meters, over: Callable[[], None], until: float
    ) -> Outbound:
        headers = _end_to_end(
            [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in answer.headers]
        )
        length = next((value for name, value in headers if name == "content-length"), "0")
        fault = ""
        if answer.status < 200:
            fault = f"it answered {answer.status}, which is no final answer"
        elif length.isdigit() and int(length) > self._limits.response_bytes:
            fault = f"its answer has {length} bytes, at most {self._limits.response_bytes} are taken"
        if fault:
            await answer.aclose()
            raise self._fault(fault, "answer")
        return Outbound(answer.status, headers, Answering(answer, used, over, until, self._limits, self._told))

    async def _told(self, fault: BaseException) -> BaseException:
        """A failure in the words of the port."""
        if isinstance(fault, TimeoutError | httpcore.TimeoutException):
            return self._fault(f"it took longer than the {self._limits.request_s:g} s of a request", "time")
        if isinstance(fault, AnswerTooLarge):
            return self._fault(f"its answer has more than the {self._limits.response_bytes} bytes taken", "answer")
        if isinstance(fault, httpcore.LocalProtocolError | UnicodeEncodeError):
            return Invalid("request", f"can't be passed on: {str(fault)[:200]}")
        if isinstance(fault, httpcore.ConnectError):
            return await self._fate() or self._fault(f"nothing takes connections on port {self._port}", "answer")
        if isinstance(fault, httpcore.NetworkError | httpcore.ProtocolError):
            return await self._fate() or self._fault(f"its answer is broken: {str(fault)[:200]}", "answer")
        return fault

    def _fault(self, detail: str, fault: str) -> CodeFault:
        return CodeFault(detail, instance=self._id, fault=fault)


def _end_to_end(headers: HeaderList) -> HeaderList:
    """Without those that are for one connection only."""
    named = {word.strip().lower() for name, value in headers if name == "connection" for word in value.split(",")}
    dropped = _HOP_BY_HOP | named
    return [(name, value) for name, value in headers if name not in dropped]


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
