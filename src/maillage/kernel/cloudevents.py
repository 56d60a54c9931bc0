"""Events as CloudEvents 1.0: the same facts in the units of the outside world."""

from typing import Any

import msgspec

from maillage.kernel.events import Event, Noted, Resized, SiteSet
from maillage.kernel.quantities import from_micro, from_thousandths
from maillage.kernel.times import format_end, format_time

_TIMES = frozenset({"start", "end", "hold_until", "since"})
_MONEY = frozenset({"per_hour", "charge", "credit", "amount"})
_PRIVATE = frozenset({"site", "seq", "at", "key", "digest", "type"})


class CloudEvent(msgspec.Struct, frozen=True):
    """``id`` is unique within ``source``; ``sequence`` is the number in the site's own sequence, without gaps."""

    specversion: str
    id: str
    source: str
    type: str
    time: str
    subject: str
    datacontenttype: str
    sequence: str
    data: dict[str, Any]


def cloud_event(event: Event) -> CloudEvent:
    """An event as the outside sees it; idempotency keys stay inside."""
    return CloudEvent(
        "1.0",
        f"{event.site}/{event.seq}",
        f"/sites/{event.site}",
        f"maillage.{event.topic}",
        format_time(event.at),
        _subject(event),
        "application/json",
        str(event.seq),
        _data(event),
    )


def _data(event: Event) -> dict[str, Any]:
    if isinstance(event, Noted):  # in the words of the service that told it
        return event.data
    return {name: _outside(name, value) for name, value in _fields(event).items() if name not in _PRIVATE}


def _subject(event: Event) -> str:
    """What the event is about: the lease, else the kind of the pool, else the site; or what a service named."""
    if isinstance(event, Noted):
        return event.about
    if isinstance(event, SiteSet):
        return event.site
    if isinstance(event, Resized):
        return event.kind
    return event.lease or event.site  # a key may be made void that was granted nothing


def _fields(event: Event) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(event)
    return fields


def _outside(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _TIMES:
        return format_end(value)
    if name in _MONEY:
        return from_micro(value)
    if name == "size":
        return from_thousandths(value)
    if name in ("needs", "meters"):
        return {part: from_thousandths(amount) for part, amount in value.items()}
    return value
