"""The office of whoever owns the ledgers: it decides by itself, through the one writer."""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec

from maillage.kernel.asks import Ask
from maillage.kernel.capacity import set_capacity, set_site, set_size
from maillage.kernel.documents import (
    CapacityDocument,
    CapacityPlanDocument,
    LeaseDocument,
    capacity_document,
    plan_of,
)
from maillage.kernel.errors import Invalid, NoCapacity, NoticeTooShort, PriceAboveCap, Refusal
from maillage.kernel.events import Event
from maillage.kernel.find import Finder
from maillage.kernel.grants import Order, grant, grant_all, remembered
from maillage.kernel.leases import Lease
from maillage.kernel.moves import charge, confirm, extend, measure, release, void
from maillage.kernel.notices import note
from maillage.kernel.office import Office
from maillage.kernel.policy import Policy
from maillage.kernel.ports import Clock
from maillage.kernel.readings import shown, unit_of
from maillage.kernel.scribe import Scribe, View
from maillage.kernel.search import Found
from maillage.kernel.sites import Site
from maillage.kernel.times import DAY_S
from maillage.kernel.writer import Writer

T = TypeVar("T")

CANDIDATES, MORE_CANDIDATES = 4, 256
"""Sites that an ask near a place is offered to, nearest first; the many only where all of the few refused. An ask for
several sites is offered to so many more."""

ADOPTED = "~"
"""Stands before a site's id in the source of what was taken over from its former owner."""


