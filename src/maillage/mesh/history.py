"""Handing a site's past to the node that owns it from now on: all that a hub's mirror knows of it.

A store that joins for the first time gets its record, one that replaces a dead node gets the whole ledger back as far
as any hub that is up had heard of it. The hubs answer in turn: their pages are merged by the events' own numbers.
"""

import asyncio
import zlib
from collections.abc import Sequence
from itertools import islice

import msgspec

from maillage.kernel.events import Event, decode_events
from maillage.kernel.keeper import Keeper
from maillage.kernel.owner import OwnerOffice
from maillage.kernel.ports import Journal
from maillage.kernel.sites import Site
from maillage.mesh.messages import HistoryGiven, HistoryWanted, SitesGiven, SitesWanted, hub_subject
from maillage.mesh.parcels import unpacked
from maillage.mesh.ports import Bus

PAGE_BATCHES = 2_000
"""Batches of the mirror's journal that are looked through for one answer."""
PAGE_BYTES = 768 << 10
"""Most bytes in one answer, before they are packed: should they not pack at all, a message still takes them."""
TIMEOUT_S = 30.0
ASK_AGAIN_S = 0.05
"""Who answers is chance, and a hub that has told all may answer again before the others have."""

_encoder = msgspec.json.Encoder()
_given = msgspec.msgpack.Decoder(HistoryGiven)
_sites = msgspec.msgpack.Decoder(SitesGiven)


def history_page(journal: Journal, pos: int, sites: frozenset[str]) -> tuple[bytes, int | None]:
    """The events of some sites among the next batches from event ``pos`` on, packed, and where to go on."""
    found: list[bytes] = []
    size = 0
    for batch in islice(journal.read(pos), PAGE_BATCHES):
        for number, event in enumerate(decode_events(batch.body), batch.pos):
            if number < pos or event.site not in sites:
                continue
            body = _encoder.encode(event)
            if found and size + len(body) > PAGE_BYTES:
                return _packed(found), number
            found.append(body)
            size += len(body) + 1
        pos = batch.pos + batch.count
    return _packed(found), (pos if pos < journal.end() else None)


def sites_page(records: Sequence[Site], after: str) -> SitesGiven:
    """As many records as one message takes, of the sites whose ids come after one."""
    found: list[Site] = []
    size = 0
    for site in sorted((site for site in records if site.id > after), key=lambda site: site.id):
        size += len(_encoder.encode(site)) + 1
        if found and size > PAGE_BYTES:
            return SitesGiven(found, True)
        found.append(site)
    return SitesGiven(found, False)


class HistoryReader:
    """Fetches what the hubs know of sites that are not in the node's ledger, and enters each in one commit."""

    def __init__(self, node_id: str, keeper: Keeper, office: OwnerOffice, bus: Bus) -> None:
        self._node = node_id
        self._keeper = keeper
        self._office = office
        self._bus = bus

    async def fetch(self, missing: Sequence[str]) -> None:
        """Enter the past of these sites, or at least their records. Unreachable where no hub answers."""
        wanted = frozenset(missing)
        for past in (await self._pasts(wanted)).values():
            await self._office.adopt(_whole(past))
        known = self._keeper.ledger.sites
        records = await self._records()
        await self._office.set_sites([site for site in records if site.id in wanted and site.id not in known])

    async def _pasts(self, wanted: frozenset[str]) -> dict[str, dict[int, Event]]:
        """By site and number, until each hub that is up has told all that it knows."""
        pasts: dict[str, dict[int, Event]] = {}
        positions: dict[str, int] = {}
        told: set[str] = set()
        while True:
            given = _given.decode(await self._ask(HistoryWanted(positions)))
            if given.hub not in told:
                for event in decode_events(unpacked(given.body)):
                    if event.site in wanted:
                        pasts.setdefault(event.site, {}).setdefault(event.seq, event)
                if given.next is None:
                    told.add(given.hub)
                else:
                    positions[given.hub] = given.next
            else:
                await asyncio.sleep(ASK_AGAIN_S)
            if told.issuperset(given.hubs):
                return pasts

    async def _records(self) -> list[Site]:
        records: list[Site] = []
        while True:
            given = _sites.decode(await self._ask(SitesWanted(records[-1].id if records else "")))
            records += given.sites
            if not given.more:
                return records

    async def _ask(self, wanted: HistoryWanted | SitesWanted) -> bytes:
        return await self._bus.request(hub_subject(self._node), _encoder.encode(wanted), TIMEOUT_S)


def _whole(past: dict[int, Event]) -> list[Event]:
    """The events in order, as far as none is missing."""
    events: list[Event] = []
    while (event := past.get(len(events) + 1)) is not None:
        events.append(event)
    return events


def _packed(bodies: Sequence[bytes]) -> bytes:
    return zlib.compress(b"[" + b",".join(bodies) + b"]", 1)
