"""Usage and invoices: what was reserved and what was measured, and what each tenant owes for a month.

What a lease costs up to an instant is one formula of its price and the seconds that passed, and a month's amount is
the difference of two such sums. So the months of a lease add up to its charge to the last micro-unit. What a lease is
charged once beside its price counts in the month in which it was charged.
"""

from collections.abc import Mapping

import msgspec

from maillage.kernel.leases import Lease, charge_micro
from maillage.kernel.ledger import Ledger, OneOff
from maillage.kernel.quantities import from_micro, from_thousandths
from maillage.kernel.times import HOUR_S, format_end, format_time, month_bounds


class UsageLine(msgspec.Struct, frozen=True):
    """One lease within a time window. ``reserved`` is in unit-hours per kind, ``measured`` what was reported of the
    lease as a whole, per meter; ``amount`` is what the time cost, one-off charges apart."""

    lease: str
    tenant: str
    site: str
    lease_class: str = msgspec.field(name="class")
    state: str
    start: str
    end: str | None
    seconds: int
    reserved: dict[str, float]
    measured: dict[str, int | float]
    amount: str


class ChargeLine(msgspec.Struct, frozen=True):
    """Something that a lease was charged once."""

    line: str
    at: str
    amount: str


class InvoiceLine(msgspec.Struct, frozen=True):
    """One lease within the month. ``credit`` is what is given back because the lease was reclaimed; ``measured`` what
    was reported of it in the month, per meter: it is told, and costs nothing. ``amount`` is what the time cost and the
    ``charges`` together. ``state`` and ``end`` are the lease's
    as of now."""

    lease: str
    site: str
    lease_class: str = msgspec.field(name="class")
    state: str
    needs: dict[str, int | float]
    start: str
    end: str | None
    seconds: int
    per_hour: str
    amount: str
    credit: str
    measured: dict[str, int | float]
    charges: list[ChargeLine] = []


class Invoice(msgspec.Struct, frozen=True):
    """``status`` is ``open`` until the month is over and no hold that began in it can still be confirmed (and then
    counts from its start), ``final`` from then on; amounts are decimal texts in ``currency``."""

    tenant: str
    month: str
    currency: str
    status: str
    lines: list[InvoiceLine]
    amount: str
    credit: str
    total: str


def billed_until(lease: Lease, instant: int) -> int:
    """Micro-units that a lease has cost from its start up to an instant. A hold costs nothing until confirmed, and
    then from its start on."""
    if lease.state == "held" or (lease.state != "confirmed" and lease.charge == 0):
        return 0
    seconds = min(instant, lease.end) - lease.start
    return charge_micro(lease.per_hour, seconds) if seconds > 0 else 0


def usage_line(ledger: Ledger, lease: Lease, start: int, end: int) -> UsageLine | None:
    """What a lease reserved within ``[start, end)``; None where that is nothing."""
    first, last = max(lease.start, start), min(lease.end, end)
    if first >= last or lease.state in ("held", "expired"):
        return None
    seconds = last - first
    return UsageLine(
        lease.id,
        lease.tenant,
        lease.site,
        lease.cls,
        lease.state,
        format_time(lease.start),
        format_end(lease.end),
        seconds,
        {kind: round(quantity * seconds / (1_000 * HOUR_S), 6) for kind, quantity in lease.needs.items()},
        _in_units(ledger.measured.get(lease.id, {})),
        from_micro(billed_until(lease, last) - billed_until(lease, first)),
    )


def invoice(ledger: Ledger, tenant: str, month: str, currency: str, now: int) -> Invoice:
    """What a tenant owes for a month (UTC), up to now while it runs.

    A measurement counts in the month in which it was reported: one that comes after a month is over changes nothing of
    that month's invoice.
    """
    first, beyond = month_bounds(month)
    until = max(min(beyond, now), first)
    amount = credit = 0
    settled = beyond <= now
    lines = []
    measured_in = ledger.measured_in.get(month, {})
    for lease in ledger.leases_of_tenant.get(tenant, ()):
        settled = settled and not (lease.state == "held" and lease.start < beyond)
        once = _charges(ledger, lease, first, beyond)
        charged = billed_until(lease, until) - billed_until(lease, first) + sum(one.amount for _, one in once)
        credited = lease.credit if first <= lease.end < beyond and lease.end <= now else 0
        measured = measured_in.get(lease.id, {})
        if charged or credited or measured:
            amount += charged
            credit += credited
            lines.append(_invoice_line(lease, first, until, charged, credited, measured, once))
    status = "final" if settled else "open"
    total = from_micro(amount - credit)
    return Invoice(tenant, month, currency, status, lines, from_micro(amount), from_micro(credit), total)


def _charges(ledger: Ledger, lease: Lease, first: int, beyond: int) -> list[tuple[str, OneOff]]:
    """What a lease was charged once within ``[first, beyond)``."""
    known = ledger.charges.get(lease.id)
    return [] if known is None else [(line, one) for line, one in known.items() if first <= one.at < beyond]


def _invoice_line(
    lease: Lease,
    first: int,
    until: int,
    charged: int,
    credited: int,
    measured: Mapping[str, int],
    once: list[tuple[str, OneOff]],
) -> InvoiceLine:
    return InvoiceLine(
        lease.id,
        lease.site,
        lease.cls,
        lease.state,
        {kind: from_thousandths(quantity) for kind, quantity in lease.needs.items()},
        format_time(lease.start),
        format_end(lease.end),
        max(min(lease.end, until) - max(lease.start, first), 0),
        from_micro(lease.per_hour),
        from_micro(charged),
        from_micro(credited),
        _in_units(measured),
        [ChargeLine(line, format_time(one.at), from_micro(one.amount)) for line, one in once],
    )


def _in_units(meters: Mapping[str, int]) -> dict[str, int | float]:
    return {name: from_thousandths(amount) for name, amount in meters.items()}
