"""Our line to the store's MQTT broker. We are always a client of it, be it embedded or somebody else's."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol


class Message(NamedTuple):
    """One MQTT message as it came in. ``at_ms`` is when, in milliseconds UTC by our clock; ``retained`` says that the
    broker had kept it from before we subscribed."""

    topic: str
    payload: bytes
    at_ms: int
    retained: bool = False


Take = Callable[[Sequence[Message]], Awaitable[None]]
"""Is given what came in since it last returned, in order, never empty. While it runs nothing more is given to it, and
once what waits for it is too much the line stops reading from the broker: nobody's message is dropped by us."""


class DeviceLine(Protocol):
    """A connection that comes back by itself, with all its subscriptions."""

    @property
    def connected(self) -> bool: ...

    async def start(self) -> None:
        """Connect in the background; returns at once, whether or not the broker is there."""
        ...

    async def stop(self) -> None: ...

    def subscribe(self, topic_filter: str, take: Take, qos: int = 1) -> Callable[[], None]:
        """From now on, and after each connect; before ``start`` as well. Returns what ends it. A message that several
        filters match is given once to each taker. Invalid for what is no filter."""
        ...

    async def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:
        """At QoS 0 returns when it is handed over, at 1 when the broker has it. Unreachable (see below) where there is
        no connection, or no answer within ten seconds."""
        ...


class Unreachable(Exception):
    """There is no connection to the broker, or it does not answer."""
