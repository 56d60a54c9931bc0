"""What a demo has to tell, as data."""

from typing import Any

import msgspec

from maillage.bootstrap import LocalChain
from maillage.demo.roofs.report import RoofReport
from maillage.demo.store.report import StoreReport
from maillage.demo.traffic import TENANTS
from maillage.kernel.catchment import Catchment
from maillage.kernel.documents import OffersDocument
from maillage.kernel.quantities import from_thousandths
from maillage.kernel.times import month_of


class KindRow(msgspec.Struct, frozen=True):
    """One kind over the whole chain, as of now: what there is, and what is leased of it."""

    kind: str
    unit: str
    stores: int
    size: int | float
    leased: int | float
    leased_percent: float


class TenantRow(msgspec.Struct, frozen=True):
    tenant: str
    name: str
    asked: int
    granted: int
    refused: int


class InvoiceRow(msgspec.Struct, frozen=True):
    tenant: str
    month: str
    leases: int
    amount: str
    credit: str
    total: str


class DemoReport(msgspec.Struct, frozen=True):
    """``leases`` counts by state; ``refused`` counts by reason, of the nearest store that was asked. ``store`` is what
    the devices of one of them did, ``roofs`` what a mobile operator did with some."""

    stores: int
    rejected_rows: int
    regions: int
    catchment: Catchment | None
    kinds: list[KindRow]
    tenants: list[TenantRow]
    leases: dict[str, int]
    classes: dict[str, int]
    refused: dict[str, int]
    invoices: list[InvoiceRow]
    offers: OffersDocument | None
    store: StoreReport
    roofs: RoofReport
    events: int
    seconds: dict[str, float]
    folder: str


async def kind_rows(chain: LocalChain) -> list[KindRow]:
    """How full the chain is, kind by kind."""

    def read(scribe: Any) -> list[KindRow]:
        sizes: dict[str, int] = {}
        leased: dict[str, int] = {}
        stores: dict[str, int] = {}
        for pools in scribe.ledger.pools.values():
            for kind, pool in pools.items():
                stores[kind] = stores.get(kind, 0) + 1
                sizes[kind] = sizes.get(kind, 0) + pool.size_at(scribe.now)
                leased[kind] = leased.get(kind, 0) + pool.all.peak(scribe.now, scribe.now + 1)
        return [
            KindRow(
                kind,
                chain.policy.kinds[kind].unit,
                stores[kind],
                from_thousandths(size),
                from_thousandths(leased[kind]),
                round(100 * leased[kind] / size, 2) if size else 0.0,
            )
            for kind, size in sizes.items()
        ]

    rows: list[KindRow] = await chain.writer.submit(read)
    return rows


async def lease_counts(chain: LocalChain) -> tuple[dict[str, int], dict[str, int]]:
    """Leases by state and by class."""

    def read(scribe: Any) -> tuple[dict[str, int], dict[str, int]]:
        states: dict[str, int] = {}
        classes: dict[str, int] = {}
        for lease in scribe.ledger.leases.values():
            states[lease.state] = states.get(lease.state, 0) + 1
            classes[lease.cls] = classes.get(lease.cls, 0) + 1
        return states, classes

    counts: tuple[dict[str, int], dict[str, int]] = await chain.writer.submit(read)
    return counts


async def invoice_rows(chain: LocalChain, since: int) -> list[InvoiceRow]:
    """What each tenant owes for the months that the demo lived in."""
    months = sorted({month_of(since), month_of(chain.clock.now())})
    rows = []
    for month in months:
        for made in await chain.office.invoices(month, [tenant.id for tenant in TENANTS]):
            rows.append(InvoiceRow(made.tenant, month, len(made.lines), made.amount, made.credit, made.total))
    return rows
