"""The way of an answer from the thread that runs the code to the event loop where its caller waits.

A short answer goes over at once, with everything that is left to do when the code has ended: crossing over costs more
than many a call. A long one goes as it comes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from maillage.engines.wasmtime.job import Job
from maillage.services.compute.errors import CodeFault
from maillage.services.compute.ports import HeaderList, Outbound

FLUSH_BYTES = 16_384


class Reply:
    """``head``, ``write``, ``flush`` and ``end`` are the worker's, in this order; the rest is the event loop's."""

    def __init__(self, job: Job, loop: asyncio.AbstractEventLoop, ended: Callable[[], None]) -> None:
        self.outbound: asyncio.Future[Outbound] = loop.create_future()
        self.bytes_out = 0
        self._job = job
        self._loop = loop
        self._ended = ended
        self._head: tuple[int, HeaderList] | None = None
        self._pending = bytearray()
        self._chunks: list[bytes] = []
        self._news = asyncio.Event()
        self._over = False
        self._fault: CodeFault | None = None

    def head(self, status: int, headers: HeaderList) -> None:
        self._head = (status, headers)

    def write(self, data: bytes) -> None:
        self._pending += data
        self.bytes_out += len(data)

    def flush(self) -> None:
        """Let the caller have what there is, while the code runs on."""
        if self._head is not None and self._pending:
            chunk = bytes(self._pending)
            self._pending.clear()
            self._loop.call_soon_threadsafe(self._take, chunk)

    def end(self, fault: CodeFault | None) -> None:
        self._loop.call_soon_threadsafe(self._finish, bytes(self._pending), fault)

    def _take(self, chunk: bytes) -> None:
        if chunk:
            self._chunks.append(chunk)
        self._news.set()
        if not self.outbound.done() and self._head is not None:
            status, headers = self._head
            self.outbound.set_result(Outbound(status, headers, self._body()))

    def _finish(self, chunk: bytes, fault: CodeFault | None) -> None:
        self._ended()
        self._over = True
        self._fault = fault
        if fault is None or self.outbound.done():
            self._take(chunk)
        else:
            self.outbound.set_exception(fault)

    async def _body(self) -> AsyncIterator[bytes]:
        try:
            while self._chunks or not self._over:
                if self._chunks:
                    yield self._chunks.pop(0)
                else:
                    self._news.clear()
                    await self._news.wait()
            if self._fault is not None:
                raise self._fault
        finally:
            self._job.stop("time", "its caller went away")
