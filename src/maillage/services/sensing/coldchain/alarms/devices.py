"""One device: whether it says anything at all, and whether what it says can be taken."""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from typing import Literal

from maillage.services.sensing.coldchain.alarms.outlet import Outlet
from maillage.services.sensing.coldchain.alarms.series import Series
from maillage.services.sensing.coldchain.alarms.signals import Raised, Recovered
from maillage.services.sensing.coldchain.alarms.units import Unit
from maillage.services.sensing.coldchain.alarms.words import span
from maillage.services.sensing.coldchain.model import AlarmKind
from maillage.services.sensing.model import Device, Fault, Profile

REFUSED_TIMES = 5
REFUSED_WITHIN_S, REFUSED_WITHIN_INTERVALS = 600, 5
"""So many refused messages within so long, or within so many of the device's intervals if that is longer."""
HARMLESS = (Fault.DUPLICATE, Fault.TOO_OLD)
"""What a device may well send that comes back after an outage, or by a broker that delivers at least once."""
SITE_DEVICES_MIN = 3
WHOLE_SITE = "*"
"""The unit of an alarm that is about all devices of a site."""
SILENT: Literal["silent"] = "silent"


class SiteHeard:
    """When any device of a site was last heard. Where all are silent, of which three or more should have been heard, it
    is the broker, the network or the power: one alarm for the site, and not one for each."""

    def __init__(self, site: str, outlet: Outlet) -> None:
        self.site = site
        self.heard_ms = 0
        self._patience_ms: list[int] = []
        self.mute_since_ms: int | None = None
        self._outlet = outlet

    def add(self, silent_ms: int) -> None:
        """There is a device that should be heard within so long."""
        insort(self._patience_ms, silent_ms)

    def remove(self, silent_ms: int) -> None:
        """It is gone."""
        del self._patience_ms[bisect_left(self._patience_ms, silent_ms)]

    def went_silent(self, silent_ms: int, now_ms: int) -> bool:
        """Whether it is not one device alone that said nothing for ``silent_ms``."""
        if self.mute_since_ms is not None:
            return True
        expected = bisect_right(self._patience_ms, silent_ms)
        if expected < SITE_DEVICES_MIN or now_ms - self.heard_ms < silent_ms * 2 // 3:
            return False
        self.mute_since_ms = self.heard_ms
        text = f"none of {len(self._patience_ms)} devices has been heard for {span((now_ms - self.heard_ms) / 1_000)}"
        signal = Raised(self.site, WHOLE_SITE, SILENT, SILENT, "warning", text, self.heard_ms, now_ms)
        self._outlet.raised(self, signal)
        return True

    def resume(self, now_ms: int) -> None:
        """All were silent before a restart."""
        self.mute_since_ms = now_ms
        self._outlet.resumed(self, self.site, WHOLE_SITE, SILENT)

    def look(self, now_ms: int) -> None:
        """Whether somebody is heard again."""
        if self.mute_since_ms is not None and self.heard_ms > self.mute_since_ms:
            self.mute_since_ms = None
            text = "devices are heard again"
            self._outlet.recovered(self, Recovered(self.site, WHOLE_SITE, SILENT, text, now_ms))


