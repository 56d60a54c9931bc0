"""A client of MQTT 3.1.1 that sends what a test says, right or wrong, byte by byte. It knows nothing of our code."""

import asyncio
import struct
from typing import NamedTuple

WAIT_S = 10.0


class Came(NamedTuple):
    """A PUBLISH as it was received."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    dup: bool = False
    number: int = 0


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("!H", len(raw)) + raw


def packet(first: int, body: bytes) -> bytes:
    length, head = len(body), bytearray()
    while True:
        head.append(length % 128 | (128 if length > 127 else 0))
        length //= 128
        if not length:
            return bytes([first]) + bytes(head) + body


def connect(
    name: str,
    user: str | None = None,
    password: str | None = None,
    will: tuple[str, bytes] | None = None,
    keepalive_s: int = 60,
    level: int = 4,
    clean: bool = True,
) -> bytes:
    flags = (2 if clean else 0) | (4 if will else 0) | (128 if user is not None else 0)
    body = text(name) + (text(will[0]) + text(will[1]) if will else b"")
    if user is not None:
        body += text(user)
    if password is not None:
        flags |= 64
        body += text(password)
    properties = b"\0" if level == 5 else b""
    return packet(0x10, text("MQTT") + bytes([level, flags]) + struct.pack("!H", keepalive_s) + properties + body)


def publish(topic: str | bytes, payload: bytes, qos: int = 0, retain: bool = False, number: int = 1) -> bytes:
    first = 0x30 | qos << 1 | retain
    return packet(first, text(topic) + (struct.pack("!H", number) if qos else b"") + payload)


def subscribe(*filters: tuple[str, int], number: int = 1) -> bytes:
    return packet(0x82, struct.pack("!H", number) + b"".join(text(name) + bytes([qos]) for name, qos in filters))


class Wire:
    """A connection. Messages that come are acknowledged, unless ``acknowledging`` was switched off."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.acknowledging = True
        self.came: list[Came] = []
        self.answers: list[tuple[int, bytes]] = []
        self.closed = asyncio.Event()
        self._more = asyncio.Condition()

    async def open(self, *greeting: bytes) -> "Wire":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._listening = asyncio.get_running_loop().create_task(self._listen())
        await self.say(*greeting)
        return self

    async def say(self, *packets: bytes) -> None:
        try:
            self.writer.write(b"".join(packets))
            await self.writer.drain()
        except OSError:
            pass

    async def answer(self, kind: int) -> bytes:
        """The body of the next answer of a kind (2 CONNACK, 4 PUBACK, 9 SUBACK, 13 PINGRESP ...)."""
        async with asyncio.timeout(WAIT_S), self._more:
            await self._more.wait_for(lambda: any(one == kind for one, _ in self.answers))
        found = next(one for one in self.answers if one[0] == kind)
        self.answers.remove(found)
        return found[1]

    async def subscribe(self, *filters: str, qos: int = 1) -> bytes:
        await self.say(subscribe(*((name, qos) for name in filters)))
        return (await self.answer(9))[2:]

    async def ping(self) -> None:
        """Once it is answered, all that was sent before has been handled."""
        await self.say(b"\xc0\0")
        await self.answer(13)

    async def until(self, count: int, within_s: float = WAIT_S) -> list[Came]:
        async with asyncio.timeout(within_s), self._more:
            await self._more.wait_for(lambda: len(self.came) >= count)
        return self.came

    async def leave(self) -> None:
        """With a goodbye."""
        await self.say(b"\xe0\0")
        self.writer.close()

    def break_off(self) -> None:
        """As a line that breaks."""
        self.writer.transport.abort()

    async def _listen(self) -> None:
        try:
            while True:
                first = (await self.reader.readexactly(1))[0]
                length = shift = 0
                while True:
                    byte = (await self.reader.readexactly(1))[0]
                    length |= (byte & 127) << shift
                    shift += 7
                    if byte < 128:
                        break
                await self._take(first, await self.reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError):
            self.closed.set()

    async def _take(self, first: int, body: bytes) -> None:
        kind = first >> 4
        async with self._more:
            if kind == 3:
                end = 2 + struct.unpack("!H", body[:2])[0]
                qos = first >> 1 & 3
                number = struct.unpack("!H", body[end : end + 2])[0] if qos else 0
                payload = body[end + 2 :] if qos else body[end:]
                self.came.append(Came(body[2:end].decode(), payload, qos, bool(first & 1), bool(first & 8), number))
                if qos and self.acknowledging:
                    self.writer.write(packet(0x40 if qos == 1 else 0x50, struct.pack("!H", number)))
            elif kind == 6 and self.acknowledging:
                self.writer.write(packet(0x70, body))
            else:
                self.answers.append((kind, body))
            self._more.notify_all()
