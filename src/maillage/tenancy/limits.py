"""How often one may ask: token buckets for keys, and for addresses whose credentials keep being wrong.

Nothing here reads a clock: whoever asks says what time it is, in seconds of a clock that never goes back.
"""

import math
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address

import msgspec

from maillage.kernel.errors import Invalid

RATE_MAX = 1_000_000
RATE, BURST = "MAILLAGE_RATE_PER_S", "MAILLAGE_RATE_BURST"
FAILURES_PER_S, FAILURES_BURST = 1.0, 60
"""Wrong credentials that an address may send before it is told to wait."""
SOURCES_MAX = 10_000
"""Addresses remembered; beyond that the one that was quiet for longest is forgotten."""


class Bucket:
    """Holds up to ``burst`` tokens and gets ``per_s`` of them a second; starts full."""

    __slots__ = ("_at", "_level", "burst", "per_s")

    def __init__(self, per_s: float, burst: int) -> None:
        self.per_s = per_s
        self.burst = burst
        self._level = float(burst)
        self._at = -math.inf

    def take(self, amount: int, now: float) -> float:
        """Take tokens, all or none: 0 where they were there, else the seconds until they will be. The amount is at
        most ``burst``."""
        level = self._level + (now - self._at) * self.per_s
        if level > self.burst:
            level = float(self.burst)
        self._at = now
        if level >= amount:
            self._level = level - amount
            return 0.0
        self._level = level
        return (amount - level) / self.per_s


class Rate(msgspec.Struct, frozen=True):
    """Requests a second in the long run, and at once after a pause. Without ``per_s`` there is no limit."""

    per_s: float | None = None
    burst: int | None = None

    def bucket(self, per_s: float | None = None, burst: int | None = None) -> Bucket | None:
        """A full bucket by these values, where they are left out by the own ones; None for no limit."""
        rate = self.per_s if per_s is None else per_s
        if rate is None:
            return None
        if burst is None:
            burst = self.burst if per_s is None else None
        return Bucket(rate, math.ceil(rate) if burst is None else burst)


def checked_rate(per_s: float | None, burst: int | None, fields: tuple[str, str] = ("per_s", "burst")) -> Rate:
    """A rate that can be, or Invalid naming the field."""
    if per_s is not None and not 0 < per_s <= RATE_MAX:  # also false for NaN
        raise Invalid(fields[0], f"goes from above 0 to {RATE_MAX:,} requests a second")
    if burst is not None:
        if per_s is None:
            raise Invalid(
                fields[1], f"says how many may come at once, so {fields[0]} must say how fast they may follow"
            )
        if not 1 <= burst <= RATE_MAX:
            raise Invalid(fields[1], f"goes from 1 to {RATE_MAX:,} requests")
    return Rate(per_s, burst)


def rate_from(environ: Mapping[str, str]) -> Rate:
    """The limit of keys that have none of their own: no limit unless the environment says so."""
    per_s, burst = environ.get(RATE) or None, environ.get(BURST) or None
    try:
        numbers = (None if per_s is None else float(per_s), None if burst is None else int(burst))
    except ValueError:
        raise Invalid(RATE if burst is None else f"{RATE} or {BURST}", "is not a number") from None
    return checked_rate(*numbers, fields=(RATE, BURST))


class Sources:
    """A bucket for each source of something unwanted, so that each pays for its own."""

    def __init__(self, per_s: float = FAILURES_PER_S, burst: int = FAILURES_BURST, most: int = SOURCES_MAX) -> None:
        self._per_s, self._burst, self._most = per_s, burst, most
        self._buckets: dict[str, Bucket] = {}

    def take(self, source: str, now: float) -> float:
        """0 where the source may do it once more, else the seconds until it may."""
        bucket = self._buckets.pop(source, None)
        if bucket is None:
            bucket = Bucket(self._per_s, self._burst)
            if len(self._buckets) >= self._most:
                del self._buckets[next(iter(self._buckets))]
        self._buckets[source] = bucket  # last in the line of those to forget
        return bucket.take(1, now)


def network_of(address: str) -> str:
    """Whom an address stands for: itself, or of IPv6 its network of 64 bits, which one host can use as a whole."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if isinstance(known, IPv6Address) and known.ipv4_mapped is None:
        return str(IPv6Address(int(known) >> 64 << 64))
    return str(known)
