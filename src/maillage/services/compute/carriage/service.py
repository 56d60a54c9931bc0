"""What a node does for the hubs about instances: it runs what they put at its sites, and about no other site says a
word."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, TypeVar
from weakref import WeakValueDictionary

import msgspec

from maillage.kernel.errors import Invalid, LeaseState, NotFound, Refusal
from maillage.kernel.leases import site_of
from maillage.kernel.spans import extracted, span
from maillage.kernel.threads import to_the_end
from maillage.mesh.messages import UNREADABLE
from maillage.mesh.ports import Bus, Message, Subscription
from maillage.services.compute.carriage.messages import (
    BODY_BYTES_MAX,
    DropInstance,
    DropState,
    InstanceDropped,
    InstancePut,
    InstancesWanted,
    LineNoted,
    LogGiven,
    NoteLine,
    PutInstance,
    ReadLog,
    ReadState,
    RunGiven,
    RunRequest,
    SiteRequest,
    StateAnswer,
    StateDropped,
    StateKept,
    StateRequest,
    WriteState,
    compute_subject,
    instances_subject,
    packed,
    refused,
    run_subject,
)
from maillage.services.compute.carriage.reporting import Hosted, Reporting
from maillage.services.compute.carriage.state_desk import StateDesk
from maillage.services.compute.errors import BodyTooLarge, CodeFault
from maillage.services.compute.follow.state import TrackedValues
from maillage.services.compute.logs import LogPage
from maillage.services.compute.model import Instance
from maillage.services.compute.ports import Inbound, Note, Outbound

log = logging.getLogger(__name__)

DROP_WAIT_S = 2.0
"""How long an answer waits for an instance to end; its grace may be longer."""
RUN_SLACK_S = 0.25
"""Runtimes hold to ``request_s`` by themselves; the reading of the answer is cut off so much later."""
LOG_LINES_MAX = 1_000
LOG_BYTES_MAX = 700 << 10

T = TypeVar("T")


class HostOfNode(Hosted, Protocol):
    """As ``hosting.host.Host`` has them."""

    async def put(self, instance: Instance) -> None: ...

    async def drop(self, instance_id: str) -> None: ...

    async def invoke(self, instance_id: str, request: Inbound) -> Outbound: ...

    @property
    def values(self) -> TrackedValues | None: ...

    def has_lease(self, lease_id: str) -> bool:
        """Whether a lease is of a ledger here, and held or confirmed."""
        ...


class LogsToRead(Protocol):
    def read(self, instance_id: str, after: int | None, limit: int) -> LogPage: ...

    def note(self, instance_id: str) -> Note: ...


class InstanceService:
    """Serves ``site.<id>.compute`` and ``site.<id>.run`` for the node's sites, and ``node.<id>.compute``.
    ``let_go`` is called after an instance went, with what is left."""

    def __init__(
        self,
        node_id: str,
        sites: Sequence[str],
        host: HostOfNode,
        logs: LogsToRead,
        reporting: Reporting,
        let_go: Callable[[Sequence[Instance]], Awaitable[None]],
        bus: Bus,
    ) -> None:
        self._node = node_id
        self._sites = sites
        self._host = host
        self._logs = logs
        self._reporting = reporting
        self._let_go = let_go
        self._bus = bus
        values = host.values
        self._states = None if values is None else StateDesk(values)
        self._state_turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._dropping: dict[str, asyncio.Task[None]] = {}
        self._subscriptions: list[Subscription] = []

    async def start(self) -> None:
        self._subscriptions.append(await self._bus.serve(instances_subject(self._node), self._told))
        for site in self._sites:
            self._subscriptions.append(await self._bus.serve(compute_subject(site), self._answer))
            self._subscriptions.append(await self._bus.serve(run_subject(site), self._run))
        self._reporting.start()

    async def stop(self) -> None:
        """Take no more requests; those under way are answered."""
        self._reporting.stop()
        await asyncio.gather(*(subscription.stop() for subscription in self._subscriptions))
        for task in self._dropping.values():
            task.cancel()
        await asyncio.gather(*self._dropping.values(), return_exceptions=True)

    async def _told(self, message: Message) -> bytes:
        return packed(self._reporting.page(_wanted.decode(message.body)))

    async def _answer(self, message: Message) -> bytes:
        try:
            request: SiteRequest = _decoded(_requests, message)
            with extracted(message.headers), span("serve"):
                return packed(await self._done(message.subject.split(".")[1], request))
        except Refusal as refusal:
            return refused(refusal)

    async def _done(
        self, site: str, request: SiteRequest
    ) -> InstancePut | InstanceDropped | LogGiven | LineNoted | StateAnswer:
        match request:
            case PutInstance(instance):
                _require_at(site, instance.id)
                if instance.site != site or instance.lease != instance.id:
                    raise Invalid("instance", "is not of the site that was asked, or stands on no lease")
                await self._host.put(instance)
                return InstancePut(self._reporting.boot, self._reporting.changed(instance.id))
            case DropInstance(name):
                _require_at(site, name)
                return InstanceDropped(await self._drop(name))
            case ReadLog(name, after, limit):
                _require_at(site, name)
                page = await to_the_end(self._logs.read, name, after, min(max(limit, 1), LOG_LINES_MAX))
                return LogGiven(_fitting(page, after))
            case NoteLine(name, line):
                _require_at(site, name)
                self._logs.note(name)(line)
                return LineNoted()
            case ReadState(lease) | WriteState(lease) | DropState(lease):
                _require_at(site, lease)
                return await self._of_state(lease, request)

    async def _of_state(self, lease: str, request: StateRequest) -> StateAnswer:
        if self._states is None:
            if isinstance(request, DropState):
                return StateDropped()
            raise NotFound("no code here keeps anything by the lease")
        async with self._state_turns.setdefault(lease, asyncio.Lock()):
            match request:
                case ReadState():
                    return await to_the_end(self._states.read, request)
                case WriteState(_, pieces, bytes_max):
                    if not self._host.has_lease(lease):  # it comes late, and nobody would clear it up
                        raise LeaseState(f"the lease {lease[:100]} keeps nothing any more", lease=lease[:100])
                    return StateKept(await to_the_end(self._states.write, lease, pieces, bytes_max))
                case DropState():
                    await to_the_end(self._states.drop, lease)
                    return StateDropped()

    async def _drop(self, instance_id: str) -> bool:
        """Whether it is gone. It goes on leaving though nobody waits any more."""
        task = self._dropping.get(instance_id)
        if task is None:
            task = self._dropping[instance_id] = asyncio.get_running_loop().create_task(self._leave(instance_id))
        done, _ = await asyncio.wait({task}, timeout=DROP_WAIT_S)
        if done:
            task.result()
        return bool(done)

    async def _leave(self, instance_id: str) -> None:
        try:
            await self._host.drop(instance_id)
            self._reporting.changed(instance_id)
            await self._let_go(self._host.all_told())
        finally:
            del self._dropping[instance_id]

    async def _run(self, message: Message) -> bytes:
        try:
            request: RunRequest = _decoded(_runs, message)
            _require_at(message.subject.split(".")[1], request.instance)
            with extracted(message.headers), span("serve"):
                return packed(await self._ran(request))
        except Refusal as refusal:
            return refused(refusal)

    async def _ran(self, request: RunRequest) -> RunGiven:
        instance = self._host.told(request.instance)
        if instance is None:
            raise NotFound(f"the instance {request.instance[:100]!r} is not here")
        limit_s = instance.limits.request_s + RUN_SLACK_S
        asked = Inbound(request.method, request.path, request.query, request.headers, one_chunk(request.body))
        try:
            async with asyncio.timeout(limit_s):
                given = await self._host.invoke(request.instance, asked)
                return RunGiven(given.status, given.headers, await _whole(given, request.instance))
        except TimeoutError:
            raise CodeFault(f"no answer came within {limit_s:g} s", instance=request.instance, fault="time") from None


async def one_chunk(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body


async def _whole(given: Outbound, instance_id: str) -> bytes:
    body = bytearray()
    try:
        async for chunk in given.body:
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                raise BodyTooLarge(
                    f"the app answers with more than {BODY_BYTES_MAX:,} bytes, and a hub carries no more; ask the app"
                    " at its store's own address",
                    most=BODY_BYTES_MAX,
                )
    except Refusal:
        raise
    except Exception as fault:
        raise CodeFault(f"its answer broke off: {fault}", instance=instance_id, fault="answer") from None
    finally:
        close = getattr(given.body, "aclose", None)  # an iterator need not have one
        if close is not None:
            await close()
    return bytes(body)


def _fitting(page: LogPage, after: int | None) -> LogPage:
    """As much of it as one message takes: the first lines of those after a number, else the last."""
    lines = page.items if after is not None else page.items[::-1]
    size, count = 0, 0
    for line in lines:
        size += len(line.text.encode(errors="replace")) + 64
        if size > LOG_BYTES_MAX:
            break
        count += 1
    if count == len(lines):
        return page
    kept = lines[:count] if after is not None else lines[:count][::-1]
    return LogPage(kept, kept[-1].number)


_requests = msgspec.msgpack.Decoder(SiteRequest)
_runs = msgspec.msgpack.Decoder(RunRequest)
_wanted = msgspec.msgpack.Decoder(InstancesWanted)


def _decoded(decoder: "msgspec.msgpack.Decoder[T]", message: Message) -> T:
    try:
        return decoder.decode(message.body)
    except UNREADABLE as fault:
        raise Invalid("request", str(fault)[:300]) from None


def _require_at(site: str, instance_id: str) -> None:
    if site_of(instance_id) != site:
        raise Invalid("instance", "is not of the site that was asked")
