"""One unit: a freezer, a cold room. Its doors and defrosts, whichever device reports them, and what they excuse."""

from typing import Literal, Protocol

import msgspec

from maillage.services.sensing.coldchain.alarms.outlet import Outlet
from maillage.services.sensing.coldchain.alarms.signals import Raised, Recovered
from maillage.services.sensing.coldchain.alarms.words import span
from maillage.services.sensing.model import Context

DOOR: Literal["door"] = "door"
DEFROST: Literal["defrost"] = "defrost"
"""Keys of the alarms about a door that stands open and a defrost that does not end."""


class Waiting(Protocol):
    """A rule that may be waiting for a door or a defrost."""

    def reconsider(self, at_ms: int) -> None: ...


class UnitState(msgspec.Struct, frozen=True):
    """What of a unit outlives a restart; instants in milliseconds UTC."""

    doors: dict[str, int]
    defrosts: dict[str, int]
    episode_ms: int
    hold_ms: int


class Unit:
    """``hold_ms`` is until when a defrost excuses warmth, ``door_hold_ms`` until when an open door excuses what is no
    more than a warning; 0 where nothing does. A defrost that begins before the last one's excuse is over goes on with
    the same excuse: a controller that flickers must not keep rules waiting for ever."""

    def __init__(self, site: str, name: str, outlet: Outlet) -> None:
        self.site = site
        self.name = name
        self.context = Context()
        self.rules: set[Waiting] = set()
        self.hold_ms = 0
        self.door_hold_ms = 0
        self._outlet = outlet
        self._doors: dict[str, int] = {}
        self._defrosts: dict[str, int] = {}
        self._episode_ms = 0

    # -- what devices say --------------------------------------------------------------------------------------------

    def door(self, device: str, is_open: bool, at_ms: int) -> None:
        if is_open == (device in self._doors):
            return
        if is_open:
            self._doors[device] = at_ms
        else:
            del self._doors[device]
        self._outlet.changed.add(self)
        self._door_changed(at_ms)

    def defrost(self, device: str, is_on: bool, at_ms: int) -> None:
        if is_on == (device in self._defrosts):
            return
        self._outlet.changed.add(self)
        if not is_on:
            del self._defrosts[device]
            if not self._defrosts:
                self._defrost_over(at_ms)
            return
        first = not self._defrosts
        self._defrosts[device] = at_ms
        if first:
            if at_ms >= self.hold_ms:
                self._episode_ms = at_ms
            self.hold_ms = self._hold_most_ms()
            self._outlet.due.at(at_ms + 1_000 * self.context.defrost_max_s, self._look_at_defrost)

    def forget(self, device: str, at_ms: int) -> None:
        """A device that is there no more says neither that a door is open nor that it defrosts."""
        self.door(device, False, at_ms)
        self.defrost(device, False, at_ms)

    # -- over a restart ----------------------------------------------------------------------------------------------

    @property
    def state(self) -> UnitState | None:
        """None where there is nothing to remember."""
        if not (self._doors or self._defrosts or self.hold_ms):
            return None
        return UnitState(dict(self._doors), dict(self._defrosts), self._episode_ms, self.hold_ms)

    def restore(self, state: UnitState, devices: set[str]) -> None:
        """Go on where it was, as far as the devices are still there."""
        self._doors = {device: at for device, at in state.doors.items() if device in devices}
        self._defrosts = {device: at for device, at in state.defrosts.items() if device in devices}
        self._episode_ms, self.hold_ms = state.episode_ms, state.hold_ms
        if self._doors:
            self._door_changed(0)
        if self._defrosts:
            self._outlet.due.at(
                min(self._defrosts.values()) + 1_000 * self.context.defrost_max_s, self._look_at_defrost
            )

    def resume(self, key: str) -> None:
        """The alarm about a door or a defrost was raised before a restart; where the cause is gone it is over."""
        if self._doors if key == DOOR else self._defrosts:
            self._outlet.resumed(self, self.site, self.name, key)

    # -- how ---------------------------------------------------------------------------------------------------------

    def _door_changed(self, at_ms: int) -> None:
        if self._doors:
            self.door_hold_ms = min(self._doors.values()) + 1_000 * self.context.door_max_s
            self._outlet.due.at(self.door_hold_ms, self._look_at_door)
            return
        self.door_hold_ms = 0
        self._outlet.recovered(self, Recovered(self.site, self.name, DOOR, "the door is closed", at_ms))
        self._reconsider(at_ms)

    def _defrost_over(self, at_ms: int) -> None:
        self.hold_ms = min(at_ms + 1_000 * self.context.recovery_s, self._hold_most_ms())
        self._outlet.recovered(self, Recovered(self.site, self.name, DEFROST, "the defrost is over", at_ms))
        self._reconsider(at_ms)

    def _hold_most_ms(self) -> int:
        return self._episode_ms + 1_000 * (self.context.defrost_max_s + self.context.recovery_s)

    def _reconsider(self, at_ms: int) -> None:
        """What waited may have to wait less long now."""
        for rule in list(self.rules):
            rule.reconsider(at_ms)

    def _look_at_door(self, now_ms: int) -> None:
        if self._doors and now_ms >= self.door_hold_ms and not self._outlet.is_active(self.site, self.name, DOOR):
            began_ms, device = min((at, device) for device, at in self._doors.items())
            text = f"a door has been open for more than {span(self.context.door_max_s)}"
            self._raise(DOOR, text, began_ms, now_ms, device)

    def _look_at_defrost(self, now_ms: int) -> None:
        if not self._defrosts or self._outlet.is_active(self.site, self.name, DEFROST):
            return
        began_ms, device = min((at, device) for device, at in self._defrosts.items())
        if now_ms >= began_ms + 1_000 * self.context.defrost_max_s:
            text = f"a defrost has lasted for more than {span(self.context.defrost_max_s)}"
            self._raise(DEFROST, text, began_ms, now_ms, device)

    def _raise(self, key: Literal["door", "defrost"], text: str, began_ms: int, now_ms: int, device: str) -> None:
        signal = Raised(self.site, self.name, key, key, "warning", text, began_ms, now_ms, device)
        self._outlet.raised(self, signal)
