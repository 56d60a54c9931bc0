"""Roof leases: their states, what is let, who did what when."""

from typing import Literal

import msgspec

from maillage.kernel.documents import ShortText
from maillage.services.roof.rent.terms import Terms

State = Literal[
    "inquiry",
    "application",
    "structural_review",
    "permit",
    "signed",
    "on_air",
    "decommissioned",
    "withdrawn",
    "declined",
    "lapsed",
]
"""In the order in which a lease goes through them; the last three end one that was never signed."""
HOLDS_MOUNTS: frozenset[str] = frozenset({"application", "structural_review", "permit", "signed", "on_air"})
"""In these a lease has its mounts, and a kernel lease for all it needs."""
IN_FORCE: frozenset[str] = frozenset({"signed", "on_air"})
"""In these rent is due from the start on."""
OVER: frozenset[str] = frozenset({"decommissioned", "withdrawn", "declined", "lapsed"})


class Antenna(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to hang on a mount. ``band`` is a 3GPP name such as n78; ``eirp_dbm`` its highest, at the beam's peak.
    ``azimuth_deg`` counts clockwise from north, null for one that looks all around; ``tilt_deg`` is downward."""

    mount: ShortText
    band: ShortText
    eirp_dbm: float
    height_m: float
    weight_kg: float
    wind_area_m2: float
    azimuth_deg: float | None = None
    tilt_deg: float = 0.0


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody (``by``, an actor's id, or "clock") did ``act`` at an instant, and then the lease was in ``state``."""

    at: int
    by: str
    act: str
    state: State
    note: str = ""


class Document(msgspec.Struct, frozen=True):
    """Something attached: ``kind`` says what it is for (``structural_certificate``, ``permit``, ``agreement``, ...).
    The bytes are kept apart, by ``id``."""

    id: str
    kind: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    by: str
    at: int


class RoofLease(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``needs`` are thousandths by kind, as of the one kernel lease ``lease`` ("" while it has none) that is granted
    at the application for [``start``, ``runs_until``), every renewal included, so that an option to renew can be kept.
    ``ends`` is set once notice was given; it costs ``fee_micro`` where that is before the end of a term, or too late
    for it. Instants are seconds UTC; terms begin and end at midnight of ``tz``, the site's zone, ``start`` being the
    first of them.

    ``subscriber_networks`` are the address ranges (CIDR) of the operator's subscribers that this roof serves.
    ``rent_paid_until`` is how far rent was charged, 0 before the first. ``given_back`` says that the kernel lease is
    over, and that all that was due had been charged by then. ``revision`` counts changes.
    """

    id: str
    tenant: str
    site: str
    state: State
    mounts: tuple[str, ...]
    needs: dict[str, int]
    antennas: tuple[Antenna, ...]
    terms: Terms
    start: int
    runs_until: int
    created_at: int
    lease: str = ""
    ends: int | None = None
    fee_micro: int = 0
    tz: str = "Etc/UTC"
    exclusion_zone_m: float | None = None
    interference_clause: str = ""
    subscriber_networks: tuple[str, ...] = ()
    history: tuple[Step, ...] = ()
    documents: tuple[Document, ...] = ()
    rent_paid_until: int = 0
    given_back: bool = False
    revision: int = 0

    @property
    def until(self) -> int:
        """When it ends, as far as is known."""
        return self.runs_until if self.ends is None else self.ends

    @property
    def going_on(self) -> bool:
        """Whether there is anything left to be done, be it that its kernel lease is still to be given back."""
        return self.state not in OVER or bool(self.lease and not self.given_back)

    def did(self, act: str) -> int:
        """How often something was done to it."""
        return sum(step.act == act for step in self.history)