class OwnerOffice(Office):
    """Every answer is durable before it is given; reads come after the writes that were answered before them."""

    def __init__(self, writer: Writer, finder: Finder, policy: Policy, clock: Clock) -> None:
        super().__init__(finder)
        self._writer = writer
        self._policy = policy
        self._clock = clock

    async def read(self, reading: Callable[[View], T]) -> T:
        answer: T = await self._writer.submit(reading)
        return answer

    def glance(self) -> View:
        return View(self._writer.keeper.ledger, self._policy, self._clock.now())

    async def lease(self, tenant: str, ask: Ask, key: str | None, digest: str | None) -> LeaseDocument:
        if ask.near is None:
            return await self._lease(tenant, ask, None, key, digest)
        return await self._at_nearest(ask, 1, lambda found: self._lease(tenant, ask, found, key, digest))

    async def lease_batch(
        self, tenant: str, asks: Sequence[Ask | Refusal], key: str | None, digests: Sequence[str | None]
    ) -> list[LeaseDocument | Refusal]:
        """As the office has it, and with one commit for all."""
        now = self._clock.now()
        answers: list[Any] = list(asks)
        near: list[int] = []
        for number, ask in enumerate(asks):
            if isinstance(ask, Ask) and ask.near is not None:
                with contextlib.suppress(Invalid):  # a key may have been granted it before its start went by
                    ask.interval(now)
                    near.append(number)
        looked_for = [_widened(answers[number], CANDIDATES) for number in near]
        found = dict(zip(near, self.finder.find_many(looked_for, now), strict=True))

        def decide(scribe: Scribe) -> list[LeaseDocument | Refusal]:
            results: list[LeaseDocument | Refusal] = []
            for number, ask in enumerate(answers):
                if isinstance(ask, Refusal):
                    results.append(ask)
                    continue
                item_key = None if key is None else f"{key}#{number}"
                sites = found.get(number)
                order = _order(tenant, ask, sites, item_key, digests[number])
                try:
                    results.append(shown(scribe, _grant(scribe, order, sites)))
                except Refusal as refusal:
                    results.append(refusal)
            return results

        documents: list[LeaseDocument | Refusal] = await self._writer.submit(decide)
        for number, sites in found.items():
            answer = documents[number]
            if isinstance(answer, Refusal) and _worth_widening(answer, sites, CANDIDATES):
                item_key = None if key is None else f"{key}#{number}"
                try:
                    documents[number] = await self.lease(tenant, answers[number], item_key, digests[number])
                except Refusal as again:
                    documents[number] = again
        return documents

    async def lease_all(self, tenant: str, ask: Ask, key: str | None, digest: str | None) -> list[LeaseDocument]:
        if ask.near is None:
            return await self._lease_all(Order(tenant, ask, ask.sites or (), key, digest), len(ask.sites or ()))
        count = ask.count or 1

        async def lease_at(found: Found | None) -> list[LeaseDocument]:
            try:
                return await self._lease_all(_order(tenant, ask, found, key, digest), count)
            except NoCapacity as refusal:
                if found is not None:
                    refusal.extra["passed_over"] = found.passed_over
                raise

        return await self._at_nearest(ask, count, lease_at)

    async def void(self, site: str, tenant: str, key: str, lease_id: str | None = None) -> None:
        """See to it that a key is granted nothing at a site, and that what it was granted costs nothing; ``lease_id``
        names that where the ledger may have forgotten it."""
        await self._writer.submit(lambda scribe: void(scribe, site, tenant, key, lease_id))

    async def adopt(self, events: Sequence[Event]) -> None:
        """Take over the whole past of sites that are not here yet, in one commit."""
        of_site: dict[str, list[Event]] = {}
        for event in events:
            of_site.setdefault(event.site, []).append(event)

        def decide(scribe: Scribe) -> None:
            for site, past in of_site.items():
                if site not in scribe.ledger.sites:
                    scribe.adopt(f"{ADOPTED}{site}", past)

        await self._writer.submit(decide)

    async def confirm(self, lease_id: str, tenant: str | None) -> LeaseDocument:
        return await self._one(lambda scribe: confirm(scribe, lease_id, tenant))

    async def extend(self, lease_id: str, end: int, tenant: str | None) -> LeaseDocument:
        return await self._one(lambda scribe: extend(scribe, lease_id, end, tenant))

    async def release(self, lease_id: str, tenant: str | None) -> LeaseDocument:
        return await self._one(lambda scribe: release(scribe, lease_id, tenant))

    async def measure(self, lease_id: str, meters: dict[str, int]) -> LeaseDocument:
        return await self._one(lambda scribe: measure(scribe, lease_id, meters))

    async def charge(self, lease_id: str, line: str, amount_micro: int) -> LeaseDocument:
        return await self._one(lambda scribe: charge(scribe, lease_id, line, amount_micro))

    async def note(self, site: str, topic: str, about: str, data: dict[str, Any]) -> None:
        await self._writer.submit(lambda scribe: note(scribe, site, topic, about, data))

    async def set_site(self, site: Site) -> bool:
        changed: bool = await self._writer.submit(lambda scribe: set_site(scribe, site))
        return changed

    async def set_sites(self, sites: Sequence[Site]) -> int:
        changed: int = await self._writer.submit(lambda scribe: sum(set_site(scribe, site) for site in sites))
        return changed

    async def set_capacity(self, site_id: str, kind: str, document: CapacityPlanDocument) -> CapacityDocument:
        def decide(scribe: Scribe) -> CapacityDocument:
            plan = plan_of(kind, document, scribe.now)
            pool = set_capacity(scribe, site_id, plan)
            since = scribe.now if plan.since is None else max(plan.since, scribe.now)
            return capacity_document(pool, unit_of(scribe, kind), since, since + 7 * DAY_S)

        answer: CapacityDocument = await self._writer.submit(decide)
        return answer

    async def set_size(self, site: str, kind: str, size: int) -> None:
        """Give a pool a size in thousandths from now on; notice and calendar stay."""
        await self._writer.submit(lambda scribe: set_size(scribe, site, kind, size) and None)

    async def _at_nearest(self, ask: Ask, count: int, grant_at: Callable[[Found | None], Awaitable[T]]) -> T:
        """Grant at ``count`` of the few sites that are nearest, or of the many where too many of the few refused."""
        few = count - 1 + CANDIDATES
        found = self._look(ask, few)
        try:
            return await grant_at(found)
        except Refusal as refusal:
            if found is None or not _worth_widening(refusal, found, few):
                raise
        return await grant_at(self._look(ask, count - 1 + MORE_CANDIDATES))

    def _look(self, ask: Ask, candidates: int) -> Found | None:
        """Sites that may grant it. None where its time is none (any more): it is granted nothing new, but its key may
        have been granted it before its start went by, and only the ledger knows."""
        with contextlib.suppress(Invalid):
            return self.finder.find(_widened(ask, candidates), self._clock.now())
        return None

    async def _lease_all(self, order: Order, count: int) -> list[LeaseDocument]:
        def decide(scribe: Scribe) -> list[LeaseDocument]:
            return [shown(scribe, lease) for lease in grant_all(scribe, order, count)]

        documents: list[LeaseDocument] = await self._writer.submit(decide)
        return documents

    async def _lease(
        self, tenant: str, ask: Ask, found: Found | None, key: str | None, digest: str | None
    ) -> LeaseDocument:
        order = _order(tenant, ask, found, key, digest)
        document: LeaseDocument = await self._writer.submit(lambda scribe: shown(scribe, _grant(scribe, order, found)))
        return document

    async def _one(self, move: Any) -> LeaseDocument:
        document: LeaseDocument = await self._writer.submit(lambda scribe: shown(scribe, move(scribe)))
        return document


def _grant(scribe: Scribe, order: Order, found: Found | None) -> Lease:
    if found is None or order.sites:
        return grant(scribe, order)
    again = remembered(scribe, order)
    if again is not None:
        return again
    order.ask.interval(scribe.now)
    raise NoCapacity("no site within reach has room for all of it", reasons=[], passed_over=found.passed_over)


def _order(tenant: str, ask: Ask, found: Found | None, key: str | None, digest: str | None) -> Order:
    sites = (ask.site or "",) if found is None else tuple(match.site for match in found.matches)
    return Order(tenant, ask, sites, key, digest)


def _widened(ask: Ask, candidates: int) -> Ask:
    return msgspec.structs.replace(ask, limit=candidates)


def _worth_widening(refusal: Refusal, found: Found, candidates: int) -> bool:
    """Whether sites further away may grant what all the candidates refused: they changed their mind since the find,
    or had spot leases to give notice to."""
    return len(found.matches) == candidates and isinstance(refusal, NoCapacity | NoticeTooShort | PriceAboveCap)
