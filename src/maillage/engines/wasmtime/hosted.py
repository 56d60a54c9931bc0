"""An instance: requests come in by its gate, run on the workers within its budget, and are counted."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import TYPE_CHECKING

from maillage.engines.wasmtime.budget import CpuBudget
from maillage.engines.wasmtime.gate import Gate
from maillage.engines.wasmtime.job import Job
from maillage.engines.wasmtime.reply import Reply
from maillage.kernel.errors import Malformed, NotFound
from maillage.services.compute.errors import BodyTooLarge, CodeFault
from maillage.services.compute.model import Instance, Meters
from maillage.services.compute.ports import Count, Inbound, Note, Outbound

if TYPE_CHECKING:
    from maillage.engines.wasmtime.machine import Machine, Program

_US = 1_000_000


class Hosted:
    """On the event loop, but for what runs in ``_work``."""

    def __init__(self, machine: "Machine", instance: Instance, program: "Program", note: Note, count: Count) -> None:
        self._machine = machine
        self._instance = instance
        self._program = program
        self._note = note
        self._count = count
        self._budget = CpuBudget(instance.limits.cpu)
        self._gate = Gate(instance.app, instance.limits.concurrency, instance.limits.waiting)
        self._jobs: set[Job] = set()
        self._ended = False
        self._empty = asyncio.Event()
        self._empty.set()

    async def invoke(self, request: Inbound) -> Outbound:
        within_s = self._instance.limits.request_s
        self._gate.admit()
        try:
            body = await self._body(request.body, within_s)
            await self._gate.turn(within_s)
        except BaseException:
            self._gate.leave()
            raise
        if self._ended:
            self._gate.done()
            raise NotFound(f"no instance {self._instance.id} runs here")
        return await self._answer(request, body, within_s)

    async def end(self, grace_s: float) -> None:
        """Take nothing more, and have what runs end within the grace."""
        self._ended = True
        try:
            async with asyncio.timeout(grace_s):
                await self._empty.wait()
        except TimeoutError:
            for job in self._jobs:
                job.stop("time", "the instance was stopped before it had answered")
            await self._empty.wait()

    async def _answer(self, request: Inbound, body: bytes, within_s: float) -> Outbound:
        job = Job(self._instance, self._note, self._budget, monotonic() + within_s)
        reply = Reply(job, self._machine.loop, lambda: self._done(job))
        self._jobs.add(job)
        self._empty.clear()
        self._machine.ticker.begin()
        self._machine.workers.submit(lambda: self._work(job, request, body, reply))
        try:
            return await reply.outbound
        except asyncio.CancelledError:
            job.stop("time", "its caller went away")
            raise

    def _done(self, job: Job) -> None:
        self._machine.ticker.end()
        self._jobs.discard(job)
        if not self._jobs:
            self._empty.set()
        self._gate.done()

    def _work(self, job: Job, request: Inbound, body: bytes, reply: Reply) -> None:
        fault = None
        begun = monotonic()
        try:
            if not job.begin():
                raise job.fault("time", "it was stopped before it began")
            self._program.run(job, request, body, reply)
        except CodeFault as failed:
            fault = failed
        except Exception as failed:
            fault = job.fault("trap", f"the store failed at running it: {type(failed).__name__}: {failed}"[:300])
        job.end()
        wall_us = round((monotonic() - begun) * _US)
        self._count(Meters(1, job.fuel, wall_us, len(body), reply.bytes_out))
        reply.end(fault)

    async def _body(self, chunks: AsyncIterator[bytes], within_s: float) -> bytes:
        most = self._instance.limits.request_bytes
        came: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(within_s):
                async for chunk in chunks:
                    size += len(chunk)
                    if size > most:
                        raise BodyTooLarge(f"{self._instance.app} takes bodies of at most {most:,} bytes", most=most)
                    came.append(chunk)
        except TimeoutError:
            raise Malformed(f"the request's body did not come within {within_s:g} s") from None
        return b"".join(came)
