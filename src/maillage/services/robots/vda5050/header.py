"""What every message of VDA 5050 begins with, and the versions that are spoken."""

from datetime import UTC, datetime
from typing import Literal

import msgspec

Version = Literal["2.0.0", "2.1.0"]
NEWEST: Version = "2.1.0"


class Header(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``header_id`` counts the messages of a topic; ``timestamp`` is RFC 3339 in UTC."""

    header_id: int
    timestamp: str
    version: str
    manufacturer: str
    serial_number: str


def spoken(version: str) -> Version | None:
    """The version in which to answer somebody who speaks this one; None for one of another major number."""
    if version.split(".")[0] != "2":
        return None
    return "2.0.0" if version.startswith("2.0") else NEWEST


def format_ms(at_ms: int) -> str:
    """Milliseconds UTC as VDA 5050 writes instants, such as 1991-03-11T11:40:03.120Z."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def parse_ms(text: str) -> int | None:
    """Milliseconds UTC; None for what is no instant. One without a zone counts as UTC, which is what is meant."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
