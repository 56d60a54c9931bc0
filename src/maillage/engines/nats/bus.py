"""The bus over NATS: requests and messages as core NATS has them, what is carried in a stream of JetStream."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from maillage.engines.bus_rules import (
    check_body,
    check_collector,
    check_headers,
    check_message_id,
    check_pattern,
    check_subject,
)
from maillage.engines.nats.collector import Collecting, StreamWish
from maillage.engines.nats.line import Line
from maillage.engines.nats.link import Address, Link, document
from maillage.engines.nats.stream import STREAM, StreamLimits, ensure
from maillage.engines.nats.takers import Listening, Serving
from maillage.mesh.ports import Hear, Serve, Subscription, Unreachable

_log = logging.getLogger(__name__)
FIRST_CONNECTION_S = 10.0
CARRY_S = 5.0
CLOSE_S = 5.0
"""How long what is under way may take to end when the bus is closed."""
NO_CREDENTIALS_INBOX = "_INBOX"


class NatsBus:
    """A member's connection to a NATS server, or to the leaf server in its store."""

    def __init__(self, address: Address) -> None:
        self._stream = StreamWish()
        self._line = Line(address, self._on_up)
        self._parts: list[Serving | Listening | Collecting] = []
        self._closed = False

    @classmethod
    async def connect(
        cls,
        servers: Sequence[str],
        name: str,
        credentials: Path | None = None,
        inbox_prefix: str | None = None,
        *,
        wait: bool = True,
        ca: Path | None = None,
    ) -> "NatsBus":
        """Connect to one of ``servers`` (``nats://host:port`` or ``tls://...``), and again for ever.

        ``credentials`` is a credentials file, the same for a hub's server and for the leaf server of the store. With
        ``wait`` Unreachable is raised where no connection comes about; without, this returns at once and keeps trying.
        ``ca`` signs the servers' certificates, where the system's authorities do not.
        """
        if not servers:
            raise ValueError("servers: at least one address, such as nats://127.0.0.1:4222")
        if credentials is not None and not await asyncio.to_thread(credentials.is_file):
            raise FileNotFoundError(f"there is no credentials file {credentials}")
        bus = cls(Address(list(servers), name, credentials, inbox_prefix or NO_CREDENTIALS_INBOX, ca))
        if wait:
            try:
                async with asyncio.timeout(FIRST_CONNECTION_S):
                    await bus._line.up()
            except TimeoutError:
                trouble = bus._line.trouble
                await bus.close()
                raise Unreachable(f"no connection to {', '.join(servers)}: {trouble}") from None
        return bus

    @property
    def connected(self) -> bool:
        return self._line.link is not None and not self._closed

    async def ensure_stream(self, limits: StreamLimits | None = None) -> None:
        """See to it that what is carried is kept: now, and whenever the stream turns out to be gone. For hubs.

        On a connected bus Unreachable where the server does not keep streams or lacks the room.
        """
        self._stream.limits = limits or StreamLimits()
        if (link := self._line.link) is not None:
            await ensure(link, self._stream.limits)

    async def request(
        self, subject: str, body: bytes, timeout_s: float, headers: Mapping[str, str] | None = None
    ) -> bytes:
        check_subject(subject)
        check_body(body, subject)
        answer = await self._require(subject).request(subject, body, timeout_s, check_headers(headers))
        return bytes(answer.data)

    async def serve(self, subject: str, handler: Serve) -> Subscription:
        return await self._begin(Serving(self._line, check_pattern(subject), handler))

    async def send(self, subject: str, body: bytes) -> None:
        check_subject(subject)
        check_body(body, subject)
        if self.connected:
            with suppress(Unreachable):
                link = self._require(subject)
                async with link.within(CARRY_S, subject):
                    await link.publish(subject, body)

    async def listen(self, subject: str, handler: Hear) -> Subscription:
        return await self._begin(Listening(self._line, check_pattern(subject), handler))

    async def carry(self, subject: str, body: bytes, message_id: str) -> None:
        check_subject(subject)
        check_body(body, subject)
        headers = {"Nats-Msg-Id": check_message_id(message_id), "Nats-Expected-Stream": STREAM}
        answer = document((await self._require(subject).request(subject, body, CARRY_S, headers)).data)
        if answer.get("stream") != STREAM:
            error = answer.get("error", {})
            raise Unreachable(f"{subject}: not kept: {error.get('description', 'an answer that is no receipt')}")

    async def collect(self, subject: str, name: str, handler: Hear) -> Subscription:
        check_pattern(subject)
        check_collector(name)
        collecting = Collecting(self._line, subject, name, handler, self._stream)
        self._parts.append(collecting)
        return collecting

    async def close(self) -> None:
        """Take no more, let what is under way end, send what is waiting."""
        self._closed = True
        parts = list(self._parts)
        for part in parts:
            await part.stop()
        running = [task for part in parts for task in part.running()]
        if running:
            _, late = await asyncio.wait(running, timeout=CLOSE_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=CLOSE_S)
        await self._line.close()

    def _require(self, what: str) -> Link:
        if self._closed:
            raise Unreachable(f"{what}: the bus is closed")
        return self._line.require(what)

    async def _begin(self, part: Serving | Listening) -> Subscription:
        self._parts.append(part)
        await self._line.place(part.wish)
        return part

    async def _on_up(self, link: Link) -> None:
        if self._stream.limits is not None:
            try:
                await ensure(link, self._stream.limits)
            except Unreachable as error:
                _log.warning("the stream of what is carried was not looked after: %s", error)
