"""The master control's end of the line: messages to robots and from them."""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Protocol, TypedDict

import msgspec

from maillage.devices.line import DeviceLine, Message
from maillage.services.robots.fleet.orders import Route
from maillage.services.robots.vda5050.factsheet import Factsheet
from maillage.services.robots.vda5050.header import Header, Version, format_ms
from maillage.services.robots.vda5050.order import Action, InstantActions, InstantActions20, Order
from maillage.services.robots.vda5050.reading import Violation, read
from maillage.services.robots.vda5050.state import Connection, State, Visualization
from maillage.services.robots.vda5050.topics import (
    CONNECTION,
    FROM_ROBOTS,
    INSTANT_ACTIONS,
    ORDER,
    Address,
    Topics,
)

log = logging.getLogger(__name__)
Said = State | Connection | Factsheet | Visualization


class Listener(Protocol):
    """Who hears what robots say. Called in the order of arrival; must not wait."""

    def said(self, address: Address, message: Said, at_ms: int) -> None: ...

    def violated(self, address: Address, text: str, at_ms: int) -> None:
        """Something came that is not as VDA 5050 says; ``text`` is one line on what."""
        ...


class _HeaderFields(TypedDict):
    header_id: int
    timestamp: str
    version: str
    manufacturer: str
    serial_number: str


class MasterControl:
    """``now_ms`` gives the time that messages are stamped with."""

    def __init__(self, line: DeviceLine, topics: Topics, now_ms: Callable[[], int]) -> None:
        self._line = line
        self._topics = topics
        self._now_ms = now_ms
        self._header_ids: dict[str, int] = defaultdict(int)

    @property
    def connected(self) -> bool:
        return self._line.connected

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear all robots on the line from now on; returns what ends it."""

        async def take(messages: Sequence[Message]) -> None:
            for message in messages:
                self._hear(listener, message)

        ends = [self._line.subscribe(self._topics.of_all(topic), take, _qos(topic)) for topic in FROM_ROBOTS]

        def end() -> None:
            for each in ends:
                each()

        return end

    def encoded_order(
        self, address: Address, version: Version, order_id: str, update_id: int, route: Route
    ) -> tuple[bytes, str]:
        """An order message and its topic, with the next header id."""
        topic = self._topics.of(address, ORDER)
        message = Order(
            **self._header(address, version, topic),
            order_id=order_id,
            order_update_id=update_id,
            nodes=route.nodes,
            edges=route.edges,
        )
        return msgspec.json.encode(message), topic

    async def send(self, payload: bytes, topic: str) -> None:
        """At QoS 0, not retained, as the standard wants it. Unreachable where there is no connection."""
        await self._line.publish(topic, payload, 0, False)

    async def act(self, address: Address, version: Version, *actions: Action) -> None:
        """Have a robot do something at once. Unreachable where there is no connection."""
        topic = self._topics.of(address, INSTANT_ACTIONS)
        header = self._header(address, version, topic)
        message: Header
        if version == "2.0.0":
            message = InstantActions20(**header, actions=actions)
        else:
            message = InstantActions(**header, actions=actions)
        await self._line.publish(topic, msgspec.json.encode(message), 0, False)

    def _header(self, address: Address, version: Version, topic: str) -> _HeaderFields:
        header_id = self._header_ids[topic]
        self._header_ids[topic] = (header_id + 1) % (1 << 32)
        return {
            "header_id": header_id,
            "timestamp": format_ms(self._now_ms()),
            "version": version,
            "manufacturer": address.manufacturer,
            "serial_number": address.serial,
        }

    def _hear(self, listener: Listener, message: Message) -> None:
        parsed = self._topics.parse(message.topic)
        if parsed is None or (not message.payload and message.retained):
            return
        address, topic = parsed
        try:
            listener.said(address, read(topic, message.payload, address), message.at_ms)
        except Violation as violation:
            listener.violated(address, str(violation), message.at_ms)
        except Exception:  # one robot's message must not take the others' line down
            log.exception("a message on %s could not be taken", message.topic[:200])


def _qos(topic: str) -> int:
    return 1 if topic == CONNECTION else 0
