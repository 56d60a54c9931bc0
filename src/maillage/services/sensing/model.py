"""The nouns of sensing: profiles of devices, devices, readings."""

from enum import StrEnum
from typing import Literal, NamedTuple

import msgspec

PayloadFormat = Literal["plain", "json", "sparkplug_b"]
Role = Literal["temperature", "door", "defrost", "humidity", "power", "battery", "other"]
"""What a measure is to the cold chain: a temperature is guarded, door and defrost explain it."""
Side = Literal["above", "below"]
Severity = Literal["warning", "critical"]


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity that a device reports.

    ``path`` says where it is in the payload: for JSON the members and indexes from the top, with dots (``air.t``,
    ``probes.0.value``), for Sparkplug B the metric's name; None where the payload is the plain number. A reading is
    ``raw * scale + offset`` in ``unit`` (UCUM: ``Cel``, ``%``, ``W``, ``1`` for a truth). One outside ``minimum`` and
    ``maximum`` can't be: it is refused, not alarmed on (40 for 4 °C sent in °F is out of a chiller's bounds; -0.4 for
    -18 °C is not out of a freezer's, and alarms). What is stored is rounded to ``resolution``.
    """

    name: str
    unit: str
    role: Role = "other"
    path: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    minimum: float
    maximum: float
    resolution: float = 0.01


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """When a measure is alarming: ``side`` of ``limit`` for ``dwell_s`` without a break. It is over once the measure
    was the other side of ``limit`` by ``dead_band`` for ``clear_s``."""

    id: str
    measure: str
    side: Side
    limit: float
    dwell_s: int
    severity: Severity
    dead_band: float = 1.0
    clear_s: int = 600


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What is no failure of a cold case although it is warm in it.

    From the start of a defrost rules on temperatures wait until it ended and ``recovery_s`` went by, but no longer
    than ``defrost_max_s`` + ``recovery_s`` in all: a defrost that lasts longer is alarming itself. A door that stands
    open for ``door_max_s`` is alarming itself; for that long it also keeps warnings (not what is critical) waiting.
    ``exposure_limit`` (°C) is where the exposure clock runs: the minutes that food was above it (5 °C by FDA Food Code
    3-501.16; for a freezer what the operator says)."""

    defrost_max_s: int = 2_700
    recovery_s: int = 1_800
    door_max_s: int = 300
    exposure_limit: float | None = None


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What devices of one make and use have in common.

    ``topic`` is where such a device publishes, with ``{site}`` and ``{device}`` for its own names, and may end in one
    level ``{measure}`` where each measure has a topic of its own. ``time_path`` says where in a JSON payload the
    device's own time is (RFC 3339, or seconds or milliseconds since 1970); None where the time of arrival counts. A
    device that was silent for ``silent_after`` intervals of ``interval_s`` is alarming, and so is one whose temperature
    stayed the very same for ``stuck_after_s``.
    """

    id: str
    name: str
    format: PayloadFormat
    topic: str
    measures: tuple[Measure, ...]
    rules: tuple[Rule, ...] = ()
    context: Context = Context()
    time_path: str | None = None
    interval_s: int = 60
    silent_after: int = 3
    stuck_after_s: int = 21_600


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One device. ``unit`` is what it is built into (a freezer, a cold room): a temperature is read beside the door and
    the defrost of its unit, which other devices may report. Its own id where nothing was said."""

    id: str
    site: str
    profile: str
    name: str
    unit: str
    created_at: int
    retired_at: int | None = None


class Fault(StrEnum):
    """Why a message, or one value of it, was not taken as a reading."""

    UNKNOWN_DEVICE = "unknown_device"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"
    MISSING = "missing"
    NOT_A_NUMBER = "not_a_number"
    OUT_OF_BOUNDS = "out_of_bounds"
    FROM_THE_FUTURE = "from_the_future"
    TOO_OLD = "too_old"
    DUPLICATE = "duplicate"
    NOT_ITS_TOPIC = "not_its_topic"


class Reading(NamedTuple):
    """One value of one measure of one device, in the measure's unit, at ``at_ms`` (milliseconds UTC, when it was
    measured). ``late`` says that newer ones of the same measure were here before it: it is kept and shown, and no alarm
    goes by it."""

    site: str
    device: str
    measure: str
    at_ms: int
    value: float
    late: bool = False


class SeriesKey(NamedTuple):
    """One measure of one device."""

    device: str
    measure: str
