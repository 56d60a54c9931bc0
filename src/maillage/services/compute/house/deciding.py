"""What is to be leased for the house of a site, as of the ledger that a decision rests on; and having it done."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from maillage.kernel.asks import Ask
from maillage.kernel.curves import StepFunction
from maillage.kernel.errors import LeaseState, NotFound
from maillage.kernel.leases import Lease
from maillage.kernel.office import Office
from maillage.kernel.scribe import View
from maillage.kernel.sites import zone_info
from maillage.services.compute.harvest.rolling import RENEW_S, Moves, Stretch, fitted, plan, with_lead
from maillage.services.compute.house import KIND, TENANT
from maillage.services.compute.house.hours import LocalHour, hours_from
from maillage.services.compute.house.standing import Standing
from maillage.services.compute.settings_documents import GRACE_MAX_S

log = logging.getLogger(__name__)

LEAD_S = int(GRACE_MAX_S)
"""How long before an hour that needs more its leases begin: an instance that has to go may take so long."""
APART = "\x1f"
"""Between the parts of a key: no caller's own key can hold it."""

Kept = Callable[[Sequence[LocalHour]], list[int]]
"""Tells how much is to be kept for the house in each of some hours that follow on one another, from now on."""


class Decision(msgspec.Struct, frozen=True):
    """``now_kept`` is what the house should have at this moment, ``size`` the pool's; ``short`` is what at most could
    not be leased, since firm leases stand there. ``sequence`` is the number of the site's next event."""

    site: str
    moves: Moves
    size: int
    now_kept: int
    short: int
    turn: int
    sequence: int


def decide(view: View, site_id: str, standing: Standing, kept: Kept | None, horizon_h: int) -> Decision | None:
    """What makes the leases there are into those that are wanted; with ``kept`` None there are to be none. None where
    the site has no such pool, or is no site any more."""
    site = view.ledger.sites.get(site_id)
    pool = view.ledger.pools.get(site_id, {}).get(KIND)
    if site is None or pool is None:
        return None
    own, now = standing.own(view, site_id), view.now
    zone = zone_info(site.tz)
    turn = hours_from(now, zone, 1)[0].end
    sequence, size = view.ledger.next_seq(site_id), pool.size_at(now)
    if kept is None:
        return Decision(site_id, Moves([lease.id for lease in own], [], []), size, 0, 0, turn, sequence)
    hours = hours_from(now, zone, horizon_h + (turn - now <= RENEW_S))
    quantities = kept(hours)
    wanted = with_lead(
        [Stretch(max(hour.start, now), hour.end, quantity) for hour, quantity in zip(hours, quantities, strict=True)],
        LEAD_S,
    )
    wanted = _beside(wanted, standing.others(view, site_id))
    beyond = [lease for lease in own if lease.start >= wanted[-1].end]
    moves = plan(wanted, [lease for lease in own if lease not in beyond], KIND)
    moves = Moves([*(lease.id for lease in beyond), *moves.release], moves.extend, moves.lease)
    moves, short = fitted(moves, own, pool, now)
    return Decision(site_id, moves, size, quantities[0], short, turn, sequence)


async def carry_out(office: Office, decision: Decision) -> bool:
    """Have the owner do it; whether all of it was done.

    All is asked for at once, in this order, so that the writer takes it up as one: what is released for a smaller
    lease is not sold in between. A key names the state of the site that the decision rests on: should an answer be
    lost and the decision be made again, it is not granted twice.
    """
    moves = decision.moves
    asked: list[Any] = [office.release(name, TENANT) for name in moves.release]
    asked += [office.extend(name, end, TENANT) for name, end in moves.extend]
    for number, stretch in enumerate(moves.lease):
        key = APART.join((decision.site, str(decision.sequence), str(number)))
        ask = Ask({KIND: stretch.quantity}, stretch.start, stretch.end, decision.site, None, "house")
        asked.append(office.lease(TENANT, ask, key, "/".join(map(str, stretch))))
    done = True
    for answer in await asyncio.gather(*asked, return_exceptions=True):
        if isinstance(answer, LeaseState | NotFound):
            done = False  # it was over or given back meanwhile: the next decision sees that
        elif isinstance(answer, Exception):
            log.warning("a lease for the house of %s is put off: %s", decision.site, answer)
            done = False
        elif isinstance(answer, BaseException):
            raise answer
    return done


def _beside(wanted: Sequence[Stretch], others: Sequence[Lease]) -> list[Stretch]:
    """What is wanted less what other house leases have throughout a stretch: what they need has been measured too."""
    has = StepFunction()
    for lease in others:
        has.add(lease.start, lease.end, lease.needs[KIND])
    return [Stretch(start, end, max(quantity - has.trough(start, end), 0)) for start, end, quantity in wanted]
