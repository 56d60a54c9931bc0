"""Profiles and devices as they come in and go out."""

from typing import Annotated

import msgspec
from msgspec import Meta

from maillage.kernel.documents import ShortText
from maillage.kernel.times import format_time
from maillage.services.sensing.model import (
    Context,
    Device,
    Measure,
    PayloadFormat,
    Profile,
    Role,
    Rule,
    Severity,
    Side,
)
from maillage.services.sensing.registry.topics import DEFAULT_TOPIC

DAY_S = 86_400
MEASURES_MAX = 64
RULES_MAX = 64
Name = Annotated[str, Meta(min_length=1, max_length=200)]
PathText = Annotated[str, Meta(min_length=1, max_length=256)]
Duration = Annotated[int, Meta(ge=0, le=30 * DAY_S)]


class MeasureDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One quantity that a device reports. A reading is ``raw * scale + offset`` in ``unit`` (UCUM), refused outside
    ``minimum`` and ``maximum``, and kept to ``resolution``. Without a ``path`` it is the member of that name."""

    name: ShortText
    unit: Annotated[str, Meta(max_length=32, examples=["Cel", "%", "W", "1"])]
    role: Role = "other"
    path: PathText | None = None
    scale: float = 1.0
    offset: float = 0.0
    minimum: float
    maximum: float
    resolution: float = 0.01


class RuleDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Alarming when ``measure`` is ``side`` of ``limit`` for ``dwell_s``; over when it was the other side by
    ``dead_band`` for ``clear_s``."""

    id: ShortText
    measure: ShortText
    side: Side
    limit: float
    dwell_s: Duration
    severity: Severity
    dead_band: float = 1.0
    clear_s: Duration = 600


class ContextDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is no failure of a cold case although it is warm in it; ``exposure_limit`` in °C."""

    defrost_max_s: Duration = Context().defrost_max_s
    recovery_s: Duration = Context().recovery_s
    door_max_s: Duration = Context().door_max_s
    exposure_limit: float | None = None


class ProfileFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a profile says, apart from its id."""

    name: Name
    format: PayloadFormat = "json"
    topic: Annotated[str, Meta(min_length=1, examples=[DEFAULT_TOPIC])] = DEFAULT_TOPIC
    measures: Annotated[list[MeasureDocument], Meta(min_length=1, max_length=MEASURES_MAX)]
    rules: Annotated[list[RuleDocument], Meta(max_length=RULES_MAX)] = []
    context: ContextDocument = ContextDocument()
    time_path: PathText | None = None
    interval_s: Annotated[int, Meta(ge=1, le=7 * DAY_S)] = 60
    silent_after: Annotated[int, Meta(ge=1, le=1_000)] = 3
    stuck_after_s: Annotated[int, Meta(ge=60, le=30 * DAY_S)] = 21_600


class ProfileDocument(ProfileFields, frozen=True, kw_only=True):
    """A profile. ``shipped`` is one as it came with Maillage, ``devices`` how many in service have it."""

    id: str
    shipped: bool
    devices: int


class NewDevice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device to enter. Without a ``name`` it is called by its id, without a ``unit`` it is a unit by itself."""

    id: ShortText
    site: ShortText
    profile: ShortText
    name: Annotated[str, Meta(max_length=200)] = ""
    unit: ShortText = ""


class DeviceChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a device is from now on. One that was retired is in service again."""

    profile: ShortText
    name: Annotated[str, Meta(max_length=200)] = ""
    unit: ShortText = ""


class DeviceDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A device; ``retired_at`` is null while it is in service, ``topics`` are those that it publishes to."""

    id: str
    site: str
    profile: str
    name: str
    unit: str
    created_at: str
    retired_at: str | None
    topics: list[str]


class DeviceRejection(msgspec.Struct, frozen=True):
    """A row that was not taken: its line in the file, from 1."""

    line: int
    id: str | None
    reason: str


class DeviceReport(msgspec.Struct, frozen=True):
    """``imported`` devices are new or changed, ``unchanged`` were known as they are; the first rejections in full."""

    imported: int
    unchanged: int
    rejected: int
    rejections: list[DeviceRejection]


def profile_of(profile_id: str, document: ProfileFields) -> Profile:
    """The profile that a document means, not checked yet. In a document of several measures each is the member of its
    own name unless it says otherwise."""
    named = document.format != "plain"
    measures = []
    for each in document.measures:
        path = each.name if named and each.path is None else each.path
        measures.append(Measure(**{**msgspec.structs.asdict(each), "path": path}))
    return Profile(
        id=profile_id,
        name=document.name,
        format=document.format,
        topic=document.topic,
        measures=tuple(measures),
        rules=tuple(Rule(**msgspec.structs.asdict(each)) for each in document.rules),
        context=Context(**msgspec.structs.asdict(document.context)),
        time_path=document.time_path,
        interval_s=document.interval_s,
        silent_after=document.silent_after,
        stuck_after_s=document.stuck_after_s,
    )


def profile_document(profile: Profile, shipped: bool, devices: int) -> ProfileDocument:
    """A profile as it is shown."""
    whole = {**msgspec.to_builtins(profile), "shipped": shipped, "devices": devices}
    return msgspec.convert(whole, ProfileDocument)


def device_document(device: Device, topics: list[str]) -> DeviceDocument:
    """A device as it is shown."""
    return DeviceDocument(
        id=device.id,
        site=device.site,
        profile=device.profile,
        name=device.name,
        unit=device.unit,
        created_at=format_time(device.created_at),
        retired_at=None if device.retired_at is None else format_time(device.retired_at),
        topics=topics,
    )
