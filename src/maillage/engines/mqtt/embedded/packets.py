"""MQTT 3.1.1 packets: read strictly, built plainly. The one place that knows amqtt.

Publishing, which is nearly all that happens, is read and built by hand; the rest by amqtt. That reads leniently (half a
packet, text that is not UTF-8), so a packet counts only if it builds to the very bytes that came.
"""

import asyncio
import struct
from typing import Any, NamedTuple

from amqtt.adapters import BufferReader  # type: ignore[import-untyped]
from amqtt.errors import AMQTTError, MQTTError, NoDataError  # type: ignore[import-untyped]
from amqtt.mqtt.connack import ConnackPacket  # type: ignore[import-untyped]
from amqtt.mqtt.connect import ConnectPacket  # type: ignore[import-untyped]
from amqtt.mqtt.suback import SubackPacket  # type: ignore[import-untyped]
from amqtt.mqtt.subscribe import SubscribePacket  # type: ignore[import-untyped]
from amqtt.mqtt.unsubscribe import UnsubscribePacket  # type: ignore[import-untyped]

from maillage.devices.topics import topic_problem

LEVEL = 4
LEVEL_5 = 5
ACCEPTED, WRONG_LEVEL, NOT_AUTHORISED = 0, 1, 5
CONNECT, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT = (
    1, 3, 4, 5, 6, 7, 8, 10, 12, 14,
)  # fmt: skip
PINGRESP = b"\xd0\x00"
_FLAGS = dict.fromkeys((CONNECT, PUBACK, PUBREC, PUBCOMP, PINGREQ, DISCONNECT), 0) | dict.fromkeys(
    (PUBREL, SUBSCRIBE, UNSUBSCRIBE), 2
)
_ID = struct.Struct("!H")


class Malformed(Exception):
    """What came is no packet of MQTT 3.1.1, or one that no client may send."""


class Frame(NamedTuple):
    """A packet as it came: its first byte, and what follows its length."""

    first: int
    body: bytes

    @property
    def kind(self) -> int:
        return self.first >> 4


class Published(NamedTuple):
    """``number`` is the packet's own; None at QoS 0."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    number: int | None = None


class Greeting(NamedTuple):
    """What a client said when it connected. ``level`` is the protocol's: 4 for 3.1.1."""

    level: int
    username: str | None = None
    password: str | None = None
    keepalive_s: int = 0
    will: Published | None = None


