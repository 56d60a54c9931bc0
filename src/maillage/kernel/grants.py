"""Granting: one ask, all its kinds at one site, or nothing."""

from collections.abc import Mapping

import msgspec

from maillage.kernel.asks import Ask
from maillage.kernel.errors import (
    KeyReused,
    KeyVoid,
    NoCapacity,
    NoticeTooShort,
    PriceAboveCap,
    QuotaExceeded,
    Refusal,
    UnknownSite,
)
from maillage.kernel.events import Leased
from maillage.kernel.leases import Lease, LeaseClass, charge_micro
from maillage.kernel.pools import Pool, Shortfall
from maillage.kernel.quantities import from_micro
from maillage.kernel.quotas import require
from maillage.kernel.reclaim import crowded_pools, reclaim, victims
from maillage.kernel.scribe import Scribe
from maillage.kernel.sites import lacking
from maillage.kernel.times import FOREVER, format_time


class Order(msgspec.Struct, frozen=True, gc=False):
    """An ask on its way to the owner of ``sites``, which are tried in this order. ``digest`` stands for the body that
    came with the idempotency ``key``."""

    tenant: str
    ask: Ask
    sites: tuple[str, ...]
    key: str | None = None
    digest: str | None = None


def grant(scribe: Scribe, order: Order) -> Lease:
    """The lease of the first site that can give it, or the refusal: of the one site, or of all with their reasons."""
    again = remembered(scribe, order)
    if again is not None:
        return again
    start, end = _interval(scribe, order, 1)
    refused: dict[str, Refusal] = {}
    for site in order.sites:
        try:
            return _record(scribe, order, _prepare(scribe, order, site, start, end), order.key)
        except Refusal as refusal:
            refused[site] = refusal
    raise refused_by_all(refused)


def refused_by_all(refused: Mapping[str, Refusal]) -> Refusal:
    """The one refusal that stands for those of all sites asked, in their order."""
    first = next(iter(refused.values()))
    if len(refused) == 1:
        return first
    return NoCapacity(
        f"none of the {len(refused)} sites asked could grant it; the nearest said: {first.detail}",
        reasons=first.extra.get("reasons", []),
        refused={site: refusal.slug for site, refusal in refused.items()},
    )


def grant_all(scribe: Scribe, order: Order, count: int) -> list[Lease]:
    """A lease at each of ``count`` of the order's sites, the first that can, or at none at all.

    Sites have nothing in common, so what each would give can be found out before anything is recorded. What is wrong
    with the ask itself (it names a site that does not exist) is said as it is; ``too_few`` says all else.
    """
    keys = [None if order.key is None else item_key(order.key, number) for number in range(count)]
    orders = [msgspec.structs.replace(order, key=key) for key in keys]
    again = [lease for item in orders if (lease := remembered(scribe, item)) is not None]
    if again:
        return again
    start, end = _interval(scribe, order, count)
    given: list[_Grant] = []
    refused: dict[str, Refusal] = {}
    for site in dict.fromkeys(order.sites):  # each once: the second grant would not see what the first takes
        if len(given) == count:
            break
        try:
            given.append(_prepare(scribe, order, site, start, end))
        except UnknownSite:
            raise
        except Refusal as refusal:
            refused[site] = refusal
    if len(given) < count:
        raise too_few(len(given), count, refused)
    return [_record(scribe, order, one, key) for one, key in zip(given, keys, strict=True)]


def item_key(key: str, number: int) -> str:
    """The key of one lease of several that were asked for as one. The first has the key itself, so that the key is
    known again whatever body it comes with; the others have a character that no caller's own key can hold."""
    return f"{key}\x1f{number}" if number else key


def too_few(able: int, count: int, refused: Mapping[str, Refusal]) -> NoCapacity:
    """The refusal of an ask for several sites, with why each site refused."""
    first = next(iter(refused.values()), None)
    said = "no other site within reach has room for all of it" if first is None else first.detail
    return NoCapacity(
        f"{able} of the {count} sites asked for can grant it, so none was taken; {said}",
        reasons=[] if first is None else first.extra.get("reasons", []),
        able=able,
        count=count,
        refused={site: refusal.slug for site, refusal in refused.items()},
    )


def remembered(scribe: Scribe, order: Order) -> Lease | None:
    """The lease that this key was granted before; KeyReused when that was for another body, KeyVoid where it was made
    void."""
    if order.key is None:
        return None
    granted = scribe.ledger.granted_key(order.tenant, order.key, scribe.now)
    if granted is None:
        return None
    if not granted.lease:
        raise KeyVoid(f"the key {order.key[:64]!r} was made void here, since its ask was granted elsewhere or given up")
    if granted.digest != order.digest:
        raise KeyReused(
            f"the key {order.key[:64]!r} was granted {granted.lease} for another body; use a new key for a new ask",
            lease=granted.lease,
        )
    return scribe.ledger.leases[granted.lease]


def _interval(scribe: Scribe, order: Order, count: int) -> tuple[int, int]:
    """When the ask is for, once it is known that the tenant's quotas have room for ``count`` of it then."""
    start, end = order.ask.interval(scribe.now)
    quotas = scribe.policy.quotas
    if order.tenant in quotas:
        needs = {kind: quantity * count for kind, quantity in order.ask.needs.items()}
        try:
            require(scribe.ledger, quotas, order.tenant, needs, start, end)
        except QuotaExceeded:
            if start >= scribe.now:
                raise
            start = scribe.now  # as with capacity: a start within the last minute means now
            require(scribe.ledger, quotas, order.tenant, needs, start, end)
    return start, end


