"""Round-trip estimates: a sum of named parts, each measured or modelled, so that nobody mistakes a guess for a fact.

Nearness buys little propagation time (16 km of fibre cost 0.2 to 0.3 ms there and back); what it saves is the detour
through a region. So the parts are always shown.
"""

import msgspec

FIBRE_MS_PER_KM = 0.009807
"""There and back through glass: 2 x 1.47 / c, per km of fibre."""
CIRCUITY = 2.1
"""Length of the cable over the great circle; the rule of thumb that Bozkurt et al. (arXiv 1811.10737) found to hold."""
ACCESS_MS = 5.0
"""Radio or last mile, there and back: the best case of stand-alone 5G.
Our assumption, to be replaced by measurements."""


class RoundTripPart(msgspec.Struct, frozen=True):
    """``basis`` is ``modelled`` or ``measured``."""

    name: str
    ms: float
    basis: str


class RoundTrip(msgspec.Struct, frozen=True):
    """Total in milliseconds and the parts it is the sum of."""

    ms: float
    parts: tuple[RoundTripPart, ...]


def estimate(distance_km: float) -> RoundTrip:
    """Round trip between a place and a site at this great-circle distance."""
    fibre_ms = distance_km * CIRCUITY * FIBRE_MS_PER_KM
    parts = (
        RoundTripPart("access", ACCESS_MS, "modelled"),
        RoundTripPart("fibre", round(fibre_ms, 3), "modelled"),
    )
    return RoundTrip(round(ACCESS_MS + fibre_ms, 3), parts)


def reach_km(within_ms: float) -> float:
    """The distance up to which the estimate stays within ``within_ms``; negative when nothing can be that near."""
    return (within_ms - ACCESS_MS) / (CIRCUITY * FIBRE_MS_PER_KM)