class DeviceWatch:
    """``seen_ms`` is when something of it came last; at first, when we began to listen."""

    __slots__ = (
        "_outlet",
        "_refusals",
        "_silent_since_ms",
        "_within_ms",
        "device",
        "heard",
        "profile",
        "refusing",
        "seen_ms",
        "series",
        "silent_ms",
        "unit",
    )

    def __init__(
        self, device: Device, profile: Profile, unit: Unit, heard: SiteHeard, from_ms: int, outlet: Outlet
    ) -> None:
        self.device = device
        self.profile = profile
        self.unit = unit
        self.heard = heard
        self.seen_ms = from_ms
        self.silent_ms = 1_000 * profile.silent_after * profile.interval_s
        self.series = {measure.name: Series(device.id, profile, measure, unit, outlet) for measure in profile.measures}
        self.refusing = False
        self._within_ms = 1_000 * max(REFUSED_WITHIN_S, REFUSED_WITHIN_INTERVALS * profile.interval_s)
        self._refusals: deque[int] = deque(maxlen=REFUSED_TIMES)
        self._silent_since_ms: int | None = None
        self._outlet = outlet

    def start(self) -> None:
        """Look after it from now on, once it is what it was before a restart."""
        wait_ms = self.silent_ms if self._silent_since_ms is None else 1_000
        self._outlet.due.at(self.seen_ms + wait_ms, self._look_whether_silent)

    @property
    def silent_key(self) -> str:
        return f"{SILENT}:{self.device.id}"

    @property
    def refused_key(self) -> str:
        return f"refused:{self.device.id}"

    def refused(self, fault: Fault, at_ms: int) -> None:
        """A message of it was not taken."""
        if fault in HARMLESS:
            return
        self._refusals.append(at_ms)
        if self.refusing or len(self._refusals) < REFUSED_TIMES or at_ms - self._refusals[0] > self._within_ms:
            return
        self.refusing = True
        text = f"{self.device.id} keeps sending what can't be taken: {fault.value.replace('_', ' ')}"
        signal = self._raised(self.refused_key, "refused", text, self._refusals[0], at_ms)
        self._outlet.raised(self.refused_key, signal)
        self._outlet.due.at(at_ms + self._within_ms, self._look_whether_refused)

    def resume_silent(self, now_ms: int) -> None:
        """It was silent before a restart."""
        self._silent_since_ms = self.seen_ms = now_ms - 1  # so that what is said in this very moment counts
        self._outlet.resumed(self.silent_key, self.unit.site, self.unit.name, self.silent_key)

    def resume_refusing(self, now_ms: int) -> None:
        """It was sending what can't be taken before a restart."""
        self.refusing = True
        self._refusals.append(now_ms)
        self._outlet.resumed(self.refused_key, self.unit.site, self.unit.name, self.refused_key)
        self._outlet.due.at(now_ms + self._within_ms, self._look_whether_refused)

    def end(self, text: str, at_ms: int) -> None:
        """Nobody looks any more."""
        for series in self.series.values():
            series.end(text, at_ms)
        self.unit.forget(self.device.id, at_ms)
        for key in (self.silent_key, self.refused_key):
            self._outlet.recovered(key, Recovered(self.unit.site, self.unit.name, key, text, at_ms))
        self.seen_ms = -1

    # -- how ---------------------------------------------------------------------------------------------------------

    def _look_whether_silent(self, now_ms: int) -> None:
        if self.seen_ms < 0:  # ended
            return
        since = self._silent_since_ms
        if since is not None:
            if self.seen_ms > since:
                self._silent_since_ms = None
                text = f"{self.device.id} is heard again"
                signal = Recovered(self.unit.site, self.unit.name, self.silent_key, text, now_ms)
                self._outlet.recovered(self.silent_key, signal)
            else:
                self._outlet.due.at(now_ms + 1_000, self._look_whether_silent)
                return
        due_ms = self.seen_ms + self.silent_ms
        if now_ms < due_ms:
            self._outlet.due.at(due_ms, self._look_whether_silent)
        elif self.heard.went_silent(self.silent_ms, now_ms):
            self._outlet.due.at(now_ms + 1_000 * self.profile.interval_s, self._look_whether_silent)
        else:
            self._silent_since_ms = self.seen_ms
            text = f"{self.device.id} has not been heard for {span((now_ms - self.seen_ms) / 1_000)}"
            self._outlet.raised(self.silent_key, self._raised(self.silent_key, SILENT, text, self.seen_ms, now_ms))
            self._outlet.due.at(now_ms + 1_000, self._look_whether_silent)

    def _look_whether_refused(self, now_ms: int) -> None:
        if not self.refusing:
            return
        until_ms = self._refusals[-1] + self._within_ms
        if now_ms < until_ms:
            self._outlet.due.at(until_ms, self._look_whether_refused)
            return
        self.refusing = False
        text = "what it sends is taken again, or it sends nothing"
        self._outlet.recovered(
            self.refused_key, Recovered(self.unit.site, self.unit.name, self.refused_key, text, now_ms)
        )

    def _raised(self, key: str, kind: AlarmKind, text: str, began_ms: int, at_ms: int) -> Raised:
        unit = self.unit
        return Raised(unit.site, unit.name, key, kind, "warning", text, began_ms, at_ms, self.device.id)
