"""Which fields each type of event has, and what each may hold. docs/reference/journal.md shows the same table."""

from collections.abc import Callable
from typing import Any, NamedTuple

from maillage.verify.report import FOREVER, INSTANT_MAX

CLASSES = ("house", "firm", "spot")


class Field(NamedTuple):
    holds: Callable[[Any], bool]
    meaning: str
    optional: bool = False


def _is_quantities(value: Any, least: int) -> bool:
    return type(value) is dict and all(type(amount) is int and amount >= least for amount in value.values())


def _is_record(value: Any) -> bool:
    return (
        type(value) is dict
        and all(type(value.get(name)) is str for name in ("id", "name", "tz"))
        and all(type(value.get(name)) in (int, float) for name in ("lat", "lon"))
    )


# type(...) is int throughout, since to isinstance true and false are integers as well
TEXT = Field(lambda value: type(value) is str and value != "", "a text")
ANY_TEXT = Field(lambda value: type(value) is str, "a text, which may be empty")
NUMBER = Field(lambda value: type(value) is int and value >= 0, "a whole number from 0")
INSTANT = Field(lambda value: type(value) is int and 0 <= value < INSTANT_MAX, "seconds since 1970")
END = Field(lambda value: type(value) is int and 0 <= value <= FOREVER, f"seconds since 1970, or {FOREVER}")
NEEDS = Field(lambda value: value and _is_quantities(value, 1), "thousandths from 1 for each kind")
METERS = Field(lambda value: _is_quantities(value, 0), "thousandths for each meter")
CLASS = Field(lambda value: value in CLASSES, "house, firm or spot")
DATA = Field(lambda value: type(value) is dict, "an object")
RECORD = Field(_is_record, "a site with id, name, lat, lon and tz")
CALENDAR = Field(lambda value: type(value) is dict, "windows for each weekday", optional=True)


def _or_absent(field: Field) -> Field:
    return field._replace(optional=True)


FRAME = {"type": TEXT, "site": TEXT, "seq": NUMBER, "at": INSTANT}
FIELDS: dict[str, dict[str, Field]] = {
    "site": {"record": RECORD},
    "resized": {
        "kind": TEXT,
        "size": NUMBER,
        "since": INSTANT,
        "notice_s": _or_absent(NUMBER),
        "calendar": CALENDAR,
    },
    "leased": {
        "lease": TEXT,
        "tenant": TEXT,
        "needs": NEEDS,
        "start": INSTANT,
        "end": END,
        "class": CLASS,
        "per_hour": NUMBER,
        "hold_until": _or_absent(END),
        "key": _or_absent(TEXT),
        "digest": _or_absent(ANY_TEXT),
        "kept_by": _or_absent(ANY_TEXT),
    },
    "confirmed": {"lease": TEXT},
    "extended": {"lease": TEXT, "end": END},
    "released": {"lease": TEXT, "end": END, "charge": _or_absent(NUMBER)},
    "expired": {"lease": TEXT, "end": END},
    "reclaimed": {
        "lease": TEXT,
        "end": END,
        "by": TEXT,
        "charge": _or_absent(NUMBER),
        "credit": _or_absent(NUMBER),
        "credit_s": _or_absent(NUMBER),
    },
    "ended": {"lease": TEXT, "charge": _or_absent(NUMBER)},
    "voided": {"tenant": TEXT, "key": TEXT, "lease": _or_absent(TEXT), "end": _or_absent(END)},
    "measured": {"lease": TEXT, "meters": METERS},
    "charged": {"lease": TEXT, "line": TEXT, "amount": NUMBER},
    "noted": {"topic": TEXT, "about": TEXT, "data": DATA},
}


def problem(event: dict[str, Any], fields: dict[str, Field]) -> str | None:
    """What is wrong with the first field that is missing or impossible; None when all are well. Others are let be."""
    for name, (holds, meaning, optional) in fields.items():
        value = event.get(name)
        if value is None:
            if not optional:
                return f"the {event.get('type')} event has no {name}; it should be {meaning}"
        elif not holds(value):
            return f"the {name} of the {event.get('type')} event is {str(value)[:40]!r}; it should be {meaning}"
    return None
