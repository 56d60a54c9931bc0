"""Snapshots: a ledger written down whole, so that a restart reads it and the events since, not all that ever happened.

A snapshot is a function of the journal alone: two ledgers that saw the same events give the same bytes.
"""

import msgspec

from maillage.kernel.calendars import CalendarDocument, calendar_of
from maillage.kernel.curves import StepFunction
from maillage.kernel.leases import Lease
from maillage.kernel.ledger import GrantedKey, Ledger, OneOff
from maillage.kernel.pools import Pool
from maillage.kernel.sites import Site, zone_info

FORMAT = 2
WITHOUT_MONTHS = 1
"""The format that knew of each lease what was measured in all, not in which month. One of a chain that never measured
anything lacks nothing; any other can't be read as what it should say, and the journal is."""


class _PoolRow(msgspec.Struct, array_like=True, gc=False):
    site: str
    kind: str
    notice_s: int
    calendar: CalendarDocument | None
    size_times: list[int]
    sizes: list[int]
    committed_times: list[int]
    committed_levels: list[int]
    all_times: list[int] | None
    all_levels: list[int] | None


class _Snapshot(msgspec.Struct, array_like=True):
    format: int
    pos: int
    now: int
    sites: list[Site]
    seqs: dict[str, int]
    pools: list[_PoolRow]
    leases: list[Lease]
    keys: dict[str, GrantedKey]
    measured_in: dict[str, dict[str, dict[str, int]]]
    charges: dict[str, dict[str, OneOff]] = {}  # absent in snapshots of chains that knew of none


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Snapshot)


def encode_ledger(ledger: Ledger) -> bytes:
    """The whole ledger in MessagePack."""
    return _encoder.encode(
        _Snapshot(
            FORMAT,
            ledger.pos,
            ledger.now,
            list(ledger.sites.values()),
            ledger.seqs,
            [_pool_row(site, pool) for site, pools in ledger.pools.items() for pool in pools.values()],
            list(ledger.leases.values()),
            ledger.keys,
            ledger.measured_in,
            ledger.charges,
        )
    )


def decode_ledger(body: bytes | memoryview) -> Ledger:
    """The ledger of a snapshot; msgspec.DecodeError or ValidationError where it is damaged or of another format."""
    snapshot = _decoder.decode(body)
    if snapshot.format not in (FORMAT, WITHOUT_MONTHS):
        raise msgspec.ValidationError(f"snapshot format {snapshot.format}, not {FORMAT}")
    ledger = Ledger()
    ledger.pos, ledger.now = snapshot.pos, snapshot.now
    ledger.sites = {site.id: site for site in snapshot.sites}
    ledger.seqs = snapshot.seqs
    ledger.pools = {site.id: {} for site in snapshot.sites}
    for row in snapshot.pools:
        ledger.pools[row.site][row.kind] = _pool(row, ledger.sites[row.site])
    ledger.restore_leases(snapshot.leases)
    ledger.restore_keys(snapshot.keys)
    ledger.restore_measured(snapshot.measured_in)
    ledger.charges = snapshot.charges
    return ledger


def _pool_row(site: str, pool: Pool) -> _PoolRow:
    shared = pool.all is pool.committed
    return _PoolRow(
        site,
        pool.kind,
        pool.notice_s,
        None if pool.calendar is None else pool.calendar.document(),
        pool.size_times,
        pool.sizes,
        pool.committed.times,
        pool.committed.levels,
        None if shared else pool.all.times,
        None if shared else pool.all.levels,
    )


def _pool(row: _PoolRow, site: Site) -> Pool:
    pool = Pool(row.kind, zone_info(site.tz))
    pool.notice_s = row.notice_s
    pool.calendar = None if row.calendar is None else calendar_of(row.calendar)
    pool.size_times, pool.sizes = row.size_times, row.sizes
    pool.committed = pool.all = StepFunction(row.committed_times, row.committed_levels)
    if row.all_times is not None:
        pool.all = StepFunction(row.all_times, row.all_levels)
    return pool
