"""The nouns of cleaning: orders, runs, cleanings, schedules."""

from typing import Any, Literal

import msgspec

from maillage.services.robots.cleaning.evidence import Area
from maillage.services.robots.cleaning.windows import WindowsDocument

CleaningState = Literal["planned", "waiting", "running", "paused", "done", "partly", "failed", "cancelled"]
"""``planned`` until its first window opens; ``waiting`` in between runs; ``running`` while a robot is at it, also on
its way home; ``paused`` while one stands still. The last four are ends, but a cleaning that ended ``partly`` or
``failed`` can be taken up again."""
ENDED: frozenset[CleaningState] = frozenset(("done", "partly", "failed", "cancelled"))
Reason = Literal[
    "",
    "window",
    "no_robot",
    "no_lease",
    "no_plan",
    "gave_way",
    "window_over",
    "lease_over",
    "robot_lost",
    "robot_failed",
    "taken_over",
    "refused",
    "battery",
    "missed",
    "operator",
    "robot",
]
"""Why a cleaning waits, stands, or is not whole: its window is shut; no robot is free and fit; the robots of the site
are leased to others; no path can be found; the shop needed the robot; window or lease ended; the robot could not be
heard any more, failed at something, was taken over by a person, would not take the order; its battery ran low; spots
were left out by a robot that was through; a person paused it; the robot paused by itself."""


class FloorRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A floor of a site as it was put: ``body`` is its document, as ``floor_documents`` has it;
    ``revision`` counts changes."""

    site: str
    id: str
    body: dict[str, Any]
    created_at: int
    revision: int
    area_m2: float
    reachable_m2: float


class GiveWay(msgspec.Struct, frozen=True):
    """Until when (seconds UTC) no robot of a site cleans, since the shop needs them or the floor."""

    site: str
    until: int


TARGET = 0.98
"""Share of the reachable floor that is to be cleaned at least, unless an order says otherwise."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done: ``area`` is the part of the floor that is meant, None for all of it. ``mode``, ``brush`` and
    ``water`` are told to the robot as they are, in words of its maker's. ``target`` is the share of what a robot can
    reach there (0 to 1) with which it is done."""

    area: Area | None = None
    target: float = TARGET
    mode: str = "scrub"
    brush: str = "medium"
    water: str = "medium"


class Assist(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody had to come: why, and from when to when (seconds UTC); ``resolved_at`` is None where that is not known
    or still to come."""

    cause: str
    at: int
    detail: str = ""
    resolved_at: int | None = None


Phase = Literal["leased", "cleaning", "leaving", "homing", "over"]
"""Of a run: its lease stands and its order is on the way; it cleans; it was called off and the robot has not stopped
yet; it drives to its dock; it is over."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One go of one robot at a cleaning, on one lease. ``spans`` are the waypoints (first, last; from 0) between which
    it cleans. It is called back at ``stop_at``, so that ``home_s`` is left for its way. ``mission`` is the way that it
    cleans along, ``home`` the way to its dock where it was called off; ``why`` says why it was, or why it ended before
    its path did, ``unpause`` that it stood paused by us then, ``left_at`` when it had stopped. ``battery`` is in
    percent at begin and end, ``water_l`` in litres, both None where the robot says nothing. Lengths are metres,
    durations seconds, instants seconds UTC."""

    number: int
    robot: str
    lease: str
    lease_end: int
    stop_at: int
    home_s: int
    width_m: float
    radius_m: float
    planned_m: float
    planned_s: int
    spans: tuple[tuple[int, int], ...]
    phase: Phase = "leased"
    mission: str = ""
    order_id: str = ""
    home: str = ""
    why: Reason = ""
    detail: str = ""
    unpause: bool = False
    left_at: int | None = None
    started_at: int
    ended_at: int | None = None
    battery: tuple[float | None, float | None] = (None, None)
    water_l: float | None = None
    gained_m2: float = 0.0
    assists: tuple[Assist, ...] = ()


class Cleaning(msgspec.Struct, frozen=True, kw_only=True):
    """An order for a floor and how it does. ``robot`` is the one that is to do it, empty for any. It may go on in each
    of its ``windows`` (start, end; seconds UTC, in order) until it is done. ``share`` is how much of the reachable
    floor all its runs have cleaned together, 0 to 1, ``left_m2`` what is missing. ``not_before`` puts off the next try;
    ``leases`` counts those that were asked for, ``idle_runs`` the last runs that added nothing to speak of;
    ``cancelled`` says that it is to end as soon as its robot is home."""

    id: str
    site: str
    floor: str
    order: Order
    windows: tuple[tuple[int, int], ...]
    created_at: int
    robot: str = ""
    schedule: str = ""
    occurrence: str = ""
    state: CleaningState = "planned"
    reason: Reason = "window"
    detail: str = ""
    runs: tuple[Run, ...] = ()
    share: float = 0.0
    cleaned_m2: float = 0.0
    left_m2: float | None = None
    not_before: int = 0
    idle_runs: int = 0
    paused_by: Literal["", "operator", "robot"] = ""
    cancelled: bool = False
    leases: int = 0
    started_at: int | None = None
    ended_at: int | None = None

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def run(self) -> Run | None:
        """The run that is under way."""
        return self.runs[-1] if self.runs and self.runs[-1].phase != "over" else None

    def window_at(self, now: int) -> tuple[int, int] | None:
        """The window that is open at an instant."""
        return next(((start, end) for start, end in self.windows if start <= now < end), None)

    def next_window(self, now: int) -> tuple[int, int] | None:
        """The first that opens after an instant."""
        return next(((start, end) for start, end in self.windows if start > now), None)


class Ahead(msgspec.Struct, frozen=True):
    """A lease that was made ahead for a window: ``window`` is where that begins, the rest what the lease has."""

    window: int
    start: int
    end: int
    lease: str


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """When a floor is cleaned: a cleaning begins in the first of the windows (in the site's time zone) of every
    ``every_days``-th day, and may go on in ``carry_windows`` more where it could not be done in one. ``last`` is the
    local date (ISO) of the last that began. ``ahead`` are the leases for windows to come, ``short`` the
    windows for which there was no room; ``leases`` counts those that were asked for."""

    id: str
    site: str
    floor: str
    windows: WindowsDocument
    created_at: int
    robot: str = ""
    order: Order = Order()
    every_days: int = 1
    carry_windows: int = 2
    on: bool = True
    last: str = ""
    ahead: tuple[Ahead, ...] = ()
    short: tuple[int, ...] = ()
    leases: int = 0
