"""Where a session should be: within the bound, as near as is worth a move, and not back and forth.

The bound comes first: from a store beyond it the session goes to any within it. Otherwise another store has to be
nearer by more than the hysteresis, as in cellular handover (event A3 of 3GPP TS 38.331, with distance in place of
signal). Whatever the reason, a session stays a minimum time where it came to.
"""

import math

import msgspec

from maillage.kernel.errors import Invalid
from maillage.services.compute.follow.stores import Stores, Vector

CANDIDATES = 8
"""Nearest stores that are looked at: the nearest may have no room, and then the one after is asked."""
PREDICT_MAX_S = 600


class Rules(msgspec.Struct, frozen=True):
    """``bound_km`` is how far a session's store may be from its device, ``hysteresis_km`` how much nearer another has
    to be, ``dwell_s`` how long a session stays at least. ``predict_s`` decides for where the device will be so many
    seconds ahead (0: where it is). A report that takes more than ``speed_max_m_s`` to come true is not believed
    until another one supports it. A device that is silent for more than ``silence_s`` has no session any more. After a
    move that failed no other is tried for ``rest_s``.
    """

    bound_km: float = 25.0
    hysteresis_km: float = 1.0
    dwell_s: int = 60
    predict_s: int = 0
    speed_max_m_s: float = 90.0
    silence_s: int = 600
    rest_s: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.bound_km < math.inf:
            raise Invalid("bound_km", f"{self.bound_km:g} is no distance that a store can be within; it is above 0")
        if not 0 <= self.hysteresis_km < math.inf:
            raise Invalid("hysteresis_km", f"{self.hysteresis_km:g} is not a distance of 0 or more")
        if self.dwell_s < 0:
            raise Invalid("dwell_s", f"{self.dwell_s} is not a time of 0 or more seconds")
        if not 0 <= self.predict_s <= PREDICT_MAX_S:
            raise Invalid("predict_s", f"{self.predict_s} is not within 0 to {PREDICT_MAX_S} seconds")
        if not self.speed_max_m_s > 0:
            raise Invalid("speed_max_m_s", f"{self.speed_max_m_s:g} is not a speed above 0; inf believes everything")
        if self.silence_s < 1:
            raise Invalid("silence_s", f"{self.silence_s} is not a time of 1 second or more")
        if self.rest_s < 0:
            raise Invalid("rest_s", f"{self.rest_s} is not a time of 0 or more seconds")


def choose(rules: Rules, stores: Stores, place: Vector, current: str, dwelt_s: int) -> list[str]:
    """Sites to move to, the best first; none where the session should stay.

    ``current`` is the site it is at, "" where it is nowhere yet: then any will do, the nearest first, even if it lies
    beyond the bound, for a far session serves better than none.
    """
    ranked = stores.nearest(place, CANDIDATES)
    here_km = stores.km_to(current, place) if current else None
    if here_km is None:
        return [site for site, _ in ranked]
    if dwelt_s < rules.dwell_s:
        return []
    beyond = here_km > rules.bound_km
    return [
        site
        for site, km in ranked
        if site != current and (km < here_km - rules.hysteresis_km or (beyond and km <= rules.bound_km))
    ]
