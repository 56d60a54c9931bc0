"""One client's connection, from the moment when it was let in."""

import asyncio
import logging
from contextlib import suppress

from maillage.devices.admission import Admitted
from maillage.engines.mqtt.embedded import packets
from maillage.engines.mqtt.embedded.exchange import REFUSED, Exchange
from maillage.engines.mqtt.embedded.limits import Limits, Pace
from maillage.engines.mqtt.embedded.outbox import Outbox
from maillage.engines.mqtt.embedded.packets import Frame, Malformed, Published

_log = logging.getLogger(__name__)
UNRELEASED_MAX = 100
"""Messages at QoS 2 that a client may have sent without the second half of their handshake."""
_UNSUBACK = 11


class Tally:
    """What the broker counts."""

    messages = unauthorised = refused = cut = 0


class Connection:
    """``Member`` of the exchange. Packets are handled one after the other, so that what a client sends keeps its
    order, and all that it sent before it left is passed on."""

    def __init__(
        self,
        who: Admitted,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        exchange: Exchange,
        limits: Limits,
        tally: Tally,
    ) -> None:
        self.who = who
        self.outbox = Outbox(limits.waiting, limits.waiting_bytes)
        self._reader, self._writer = streams
        self._exchange, self._limits, self._tally = exchange, limits, tally
        self._pace = None if who.house else Pace(limits.messages_per_s, limits.burst)
        self._unreleased: set[int] = set()
        self._waiting_since: float | None = None
        self.keepalive_s = 0
        self._loop = asyncio.get_running_loop()
        self.ended = asyncio.Event()

    async def serve(self, greeting: packets.Greeting) -> None:
        """Until the client leaves, or has to."""
        self._exchange.join(self)
        sending = self._loop.create_task(self._send())
        goodbye = False
        try:
            self.keepalive_s = greeting.keepalive_s
            goodbye = await self._listen()
        except Malformed as fault:
            self.cut(str(fault))
        finally:
            sending.cancel()
            self.outbox.close()
            self._exchange.leave(self)
            if goodbye:
                self._writer.close()
            else:
                self._writer.transport.abort()
            self.ended.set()
        if greeting.will is not None and not goodbye:
            await self._exchange.route(self.who.id, greeting.will)

    def cut(self, reason: str) -> None:
        if not self._writer.transport.is_closing():
            _log.info("%s is cut off: %s", self.who.id, reason)
            self._tally.cut += 1
        self._writer.transport.abort()

    def silent_s(self, now: float) -> float:
        """For how long the next packet has been waited for; 0 while something is being done for the client."""
        return 0.0 if self._waiting_since is None else now - self._waiting_since

    async def _listen(self) -> bool:
        """Handle packets until the end; whether the client said goodbye."""
        while True:
            self._waiting_since = self._loop.time()
            frame = await packets.read_frame(self._reader, self._limits.packet_bytes)
            self._waiting_since = None
            if frame is None:
                return False
            packets.require_flags(frame)
            if frame.kind == packets.DISCONNECT:
                return True
            await self._handle(frame)

    async def _handle(self, frame: Frame) -> None:
        kind = frame.kind
        if kind == packets.PUBLISH:
            await self._publish(packets.published(frame))
        elif kind in (packets.PUBACK, packets.PUBCOMP):
            self.outbox.acknowledge(packets.acknowledged(frame), received=False)
        elif kind == packets.PUBREC:
            await self._answer(self.outbox.acknowledge(packets.acknowledged(frame), received=True))
        elif kind == packets.PUBREL:
            number = packets.acknowledged(frame)
            self._unreleased.discard(number)
            await self._answer(packets.acknowledge(packets.PUBCOMP, number))
        elif kind == packets.SUBSCRIBE:
            await self._subscribe(*await packets.subscribed(frame))
        elif kind == packets.UNSUBSCRIBE:
            number, filters = await packets.unsubscribed(frame)
            self._exchange.unsubscribe(self, filters)
            await self._answer(packets.acknowledge(_UNSUBACK, number))
        elif kind == packets.PINGREQ:
            await self._answer(packets.PINGRESP)
        else:
            raise Malformed("a second CONNECT")

    async def _publish(self, message: Published) -> None:
        number = message.number or 0
        if not (message.qos == 2 and number in self._unreleased):
            await self._pass_on(message)
        if message.qos == 2:
            self._unreleased.add(number)
            if len(self._unreleased) > UNRELEASED_MAX:
                raise Malformed("messages at QoS 2 that it never releases")
        if message.qos:
            await self._answer(packets.acknowledge(packets.PUBACK if message.qos == 1 else packets.PUBREC, number))

    async def _pass_on(self, message: Published) -> None:
        """By its rights; MQTT 3.1.1 has no word for a refusal, so what is refused is acknowledged too."""
        self._tally.messages += 1
        if self.who.may_publish(message.topic):
            await self._exchange.route(self.who.id, message)
        else:
            self._tally.refused += 1
            _log.debug("%s may not publish to %s", self.who.id, message.topic)
        if self._pace is not None and (wait_s := self._pace.take(self._loop.time())):
            await asyncio.sleep(wait_s)

    async def _subscribe(self, number: int, filters: list[tuple[str, int]]) -> None:
        codes = await self._exchange.subscribe(self, filters)
        await self._answer(packets.suback(number, codes))
        granted = [one for one, code in zip(filters, codes, strict=True) if code != REFUSED]
        await self._exchange.give_retained(self, granted)

    async def _answer(self, packet: bytes) -> None:
        if packet:
            self._writer.write(packet)
            with suppress(OSError):
                await self._writer.drain()

    async def _send(self) -> None:
        with suppress(OSError):
            while True:
                self._writer.write(await self.outbox.next())
                await self._writer.drain()
