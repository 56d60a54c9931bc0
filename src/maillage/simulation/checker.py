"""The checker: what must be true of each ledger when the dust has settled, whatever happened before."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from maillage.kernel.billing import invoice
from maillage.kernel.ledger import Ledger
from maillage.kernel.ports import Batch
from maillage.kernel.quantities import MICRO
from maillage.kernel.recovery import JournalDamaged, replay
from maillage.kernel.snapshots import decode_ledger, encode_ledger
from maillage.kernel.times import DAY_S, month_bounds, month_of
from maillage.simulation.clock import EPOCH
from maillage.simulation.disk import SimFile
from maillage.simulation.world import World
from maillage.verify import Report, check_rows

BEYOND_ALL_ENDS_S = 60 * DAY_S
"""Longer than any lease with an end, with whatever the clocks were wrong by."""
FAULTS_TOLD = 5
"""Faults of one ledger that are told: one mistake makes many."""


class Settled:
    """A journal that nobody writes to any more: what is synced on a disk."""

    def __init__(self, file: SimFile) -> None:
        self.batches: Sequence[Batch] = [batch for transaction in file.synced for batch in transaction]

    def append(self, *_: Batch) -> None:
        raise OSError("nobody writes to a journal under check")

    def end(self) -> int:
        return self.batches[-1].pos + self.batches[-1].count if self.batches else 0

    def read(self, pos: int = 0) -> Iterator[Batch]:
        return (batch for batch in self.batches if batch.pos + batch.count > pos)

    def sources(self) -> dict[str, int]:
        return {}

    def close(self) -> None:
        return


def check_ledger(world: World, name: str, file: SimFile, live: Ledger) -> Report:
    """Check one owner's journal by itself: as ``maillage verify`` does, by replay, and by its bills.

    ``live`` is the ledger in the memory of the process that owns it.
    """
    report = check_books(world, name, file)
    ledger = check_replay(world, name, file, live)
    if ledger is not None:
        check_bills(world, name, ledger, report.charged_micro, report.credited_micro)
        check_measured(world, name, ledger, report.measured)
    return report


def check_books(world: World, name: str, file: SimFile) -> Report:
    """Check a journal, be it an owner's or a mirror's, with the reader behind ``maillage verify``."""
    report = check_rows(
        (batch.pos, batch.count, batch.body, batch.source, batch.source_end) for batch in Settled(file).batches
    )
    for found in report.faults[:FAULTS_TOLD]:
        world.fault(f"{name}: {found.kind}: {found}")
    return report


def check_replay(world: World, name: str, file: SimFile, live: Ledger) -> Ledger | None:
    """The ledger that a journal adds up to: the same each time, the same as in memory, the same from any snapshot.
    None where it can't be replayed."""
    journal = Settled(file)
    try:
        ledger = _replayed(journal)
        first, second = encode_ledger(ledger), encode_ledger(_replayed(journal))
    except JournalDamaged as damage:
        world.fault(f"{name}: the journal can't be replayed: {damage}")
        return None
    if first != second:
        world.fault(f"{name}: two replays of one journal differ")
    if encode_ledger(live) != first:
        world.fault(f"{name}: the ledger in memory is not what its journal adds up to")
    for pos, content in sorted(file.snapshots.items()):
        if pos <= journal.end() and _from_snapshot(content[4:], journal) not in (None, first):
            world.fault(f"{name}: the snapshot at {pos} and the events since are not what the journal adds up to")
    world.record(first)
    return ledger


def _replayed(journal: Settled) -> Ledger:
    ledger = Ledger()
    replay(ledger, journal)
    return ledger


def _from_snapshot(body: bytes, journal: Settled) -> bytes | None:
    """What a snapshot and the events since add up to; None for one that a power cut has torn."""
    try:
        ledger = decode_ledger(body)
    except Exception:  # torn anywhere, it fails in any way
        return None
    replay(ledger, journal)
    return encode_ledger(ledger)


def check_bills(
    world: World, name: str, ledger: Ledger, charged: Mapping[str, int], credited: Mapping[str, int]
) -> None:
    """Over all months a tenant's invoices come to what its leases were charged, and credited (micro-units)."""
    now = int(world.time.seconds()) + BEYOND_ALL_ENDS_S  # past the last end, whatever the owners' clocks were
    months = list(_months(EPOCH - 31 * DAY_S, now))
    for tenant in sorted({*ledger.leases_of_tenant, *charged}):
        invoices = [invoice(ledger, tenant, month, "USD", now) for month in months]
        for what, texts, micro in (
            ("charged", [each.amount for each in invoices], charged.get(tenant, 0)),
            ("credited", [each.credit for each in invoices], credited.get(tenant, 0)),
        ):
            billed = sum(Decimal(text) for text in texts) * MICRO
            if billed != micro:
                world.fault(f"{name}: {tenant} is billed {billed} micro-units {what}, the leases come to {micro}")


def check_measured(world: World, name: str, ledger: Ledger, measured: Mapping[str, Mapping[str, int]]) -> None:
    """The invoices of a month tell of all leases together what was measured in that month (thousandths per meter), and
    over all months that is what is known of each lease."""
    now = int(world.time.seconds()) + BEYOND_ALL_ENDS_S
    for month in sorted({*measured, *ledger.measured_in}):
        told: Counter[str] = Counter()
        for tenant in sorted(ledger.leases_of_tenant):
            for line in invoice(ledger, tenant, month, "USD", now).lines:
                told.update({meter: round(amount * 1_000) for meter, amount in line.measured.items()})
        if +told != +Counter(measured.get(month, {})):
            world.fault(f"{name}: invoices of {month} tell {dict(told)} as measured, the journal {measured.get(month)}")
    sums: dict[str, Counter[str]] = {}
    for of_month in ledger.measured_in.values():
        for lease, meters in of_month.items():
            sums.setdefault(lease, Counter()).update(meters)
    for lease in sorted({*sums, *ledger.measured}):
        if sums.get(lease) != ledger.measured.get(lease):
            world.fault(
                f"{name}: {lease} was measured to use {ledger.measured.get(lease)}, its months {sums.get(lease)}"
            )


def _months(first: int, last: int) -> Iterator[str]:
    at = first
    while at <= last:
        month = month_of(at)
        yield month
        at = month_bounds(month)[1]
