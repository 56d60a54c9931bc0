"""Heads of logs in the store's journal: a notice a day carries the last entry's number and hash there, and the mesh
carries it on to the hubs. Whoever cuts off the end of a log, or writes it anew, would have to do so there as well."""

from maillage.kernel.events import Noted, decode_events
from maillage.kernel.ports import Journal

TOPIC = "sensing.haccp.anchored"


class JournalAnchors:
    """``ports.Anchors``: reads the journal on from where it was the last time."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._position = 0
        self._known: dict[str, dict[int, str]] = {}

    def of(self, site: str) -> dict[int, str]:
        for batch in self._journal.read(self._position):
            if TOPIC.encode() in batch.body:
                for event in decode_events(batch.body):
                    if isinstance(event, Noted) and event.topic == TOPIC:
                        self._known.setdefault(event.site, {})[int(event.data["seq"])] = str(event.data["hash"])
            self._position = batch.pos + batch.count
        return dict(self._known.get(site, {}))
