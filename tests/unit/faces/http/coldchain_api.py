"""A chain with a desk of the cold chain, behind its ASGI application."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from maillage.bootstrap import open_local
from maillage.engines.clocks import ManualClock
from maillage.engines.records.coldchain import SqlColdChainRecords
from maillage.faces.http import app
from maillage.faces.http.routes import alarms, haccp
from maillage.faces.problems import catalogue
from maillage.services.sensing.coldchain.desk import ColdChain
from maillage.services.sensing.coldchain.haccp.anchors import JournalAnchors
from maillage.services.sensing.model import Reading
from tests.unit.faces.http import api as known
from tests.unit.faces.http.api import Api
from tests.unit.services.sensing.coldchain.coldchain_world import SITE, Devices


class Noticing:
    """``Notices`` of a chain that owns its sites: through its writer, into its journal."""

    def __init__(self, chain: Any) -> None:
        self._chain = chain

    async def note(self, site: str, topic: str, about: str, data: dict[str, Any]) -> None:
        from maillage.kernel.notices import note

        await self._chain.writer.submit(lambda scribe: note(scribe, site, topic, about, data))


class ColdApi(Api):
    """Its store has a freezer at -8 °C, and an alarm about it."""

    desk: ColdChain

    def alarm(self) -> str:
        """The id of the alarm."""
        self.desk.observe([Reading(SITE, "probe-1", "air", 1_000 * self.clock.now(), -8.0)])
        self.run(self.desk.settle())
        (alarm,) = (each for each in self.desk.open_alarms() if each.rule == "thawing")
        return alarm.id

    def well(self) -> None:
        """The freezer is at -20 °C for a quarter of an hour."""
        for _ in range(15):
            self.clock.advance(60)
            self.desk.observe([Reading(SITE, "probe-1", "air", 1_000 * self.clock.now(), -20.0)])
        self.run(self.desk.settle())


@contextmanager
def cold(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ColdApi]:
    """The chain, closed in the end. Where its application has the routes already, they stay as they are."""
    more = [handler for handler in (*alarms.HANDLERS, *haccp.HANDLERS) if handler not in app.HANDLERS]
    monkeypatch.setattr(app, "HANDLERS", [*app.HANDLERS, *more])
    monkeypatch.setattr(known, "KNOWN", {problem.slug: problem for problem in catalogue()})
    api = ColdApi(folder, opened)
    api.site(SITE)
    api.desk = ColdChain(
        Devices(),
        SqlColdChainRecords(api.chain.database),
        Noticing(api.chain),
        api.clock,
        lambda site: api.chain.ledger.sites.get(site),
        anchors=JournalAnchors(api.chain.journal),
    )
    api.chain.__dict__["sensing"] = SimpleNamespace(coldchain=api.desk)
    api.run(api.desk.start())
    try:
        yield api
    finally:
        api.run(api.desk.stop())
        del api.chain.__dict__["sensing"]
        api.close()


def opened(folder: Path, clock: ManualClock) -> Any:
    return open_local(folder, clock)
