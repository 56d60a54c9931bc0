"""The embedded broker's door: who comes in, and that each client has one connection."""

import asyncio
import logging
import ssl
from contextlib import suppress

from maillage.devices.admission import Admission, Admitted
from maillage.devices.broker import BrokerCounts
from maillage.engines.mqtt.embedded import packets
from maillage.engines.mqtt.embedded.connection import Connection, Tally
from maillage.engines.mqtt.embedded.exchange import Exchange
from maillage.engines.mqtt.embedded.limits import Limits
from maillage.engines.mqtt.embedded.packets import Greeting, Malformed

_log = logging.getLogger(__name__)
LOOK_EVERY_S = 0.5
KEEPALIVE_FACTOR = 1.5
"""MQTT 3.1.1, section 3.1.2.10."""
LEAVE_S = 2.0
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class EmbeddedBroker:
    """``devices.broker.DeviceBroker``, in the event loop that starts it. Port 0 takes a free one. With ``tls`` it
    speaks nothing else."""

    def __init__(
        self,
        admission: Admission,
        host: str = "127.0.0.1",
        port: int = 1883,
        limits: Limits = Limits(),  # noqa: B008  it can't be changed
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._admission, self._limits, self._tls = admission, limits, tls
        self.host, self._port = host, port
        self._exchange, self._tally = Exchange(limits), Tally()
        self._members: dict[str, Connection] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._looking: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        return self._port

    @property
    def counts(self) -> BrokerCounts:
        tally = self._tally
        return BrokerCounts(len(self._members), tally.messages, tally.unauthorised, tally.refused, tally.cut)

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await asyncio.start_server(self._come, self.host, self._port, ssl=self._tls)
        self._port = self._server.sockets[0].getsockname()[1]
        self._looking = loop.create_task(self._look())

        def gone(client_id: str) -> None:  # in whatever thread the change was made
            loop.call_soon_threadsafe(self._end, client_id)

        self._deaf = self._admission.on_gone(gone)

    async def stop(self) -> None:
        """Every connection ends; wills are not published, for it is not the clients that went."""
        if self._server is None or self._looking is None:
            return
        self._deaf()
        self._server.close()
        self._looking.cancel()
        for task in list(self._serving):
            task.cancel()
        if self._serving:
            await asyncio.wait(self._serving)
        await self._server.wait_closed()
        self._server = None

    async def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            if len(self._serving) <= self._limits.connections:
                await self._receive((reader, writer))
        except asyncio.CancelledError:
            pass  # the broker stops; there is nobody to tell
        except Exception:  # one connection must not harm the others
            _log.exception("a connection was ended by a fault of ours")
        finally:
            self._serving.discard(task)
            if not writer.transport.is_closing():
                writer.transport.abort()

    async def _receive(self, streams: _Streams) -> None:
        try:
            async with asyncio.timeout(self._limits.connect_s):
                frame = await packets.read_frame(streams[0], self._limits.packet_bytes)
                if frame is None:
                    return
                greeting = await packets.greeting(frame)
        except (Malformed, TimeoutError):
            self._tally.cut += 1
            return
        who = self._admission.admit(greeting.username, greeting.password)
        code = _code(greeting, who)
        if code or who is None:
            self._tally.unauthorised += 1
            await _turn_away(streams[1], packets.connack(code, greeting.level))
            return
        await self._take_place(who.id)
        if not self._admission.is_current(who):  # revoked while the former connection went
            return
        connection = Connection(who, streams, self._exchange, self._limits, self._tally)
        self._members[who.id] = connection
        try:
            streams[1].write(packets.connack(packets.ACCEPTED))
            await connection.serve(greeting)
        finally:
            if self._members.get(who.id) is connection:
                del self._members[who.id]

    async def _take_place(self, client_id: str) -> None:
        """A client that comes again takes the place of its former connection, which may be dead."""
        while (former := self._members.get(client_id)) is not None:
            former.cut("it has connected anew")
            with suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await former.ended.wait()
            if self._members.get(client_id) is former:
                del self._members[client_id]

    def _end(self, client_id: str) -> None:
        if (connection := self._members.get(client_id)) is not None:
            connection.cut("its rights have changed")

    async def _look(self) -> None:
        """End connections that should have been heard of."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now = loop.time()
            for connection in list(self._members.values()):
                longest_s = connection.keepalive_s * KEEPALIVE_FACTOR
                if longest_s and connection.silent_s(now) > longest_s:
                    connection.cut(f"nothing was heard of it for {longest_s:g} s")


def _code(greeting: Greeting, who: Admitted | None) -> int:
    """What a client is told: 0 where it is let in."""
    if greeting.level != packets.LEVEL:
        return packets.WRONG_LEVEL
    if who is None or (greeting.will is not None and not who.may_publish(greeting.will.topic)):
        return packets.NOT_AUTHORISED
    return packets.ACCEPTED


async def _turn_away(writer: asyncio.StreamWriter, answer: bytes) -> None:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(LEAVE_S):
            writer.write(answer)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
