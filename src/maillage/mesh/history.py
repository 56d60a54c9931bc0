"""Handing a site's past to the node that owns it from now on: all that a hub's mirror knows of it.

A store that joins for the first time gets its record, one that replaces a dead node gets the whole ledger back as far
as any hub had heard of it.
"""

import zlib
from collections.abc import Sequence
from itertools import islice

import msgspec

from maillage.kernel.events import Event, decode_events, encode_events
from maillage.kernel.keeper import Keeper
from maillage.kernel.owner import OwnerOffice
from maillage.kernel.ports import Journal
from maillage.kernel.sites import Site
from maillage.mesh.messages import PARCEL_BYTES, HistoryGiven, HistoryWanted, hub_subject
from maillage.mesh.parcels import unpacked
from maillage.mesh.ports import Bus

PAGE_BATCHES = 2_000
"""Batches of the mirror's journal that are looked through for one answer."""
PAGE_BYTES = 4 * PARCEL_BYTES
"""Bytes of events in one answer, before they are packed."""
TIMEOUT_S = 30.0

_encoder = msgspec.json.Encoder()
_wanted = msgspec.json.Encoder()
_given = msgspec.msgpack.Decoder(HistoryGiven)


def history_page(journal: Journal, pos: int, sites: frozenset[str]) -> tuple[bytes, int | None]:
    """The events of some sites among the next batches from ``pos`` on, packed, and where to go on."""
    found: list[Event] = []
    size = 0
    end = journal.end()
    for batch in islice(journal.read(pos), PAGE_BATCHES):
        mine = [event for event in decode_events(batch.body) if event.site in sites]
        if mine and found and size + len(batch.body) > PAGE_BYTES:
            break
        found += mine
        size += len(batch.body) if mine else 0
        pos = batch.pos + batch.count
    return zlib.compress(encode_events(found), 1), (pos if pos < end else None)


class HistoryReader:
    """Fetches what the hub knows of sites that are not in the node's ledger, and enters it in one commit."""

    def __init__(self, node_id: str, keeper: Keeper, office: OwnerOffice, bus: Bus) -> None:
        self._node = node_id
        self._keeper = keeper
        self._office = office
        self._bus = bus

    async def fetch(self, missing: Sequence[str]) -> None:
        """Enter the past of these sites, or at least their records. Unreachable where no hub answers."""
        wanted = frozenset(missing)
        events: list[Event] = []
        pos: int | None = 0
        records: list[Site] = []
        while pos is not None:
            body = await self._bus.request(hub_subject(self._node), _wanted.encode(HistoryWanted(pos)), TIMEOUT_S)
            given = _given.decode(body)
            events += [event for event in decode_events(unpacked(given.bodies)) if event.site in wanted]
            records = given.sites
            pos = given.next
        if events:
            await self._office.adopt(events)
        known = self._keeper.ledger.sites
        await self._office.set_sites([site for site in records if site.id in wanted and site.id not in known])
