"""Two days in the life of a chain, lived in seconds: the clock is moved by hand, everything else is the real thing."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from maillage.bootstrap import LocalChain
from maillage.demo.traffic import TENANTS, Traffic
from maillage.kernel.documents import LeaseDocument
from maillage.kernel.errors import Refusal
from maillage.kernel.pools import Shortfall
from maillage.kernel.times import HOUR_S

HOURS = 48
ASKS_AN_HOUR = 500
HOLDS_CONFIRMED = 0.8
RELEASED_EARLY = 0.005
SETTLE_S = 600
"""How long after the asks of an hour holds are confirmed and leases given back."""

Progress = Callable[[int, int], None]
PassTo = Callable[[int], Awaitable[None]]
"""Lets time go by until an instant, and with it whatever else happens meanwhile."""


class Tally:
    """What was asked, granted and refused, by tenant and by reason."""

    def __init__(self) -> None:
        self.asked: dict[str, int] = {}
        self.granted: dict[str, int] = {}
        self.refused: dict[str, int] = {}

    def count(self, tenant: str, answer: LeaseDocument | Refusal) -> None:
        self.asked[tenant] = self.asked.get(tenant, 0) + 1
        if isinstance(answer, Refusal):
            reason = _reason(answer)
            self.refused[reason] = self.refused.get(reason, 0) + 1
        else:
            self.granted[tenant] = self.granted.get(tenant, 0) + 1


async def live(
    chain: LocalChain,
    pass_to: PassTo,
    until: int,
    traffic: Traffic,
    random: Random,
    progress: Progress,
) -> Tally:
    """Let HOURS pass up to ``until``: asks come, holds are confirmed or forgotten, leases end or are given back."""
    tally = Tally()
    running: list[tuple[str, str]] = []
    for hour in range(HOURS):
        now = until - (HOURS - hour) * HOUR_S
        await pass_to(now)
        held: list[tuple[str, str]] = []
        for tenant in TENANTS:
            asks = traffic.asks(tenant, now, round(ASKS_AN_HOUR * tenant.share))
            answers = await chain.office.lease_batch(tenant.id, asks, None, [None] * len(asks))
            for answer in answers:
                tally.count(tenant.id, answer)
                if isinstance(answer, LeaseDocument):
                    (held if answer.state == "held" else running).append((tenant.id, answer.id))
        await pass_to(now + SETTLE_S)
        confirmed = [one for one in held if random.random() < HOLDS_CONFIRMED]
        await _each(chain.office.confirm, confirmed)
        given_back = [one for one in running if random.random() < RELEASED_EARLY]
        await _each(chain.office.release, given_back)
        gone = set(given_back)
        running = [one for one in running if one not in gone] + confirmed
        progress(hour + 1, HOURS)
    await pass_to(until)
    return tally


async def _each(move: Callable[[str, str], object], leases: list[tuple[str, str]]) -> None:
    """One move for each; that some were reclaimed or have ended meanwhile is part of life."""
    moves = [move(lease, tenant) for tenant, lease in leases]
    for answer in await asyncio.gather(*moves, return_exceptions=True):  # type: ignore[call-overload]
        if isinstance(answer, BaseException) and not isinstance(answer, Refusal):
            raise answer


def _reason(refusal: Refusal) -> str:
    """The main reason of a refusal: the commonest among the stores that do offer the kind, or its own name."""
    passed_over: dict[str, int] = refusal.extra.get("passed_over", {})
    if passed_over:
        offering = [reason for reason in passed_over if not reason.startswith(("no_pool", "attributes"))]
        return max(offering or passed_over, key=lambda reason: (passed_over[reason], reason))
    if refusal.slug != "no-capacity":
        return refusal.slug
    reasons: list[Shortfall] = refusal.extra.get("reasons", [])
    return f"{reasons[0].why}:{reasons[0].kind}" if reasons else "no store within reach"