class _Grant(msgspec.Struct, frozen=True, gc=False):
    """What a site can give, found out and not yet recorded."""

    site: str
    start: int
    end: int
    per_hour: int
    displaced: list[Lease]


def _prepare(scribe: Scribe, order: Order, site_id: str, start: int, end: int) -> _Grant:
    """What the site would grant, or its refusal. Changes nothing."""
    ledger, ask = scribe.ledger, order.ask
    site = ledger.sites.get(site_id)
    if site is None:
        raise UnknownSite(f"the chain has no site {site_id[:64]!r}", site=site_id[:64])
    if ask.attributes is not None and (names := lacking(site, ask.attributes)):
        raise NoCapacity(
            f"{site_id} is not a site with the {', '.join(names)} asked for",
            site=site_id,
            reasons=[Shortfall(name, "attribute") for name in names],
        )
    pools = ledger.pools[site_id]
    if start < scribe.now and not _stands_free(pools, ask, start, end):
        start = scribe.now  # a start within the last minute means now, and nobody can be displaced in the past
    displaced = make_room(scribe, pools, ask.needs, ask.cls, start, end, site_id)
    per_hour = ask.agreed_per_hour
    if per_hour is None:
        per_hour = scribe.policy.pricing.per_hour(ask.needs, ask.cls, site, pools, start, end)
    if ask.max_price is not None:
        amount = per_hour if end >= FOREVER else charge_micro(per_hour, end - start)
        if amount > ask.max_price:
            raise PriceAboveCap(
                f"at {site_id} it costs {from_micro(amount)}, above the cap of {from_micro(ask.max_price)}",
                site=site_id,
                amount=from_micro(amount),
                max_price=from_micro(ask.max_price),
            )
    return _Grant(site_id, start, end, per_hour, displaced)


def _record(scribe: Scribe, order: Order, given: _Grant, key: str | None) -> Lease:
    ledger, ask, site_id = scribe.ledger, order.ask, given.site
    if given.displaced:
        # Reclaims come first in the journal, so the new lease's number is known only by counting them.
        lease_id = f"{site_id}~{ledger.next_seq(site_id) + len(given.displaced)}"
        reclaim(scribe, given.displaced, given.start, lease_id)
    seq = ledger.next_seq(site_id)
    lease_id = f"{site_id}~{seq}"
    hold_until = None if ask.hold_s is None else min(scribe.now + ask.hold_s, given.end)
    scribe.record(
        Leased(
            site_id,
            seq,
            scribe.now,
            lease_id,
            order.tenant,
            ask.needs,
            given.start,
            given.end,
            ask.cls,
            given.per_hour,
            hold_until,
            key,
            order.digest,
            ask.kept_by,
        )
    )
    return ledger.leases[lease_id]


def _stands_free(pools: dict[str, Pool], ask: Ask, start: int, end: int) -> bool:
    """Whether the ask fits over ``[start, end)`` beside leases of every class."""
    return all(
        kind in pools and pools[kind].has_room(start, end, quantity, spot=True) for kind, quantity in ask.needs.items()
    )


def make_room(
    scribe: Scribe,
    pools: dict[str, Pool],
    needs: dict[str, int],
    cls: LeaseClass,
    start: int,
    end: int,
    site_id: str,
) -> list[Lease]:
    """The spot leases that must go for the needs to fit (mostly none), or the refusal. Changes nothing yet."""
    spot = cls == "spot"
    shortfalls: list[Shortfall] = []
    shared = False
    for kind, quantity in needs.items():
        pool = pools.get(kind)
        if pool is None:
            shortfalls.append(Shortfall(kind, "no_pool"))
        elif not pool.has_room(start, end, quantity, spot):
            shortfalls.append(pool.shortfall(start, end, quantity, spot))
        elif pool.all is not pool.committed:
            shared = True
    if shortfalls:
        raise NoCapacity(_sentence(site_id, shortfalls), site=site_id, reasons=shortfalls)
    if spot or not shared:
        return []
    crowded = crowded_pools(pools, needs, start, end)
    if not crowded:
        return []
    if cls == "firm":
        notice_s = max(pool.notice_s for pool in crowded)
        if start < scribe.now + notice_s:
            _refuse_for_notice(scribe, pools, needs, start, end, notice_s, site_id, crowded)
    return victims(pools, needs, start, end)


def _refuse_for_notice(
    scribe: Scribe,
    pools: dict[str, Pool],
    needs: dict[str, int],
    start: int,
    end: int,
    notice_s: int,
    site_id: str,
    crowded: list[Pool],
) -> None:
    earliest = scribe.now + notice_s
    until = end if end > earliest else end + (earliest - start)
    works = all(pools[kind].has_room(earliest, until, quantity, False) for kind, quantity in needs.items()) and all(
        pool.notice_s <= notice_s for pool in crowded_pools(pools, needs, earliest, until)
    )
    shortfalls = [Shortfall(pool.kind, "reclaim_notice", format_time(start)) for pool in crowded]
    hint = f"; a start from {format_time(earliest)} on would work" if works else ""
    raise NoticeTooShort(
        f"at {site_id} spot leases must be given {notice_s} s of notice{hint}",
        site=site_id,
        reasons=shortfalls,
        notice_s=notice_s,
        **({"earliest_start": format_time(earliest)} if works else {}),
    )


def _sentence(site_id: str, shortfalls: list[Shortfall]) -> str:
    parts = []
    for short in shortfalls:
        if short.why == "no_pool":
            parts.append(f"it offers no {short.kind}")
        elif short.why == "closed":
            parts.append(f"its {short.kind} is closed at {short.at}")
        else:
            parts.append(f"it has {short.available} of {short.size} {short.kind} free at {short.at}")
    return f"at {site_id} " + ", and ".join(parts)
