"""The line of a process that was given no broker."""

from collections.abc import Callable

from maillage.devices.line import Take, Unreachable


class NoLine:
    """``line.DeviceLine``: nothing comes, and nothing can be sent."""

    connected = False

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def subscribe(self, topic_filter: str, take: Take, qos: int = 1) -> Callable[[], None]:  # noqa: ARG002
        return lambda: None

    async def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:  # noqa: ARG002
        raise Unreachable("this process was started without a broker; give it --mqtt-port or --mqtt")
