"""Bringing a ledger back: the newest snapshot that can be read, then the events since."""

import gc
import logging

import msgspec

from maillage.kernel.events import decode_events
from maillage.kernel.ledger import Ledger
from maillage.kernel.ports import Journal, SnapshotStore
from maillage.kernel.snapshots import decode_ledger, encode_ledger

log = logging.getLogger(__name__)


class JournalDamaged(Exception):
    """The journal can't be replayed; the text says where. Nothing is served from such a folder."""


def recover(journal: Journal, snapshots: SnapshotStore) -> Ledger:
    """The ledger as of the last durable event.

    What was loaded is frozen out of the garbage collector's sight: it lives as long as the process, and walking it
    over and over is what would make a large ledger slow.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        ledger = _from_snapshot(journal, snapshots) or Ledger()
        replay(ledger, journal)
    finally:
        if collecting:
            gc.enable()
    gc.freeze()
    return ledger


def replay(ledger: Ledger, journal: Journal) -> None:
    """Apply all that the journal has beyond the ledger; JournalDamaged where it does not follow on."""
    for batch in journal.read(ledger.pos):
        try:
            events = decode_events(batch.body)
        except (msgspec.DecodeError, msgspec.ValidationError) as fault:
            raise JournalDamaged(f"the batch at event {batch.pos} can't be read: {fault}") from fault
        if batch.pos > ledger.pos or len(events) != batch.count:
            raise JournalDamaged(f"events are missing at {ledger.pos}; run 'maillage verify' on the data folder")
        apply = ledger.apply_foreign if batch.source else ledger.apply
        for event in events[ledger.pos - batch.pos :]:
            try:
                apply(event)
            except (KeyError, ValueError, IndexError) as fault:
                raise JournalDamaged(
                    f"event {ledger.pos} ({event.site}, {event.seq}) does not fit: {fault!r}"
                ) from fault


def take_snapshot(journal: Journal, snapshots: SnapshotStore) -> int:
    """Write a snapshot of all that is durable and return its position. It reads the journal only, so it can run in a
    process of its own beside the one that writes."""
    ledger = recover(journal, snapshots)
    snapshots.save(ledger.pos, encode_ledger(ledger))
    return ledger.pos


def _from_snapshot(journal: Journal, snapshots: SnapshotStore) -> Ledger | None:
    body = snapshots.newest(journal.end())
    if body is None:
        return None
    try:
        return decode_ledger(body)
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError) as fault:
        log.warning("a snapshot can't be used (%s); the whole journal is replayed instead", fault)
        return None
