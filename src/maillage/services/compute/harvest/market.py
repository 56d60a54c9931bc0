"""Tenants with an unlimited appetite, for replays: whatever a store may sell, they buy at once."""

from typing import Literal

from maillage.kernel.asks import Ask
from maillage.kernel.grants import Order, grant
from maillage.kernel.moves import extend
from maillage.kernel.pools import Pool
from maillage.kernel.scribe import Scribe
from maillage.kernel.times import DAY_S, FOREVER

BUYERS = {"firm": "buyer-firm", "spot": "buyer-spot"}
RENEW_S = 3_600
"""How long before its end a firm lease is renewed by a day."""


class Market:
    """Buys at one site. ``firm`` (thousandths) is the most that may go to firm leases, ``grain`` the size of a spot
    lease. After a reclaim nothing is bought as spot for ``cool_down_s``."""

    def __init__(self, site: str, firm: int, grain: int, cool_down_s: int) -> None:
        self._site = site
        self._firm = firm
        self._grain = grain
        self._cool_down_s = cool_down_s
        self._firm_lease = ""
        self._not_before = 0

    def lost(self, now: int, until: int) -> None:
        """A spot lease was reclaimed, and its cores are being left until then."""
        self._not_before = max(self._not_before, now + self._cool_down_s, until)

    def buy(self, scribe: Scribe, pool: Pool) -> None:
        """Firm first, by the day; then spot without an end, in small leases, on all that nobody holds."""
        now = scribe.now
        if self._firm and not self._firm_lease:
            self._firm_lease = self._take(scribe, self._firm, now + DAY_S, "firm")
        elif self._firm_lease and scribe.ledger.leases[self._firm_lease].end - now <= RENEW_S:
            extend(scribe, self._firm_lease, scribe.ledger.leases[self._firm_lease].end + DAY_S, BUYERS["firm"])
        if now >= self._not_before:
            for _ in range(pool.room(now, FOREVER, spot=True) // self._grain):
                self._take(scribe, self._grain, FOREVER, "spot")

    def _take(self, scribe: Scribe, quantity: int, end: int, cls: Literal["firm", "spot"]) -> str:
        ask = Ask({"cpu": quantity}, None, end, self._site, None, cls)
        return grant(scribe, Order(BUYERS[cls], ask, (self._site,))).id
