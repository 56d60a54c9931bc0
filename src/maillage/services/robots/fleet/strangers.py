"""Robots that speak on the broker and that nobody has registered: whoever connects one sees that it is there."""

from collections import OrderedDict
from typing import NamedTuple

from maillage.services.robots.fleet.master import Said
from maillage.services.robots.vda5050.topics import Address

STRANGERS_MAX = 1_000


class Stranger(NamedTuple):
    """What is known of one: its names, what version it speaks, when it was heard, what was wrong with it last."""

    address: Address
    version: str
    heard_ms: int
    violation: str = ""


class Strangers:
    """The last so many."""

    def __init__(self) -> None:
        self._known: OrderedDict[Address, Stranger] = OrderedDict()
        self._said: dict[Address, dict[type, tuple[Said, int]]] = {}

    def said(self, address: Address, message: Said, at_ms: int) -> None:
        self._enter(Stranger(address, message.version, at_ms))
        self._said.setdefault(address, {})[type(message)] = (message, at_ms)

    def violated(self, address: Address, text: str, at_ms: int) -> None:
        known = self._known.get(address)
        self._enter(Stranger(address, "" if known is None else known.version, at_ms, text))

    def take(self, address: Address) -> list[tuple[Said, int]]:
        """It is none any more: the last that it said on each topic, since what is retained is not sent again."""
        self._known.pop(address, None)
        return sorted(self._said.pop(address, {}).values(), key=lambda each: each[1])

    def all(self) -> list[Stranger]:
        """In order of their names."""
        return sorted(self._known.values())

    def _enter(self, stranger: Stranger) -> None:
        self._known[stranger.address] = stranger
        self._known.move_to_end(stranger.address)
        while len(self._known) > STRANGERS_MAX:
            gone, _ = self._known.popitem(last=False)
            self._said.pop(gone, None)
