"""What is said of an instance: its status, told to whoever listens, and the same in its log."""

from typing import Literal

from maillage.services.compute.hosting.place import Rooms
from maillage.services.compute.hosting.ports import StatusListener
from maillage.services.compute.model import Instance, InstanceState, InstanceStatus, LogLine, Settled

Level = Literal["info", "warning", "error"]
LEVELS: dict[InstanceState, Level] = {"failed": "error", "unhealthy": "error", "backing-off": "warning"}
"""How states stand in the log; those that are not here are nothing to worry about."""


class Report:
    """Of one instance."""

    def __init__(self, rooms: Rooms, instance: Instance, changed: StatusListener) -> None:
        self._rooms = rooms
        self._note = rooms.logs.note(instance.id)
        self._changed = changed
        self.status = InstanceStatus(instance.id, instance.digest, "starting", rooms.clock.now())

    def say(self, state: InstanceState, detail: str, digest: str, restarts: int, settled: Settled) -> None:
        """It is like this now; nothing is told where it was so before."""
        before = self.status
        since = before.since if state == before.state else self._rooms.clock.now()
        self.status = InstanceStatus(before.id, digest, state, since, restarts, detail, settled)
        if self.status == before:
            return
        if (state, detail, restarts) != (before.state, before.detail, before.restarts):
            self.note(LEVELS.get(state, "info"), f"{state}: {detail}" if detail else state)
        self._changed(self.status)

    def note(self, level: Level, text: str) -> None:
        self._note(LogLine(self._rooms.clock.now() * 1_000, "host", level, text))
