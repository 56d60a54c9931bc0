"""Who is asking: the one answer of all ways to prove it."""

import math

import msgspec

from maillage.kernel.errors import Invalid, NotAllowed, TooManyRequests
from maillage.kernel.leases import LeaseClass
from maillage.kernel.times import FOREVER
from maillage.tenancy.limits import Bucket

ROLES = ("operator", "tenant", "node")
OPERATOR_TENANT = "operator"
"""The tenant that the first admin key belongs to, and whoever operates by a token."""


class Principal(msgspec.Struct, frozen=True):
    """``credential`` names the key (``key:<id>``) or the holder of a token (``oidc:<issuer's host>:<subject>``); from
    ``expires_at`` (seconds UTC) on it proves nothing. ``bucket`` bounds how often it may ask, None not at all.

    ``scopes`` are those of a token, None where all are given, as keys do. ``device`` is the address of the device that
    a token stands for, "" where it stands for none."""

    tenant: str
    role: str
    credential: str = ""
    expires_at: int = FOREVER
    bucket: Bucket | None = None
    scopes: frozenset[str] | None = None
    device: str = ""

    @property
    def sees(self) -> str | None:
        """The tenant whose leases this principal may see and move; None for those of all."""
        return self.tenant if self.role == "tenant" else None

    def require_operator(self) -> None:
        if self.role != "operator":
            raise NotAllowed(f"only an operator's key may do that; this one is a {self.role}'s")

    def require_staff(self) -> None:
        if self.role == "tenant":
            raise NotAllowed("only an operator's or a node's key may do that; this one is a tenant's")

    def require_class(self, lease_class: LeaseClass) -> None:
        if lease_class == "house" and self.role == "tenant":
            raise NotAllowed("house leases are for the shop's own work; a tenant asks for firm or spot")

    def charge(self, asks: int, now: float, counted: int = 0) -> None:
        """Count asks against the limit, at an instant of a clock that never goes back; TooManyRequests above it.
        ``counted`` asks of the same request were counted before: more than the burst can never come at once."""
        if self.bucket is None:
            return
        if asks + counted > self.bucket.burst:
            raise Invalid("leases", f"this key may ask for at most {self.bucket.burst} at once; send smaller batches")
        wait_s = self.bucket.take(asks, now)
        if wait_s:
            raise TooManyRequests(
                f"this key may ask {self.bucket.per_s:g} times a second, and {self.bucket.burst} times at once",
                math.ceil(wait_s),
            )