async def read_frame(reader: asyncio.StreamReader, most: int) -> Frame | None:
    """The next packet; None at the end of the stream. Malformed where it is longer than ``most`` bytes."""
    try:
        first = (await reader.readexactly(1))[0]
        length = shift = 0
        while True:
            byte = (await reader.readexactly(1))[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
            if shift > 21:
                raise Malformed("a length of more than four bytes")
        if length > most:
            raise Malformed(f"a packet of {length} bytes")
        return Frame(first, await reader.readexactly(length) if length else b"")
    except (asyncio.IncompleteReadError, OSError):
        return None


def published(frame: Frame) -> Published:
    """A PUBLISH packet."""
    qos, body = frame.first >> 1 & 3, frame.body
    end = 2 + int.from_bytes(body[:2], "big")
    begin = end + (2 if qos else 0)
    if qos == 3 or len(body) < begin or (qos == 0 and frame.first & 8):
        raise Malformed("a PUBLISH that is cut off, or of no known QoS")
    try:
        topic = body[2:end].decode()
    except UnicodeDecodeError:
        raise Malformed("a topic that is not UTF-8") from None
    if problem := topic_problem(topic):
        raise Malformed(problem)
    number = _number(body[end:begin]) if qos else None
    return Published(topic, body[begin:], qos, bool(frame.first & 1), number)


def acknowledged(frame: Frame) -> int:
    """The number in a PUBACK, PUBREC, PUBREL or PUBCOMP."""
    return _number(frame.body)


async def greeting(frame: Frame) -> Greeting:
    """A CONNECT packet. Of a protocol of another level only that level is told."""
    if frame.kind != CONNECT or frame.first & 15:
        raise Malformed("the first packet is no CONNECT")
    for name in (b"\0\4MQTT", b"\0\6MQIsdp"):
        level = frame.body[len(name) : len(name) + 1]
        if frame.body.startswith(name) and level and level[0] != LEVEL:
            return Greeting(level[0])
    packet = await _decoded(frame, ConnectPacket)
    if packet.proto_name != "MQTT":
        raise Malformed("another protocol")
    head, payload = packet.variable_header, packet.payload
    if head.reserved_flag or head.will_qos == 3 or (head.password_flag and not head.username_flag):
        raise Malformed("flags that contradict each other")
    will = None
    if head.will_flag:
        if problem := topic_problem(payload.will_topic):
            raise Malformed(problem)
        will = Published(payload.will_topic, bytes(payload.will_message), head.will_qos, head.will_retain_flag)
    elif head.will_qos or head.will_retain_flag:
        raise Malformed("flags of a will, and no will")
    return Greeting(head.proto_level, payload.username, payload.password, head.keep_alive, will)


async def subscribed(frame: Frame) -> tuple[int, list[tuple[str, int]]]:
    """Number, filters and their QoS of a SUBSCRIBE."""
    packet = await _decoded(frame, SubscribePacket)
    wanted = packet.payload.topics
    if not wanted or any(qos > 2 for _, qos in wanted):
        raise Malformed("a SUBSCRIBE to nothing, or at no known QoS")
    return _require_number(packet.variable_header.packet_id), wanted


async def unsubscribed(frame: Frame) -> tuple[int, list[str]]:
    """Number and filters of an UNSUBSCRIBE."""
    packet = await _decoded(frame, UnsubscribePacket)
    return _require_number(packet.variable_header.packet_id), packet.payload.topics


def require_flags(frame: Frame) -> None:
    """Malformed where it is of a kind that no client sends, or its flags are not that kind's."""
    if frame.kind != PUBLISH and _FLAGS.get(frame.kind) != frame.first & 15:
        raise Malformed(f"a packet of kind {frame.kind} with flags {frame.first & 15}")


def connack(code: int, level: int = LEVEL) -> bytes:
    """The answer to a CONNECT; a client that speaks MQTT 5 is told in its own form that this broker doesn't."""
    if level == LEVEL_5:
        return b"\x20\x03\x00\x84\x00"
    return bytes(ConnackPacket.build(0, code).to_bytes())


def publish(topic: str, payload: bytes, qos: int, retain: bool, number: int) -> bytes:
    """A PUBLISH packet; ``number`` is not used at QoS 0."""
    name = topic.encode()
    head = _ID.pack(len(name)) + name + (_ID.pack(number) if qos else b"")
    return bytes([PUBLISH << 4 | qos << 1 | retain]) + _length(len(head) + len(payload)) + head + payload


def acknowledge(kind: int, number: int) -> bytes:
    """A PUBACK, PUBREC, PUBREL, PUBCOMP or UNSUBACK (11)."""
    return bytes([kind << 4 | _FLAGS.get(kind, 0), 2]) + _ID.pack(number)


def suback(number: int, codes: list[int]) -> bytes:
    """The answer to a SUBSCRIBE: the QoS of each filter, or 128 for one that was refused."""
    return bytes(SubackPacket.build(number, codes).to_bytes())


async def _decoded(frame: Frame, kind: Any) -> Any:
    raw = bytes([frame.first]) + _length(len(frame.body)) + frame.body
    try:
        packet = await kind.from_stream(BufferReader(raw))
        if getattr(packet.payload, "client_id_is_random", False):
            packet.payload.client_id = ""
        same = packet.to_bytes() == raw
    except (AMQTTError, MQTTError, NoDataError, ValueError, TypeError, IndexError, struct.error) as fault:
        raise Malformed(str(fault)) from None
    if not same:
        raise Malformed(f"a packet of kind {frame.kind} that is not what it says")
    return packet


def _number(two: bytes) -> int:
    if len(two) != 2:
        raise Malformed("a packet without its number")
    return _require_number(_ID.unpack(two)[0])


def _require_number(number: int) -> int:
    if not number:
        raise Malformed("a packet's number is never 0")
    return number


def _length(length: int) -> bytes:
    found = bytearray()
    while length > 0x7F:
        found.append(length & 0x7F | 0x80)
        length >>= 7
    found.append(length)
    return bytes(found)
