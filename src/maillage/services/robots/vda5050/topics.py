"""Topics of VDA 5050 (section 6.5): ``interface/v2/manufacturer/serial/topic``."""

import re
from typing import NamedTuple

from maillage.kernel.errors import Invalid

INTERFACE = "uagv"
"""The interface name, where nothing else was agreed on."""
MAJOR = "v2"
ORDER, INSTANT_ACTIONS = "order", "instantActions"
STATE, CONNECTION, FACTSHEET, VISUALIZATION = "state", "connection", "factsheet", "visualization"
FROM_ROBOTS = (STATE, CONNECTION, FACTSHEET, VISUALIZATION)
NAME = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
"""What a manufacturer or a serial may look like: the characters that VDA 5050 allows, and a length of ours."""


class Address(NamedTuple):
    """A robot's names in topics."""

    manufacturer: str
    serial: str


def checked_name(name: str, field: str) -> str:
    """The name itself, or Invalid where it can be no level of a topic."""
    if not NAME.fullmatch(name):
        raise Invalid(field, f"{name[:40]!r}: VDA 5050 allows A-Z, a-z, 0-9, '_', '.', ':' and '-'; at most 64 of them")
    return name


class Topics:
    """The topics of one interface name. Invalid for a name that can be no level of a topic."""

    def __init__(self, interface: str = INTERFACE) -> None:
        self._prefix = f"{checked_name(interface, 'interface')}/{MAJOR}/"

    def of(self, address: Address, topic: str) -> str:
        return f"{self._prefix}{address.manufacturer}/{address.serial}/{topic}"

    def of_all(self, topic: str) -> str:
        """The filter that takes a topic of every robot."""
        return f"{self._prefix}+/+/{topic}"

    def parse(self, topic: str) -> tuple[Address, str] | None:
        """Whose topic it is, and which; None where it is no topic of this interface."""
        levels = topic.removeprefix(self._prefix).split("/")
        if not topic.startswith(self._prefix) or len(levels) != 3 or not all(levels):
            return None
        return Address(levels[0], levels[1]), levels[2]
