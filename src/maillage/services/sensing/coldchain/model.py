"""The nouns of the cold chain: alarms and what people did about them. Instants are milliseconds UTC where a name says
``_ms``, seconds UTC elsewhere."""

from typing import Literal

import msgspec

from maillage.services.sensing.model import Side

AlarmKind = Literal["limit", "door", "defrost", "silent", "stuck", "battery", "refused", "advice"]
"""What is wrong: a value beyond a rule's limit; a door open or a defrost on for too long; a device that says nothing,
always the same, or what can't be; a battery that runs out; or only that statistics look unusual."""
Level = Literal["advisory", "warning", "critical"]
State = Literal["raised", "acknowledged", "corrected", "recovered", "cleared", "verified"]
"""``recovered``: the value came back, but not everything is recorded that has to be. ``cleared``: it is."""
OPEN: tuple[State, ...] = ("raised", "acknowledged", "corrected", "recovered")
Disposition = Literal["kept", "moved", "reworked", "discarded", "none"]
"""What became of the product; ``none`` where there was none."""
LEVELS: dict[Level, int] = {"advisory": 0, "warning": 1, "critical": 2}
HISTORY_MAX = 200
"""Steps kept with an alarm; the HACCP log has all of them."""


class Act(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody did something. ``by`` is a person's name as it was given, ``credential`` the key or token it came by."""

    by: str
    at: int
    note: str = ""
    credential: str = ""
    role: str = ""


class Correction(msgspec.Struct, frozen=True, omit_defaults=True):
    """The corrective action, and what became of the product: how much of it, and which lot, in words."""

    act: Act
    disposition: Disposition
    quantity: str = ""
    lot: str = ""


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of an alarm's history. ``by`` is empty for what nobody did."""

    at: int
    what: str
    by: str = ""
    note: str = ""


class Paging(msgspec.Struct, frozen=True):
    """How far escalation got: ``done`` rounds, counted from ``since`` on. Time in which it was snoozed does not count,
    so a snooze moves ``since``."""

    since: int
    done: int = 0


class Alarm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One alarm, from the reading that raised it to the signature under it.

    ``unit`` is what is guarded, ``key`` what about it (a rule's id, or the condition): of both together one alarm is
    open at a time. ``incident`` is the id of the alarm that began the trouble of this unit, which all have in common
    that were raised before it was over. ``began_ms`` is when the excursion began, ``raised_ms`` when its dwell was
    over. ``extreme`` is the value farthest out so far, ``exposure_ms`` how long the product was above the exposure
    limit, None where there is none. ``count`` says how often it was raised: a value that came back and went again
    before everything was recorded is the same alarm, and ``exposure_before_ms`` is of the times before the last.
    """

    id: str
    site: str
    unit: str
    key: str
    kind: AlarmKind
    level: Level
    incident: str
    text: str
    began_ms: int
    raised_ms: int
    device: str = ""
    measure: str = ""
    rule: str = ""
    side: Side | None = None
    limit: float | None = None
    extreme: float | None = None
    exposure_ms: int | None = None
    exposure_before_ms: int = 0
    count: int = 1
    recovered_ms: int | None = None
    acknowledged: Act | None = None
    correction: Correction | None = None
    cleared_at: int | None = None
    verified: Act | None = None
    snoozed_until: int | None = None
    paging: Paging | None = None
    history: tuple[Step, ...] = ()

    @property
    def state(self) -> State:
        if self.verified is not None:
            return "verified"
        if self.cleared_at is not None:
            return "cleared"
        if self.recovered_ms is not None:
            return "recovered"
        if self.correction is not None:
            return "corrected"
        return "raised" if self.acknowledged is None else "acknowledged"

    @property
    def pages(self) -> bool:
        """Whether people are still to be told: nobody acknowledged it, and it did not come back by itself, which does
        not count for what is critical, since somebody has to look at the product all the same."""
        return self.acknowledged is None and (self.recovered_ms is None or self.level == "critical")

    @property
    def nth(self) -> int:
        """Its number among the alarms of its site."""
        return int(self.id.rpartition("~a")[2])

    @property
    def is_open(self) -> bool:
        return self.cleared_at is None

    def with_step(self, step: Step, **changes: object) -> "Alarm":
        """Itself after a step."""
        history = (*self.history, step) if len(self.history) < HISTORY_MAX else self.history
        return msgspec.structs.replace(self, history=history, **changes)
