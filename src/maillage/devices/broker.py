"""The broker of a store, where this program runs one itself."""

from typing import NamedTuple, Protocol


class BrokerCounts(NamedTuple):
    """Since the start, but for ``connected``. ``unauthorised`` connections proved nothing; ``refused`` messages went to
    a topic that their client may not publish to; ``cut`` connections sent what is no MQTT, or too much of it, or did
    not read what was sent to them."""

    connected: int
    messages: int
    unauthorised: int
    refused: int
    cut: int


class DeviceBroker(Protocol):
    """Lets in whom admission knows, and carries between them what their filters allow."""

    @property
    def port(self) -> int:
        """Where it listens, once it was started."""
        ...

    @property
    def counts(self) -> BrokerCounts: ...

    async def start(self) -> None:
        """Listens when it returns. OSError where the address can't be had."""
        ...

    async def stop(self) -> None: ...
