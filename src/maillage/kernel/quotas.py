"""Quotas: how much of a kind a tenant may have leased at any instant, over all sites of a ledger.

One check for whoever grants: the owner of a ledger before it records anything, and a hub on its mirror of many
ledgers, which adds what it has asked for and not yet seen granted.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from maillage.kernel.curves import StepFunction
from maillage.kernel.errors import QuotaExceeded
from maillage.kernel.holdings import Holdings
from maillage.kernel.ledger import Ledger
from maillage.kernel.quantities import from_thousandths

Quotas = Mapping[str, Mapping[str, int]]
"""By tenant and kind, in thousandths."""


class Pending(NamedTuple):
    """What a tenant was promised and the ledger does not show yet: thousandths over ``[start, end)``."""

    needs: Mapping[str, int]
    start: int
    end: int


def require(
    ledger: Ledger,
    quotas: Quotas,
    tenant: str,
    needs: Mapping[str, int],
    start: int,
    end: int,
    pending: Iterable[Pending] = (),
) -> None:
    """QuotaExceeded where the needs would lift the tenant above a quota at some instant of ``[start, end)``.

    A tenant without quotas costs one look into a table. The first check of one with quotas reads all its leases;
    from then on the ledger keeps count.
    """
    limits = quotas.get(tenant)
    if limits is None:
        return
    holdings = ledger.watched.get(tenant) or ledger.watch(tenant)
    waiting = list(pending)
    for kind, quantity in needs.items():
        most = limits.get(kind)
        if most is not None:
            in_use = _in_use(holdings, kind, start, end, waiting)
            if in_use + quantity > most:
                _refuse(tenant, kind, most, in_use, quantity)


def _in_use(holdings: Holdings, kind: str, start: int, end: int, waiting: list[Pending]) -> int:
    curve = holdings.curves.get(kind)
    if not waiting:
        return 0 if curve is None else curve.peak(start, end)
    counted = StepFunction() if curve is None else curve.copy()
    for one in waiting:
        if kind in one.needs:
            counted.add(one.start, one.end, one.needs[kind])
    return counted.peak(start, end)


def _refuse(tenant: str, kind: str, most: int, in_use: int, quantity: int) -> None:
    raise QuotaExceeded(
        f"{tenant} may have {from_thousandths(most)} {kind} leased at any instant; with {from_thousandths(in_use)} in "
        f"use then, {from_thousandths(quantity)} more are too many. Release some, ask for another time, or have the "
        "quota raised",
        kind=kind,
        quota=from_thousandths(most),
        in_use=from_thousandths(in_use),
        asked=from_thousandths(quantity),
    )
