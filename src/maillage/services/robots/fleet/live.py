"""How a robot does at this moment, from what it said last."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Literal

from maillage.services.robots.fleet.plausible import Seen, jumped_m
from maillage.services.robots.vda5050.header import NEWEST, Version, parse_ms, spoken
from maillage.services.robots.vda5050.state import (
    DRIVABLE,
    AgvPosition,
    Connection,
    ConnectionState,
    RobotError,
    State,
    Visualization,
)

SILENT_S = 35.0
"""A state comes at least every 30 s (VDA 5050, 6.10); a few more for its way."""
ERRORS_KEPT = 50
GONE_S = 5.0
"""For so long after it was said to be gone a robot's own messages may still have been on the way."""
Reach = Literal["online", "silent", "offline", "broken", "unknown"]
"""``silent`` is connected but has said nothing for too long, ``offline`` has taken its leave, ``broken`` was cut off,
``unknown`` was never heard of since this process began."""


class Live:
    """One robot. ``monotonic`` is in seconds that only go forward: silence is measured with it, whatever the clock
    does."""

    def __init__(self, monotonic: Callable[[], float], silent_s: float = SILENT_S, version: str = NEWEST) -> None:
        self._monotonic = monotonic
        self._silent_s = silent_s
        self.connection: ConnectionState | None = None
        self.state: State | None = None
        self.position: AgvPosition | None = None
        self.version: Version = spoken(version) or NEWEST
        self.heard_ms: int | None = None
        self.violations = 0
        self.violation = ""
        self.new_errors: deque[RobotError] = deque(maxlen=ERRORS_KEPT)
        """Errors that came since somebody took them out: the state forgets those that are over."""
        self._heard: float | None = None
        self._seen: Seen | None = None
        self._stamped_ms = 0
        self._gone = 0.0
        self._count = 0
        self._changed = asyncio.Event()

    # -- what comes in -----------------------------------------------------------------------------------------------

    def take_connection(self, message: Connection) -> None:
        self._speaks(message.version)
        self.connection = message.connection_state
        if message.connection_state != "ONLINE":
            self._heard, self._gone = None, self._monotonic()
        self.wake()

    def take_state(self, message: State, at_ms: int, speed_mps: float | None) -> float | None:
        """How far the robot jumped, if it did. A message from before the last one changes nothing."""
        stamped_ms = parse_ms(message.timestamp)
        last = self.state
        older = stamped_ms is not None and stamped_ms < self._stamped_ms
        if last is not None and older and message.header_id < last.header_id:
            return None
        self._stamped_ms = stamped_ms or 0
        self._speaks(message.version)
        self._hear(at_ms)
        known = () if last is None else last.errors
        self.new_errors.extend(error for error in message.errors if error not in known)
        self.state = message
        jump_m = self._move(message.agv_position, stamped_ms, at_ms, speed_mps)
        self.wake()
        return jump_m

    def take_visualization(self, message: Visualization, at_ms: int, speed_mps: float | None) -> float | None:
        """How far the robot jumped, if it did."""
        self._hear(at_ms)
        return self._move(message.agv_position, parse_ms(message.timestamp), at_ms, speed_mps)

    def take_violation(self, text: str) -> None:
        """It said something that can't be read: no sign that it is well."""
        self.violations += 1
        self.violation = text

    def hold(self) -> None:
        """Nobody can be heard just now, since our own line is down: this is not its silence."""
        if self._heard is not None:
            self._heard = self._monotonic()

    # -- how it does -------------------------------------------------------------------------------------------------

    @property
    def reach(self) -> Reach:
        if self.connection == "OFFLINE":
            return "offline"
        if self.connection == "CONNECTIONBROKEN":
            return "broken"
        if self._heard is None:
            return "unknown" if self.connection is None else "silent"
        return "online" if self._monotonic() - self._heard <= self._silent_s else "silent"

    @property
    def in_touch(self) -> bool:
        """Whether what is known of it is of now."""
        return self.reach == "online" and self.state is not None

    @property
    def drivable(self) -> bool:
        return self.state is not None and self.state.operating_mode in DRIVABLE

    @property
    def order_under_way(self) -> str | None:
        """The order that it has not finished."""
        state = self.state
        return state.order_id if state is not None and (state.node_states or state.edge_states) else None

    def action_status(self, action_id: str) -> str | None:
        if self.state is None:
            return None
        return next((each.action_status for each in self.state.action_states if each.action_id == action_id), None)

    # -- waiting for a change ----------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Something changed, be it with the robot or with what is wanted of it."""
        self._count += 1
        woken, self._changed = self._changed, asyncio.Event()
        woken.set()

    async def changed(self, since: int, within_s: float) -> int:
        """Return once something changed after the change ``since``, or when the time is over: the last change's number,
        to be given with the next call. 0 has seen nothing yet."""
        if self._count == since:
            try:
                async with asyncio.timeout(within_s):
                    await self._changed.wait()
            except TimeoutError:
                pass
        return self._count

    # -- how ---------------------------------------------------------------------------------------------------------

    def _speaks(self, version: str) -> None:
        self.version = spoken(version) or self.version

    def _hear(self, at_ms: int) -> None:
        self.heard_ms = at_ms
        self._heard = self._monotonic()
        if self.connection not in (None, "ONLINE") and self._heard - self._gone > GONE_S:
            self.connection = None  # it is back, and forgot to say so

    def _move(
        self, position: AgvPosition | None, stamped_ms: int | None, at_ms: int, speed_mps: float | None
    ) -> float | None:
        if position is None:
            return None
        self.position = position
        if not position.position_initialized:
            self._seen = None
            return None
        before, self._seen = self._seen, Seen(position.x, position.y, position.map_id, stamped_ms, at_ms)
        return None if before is None else jumped_m(before, self._seen, speed_mps)
