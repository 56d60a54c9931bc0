"""What a tenant asked for when it began a session; where the session is stands in ``follow.ports.Session``."""

import msgspec

from maillage.kernel.latency import reach_km
from maillage.kernel.leases import LeaseClass, site_of
from maillage.services.compute.follow.policy import Rules
from maillage.services.compute.limits import limits_of
from maillage.services.compute.model import CodeKind, Instance, Settings

SESSION = "se_"
"""What ids of sessions begin with; no deployment's does."""
REST_S = 10
"""After a move that failed: stores that had no room a moment ago have none now, and a start that fails costs them."""


class Plan(msgspec.Struct, frozen=True):
    """A session of ``tenant``'s: of one version of its app, for one of its devices, which it names as it likes.

    ``id`` can't be guessed. ``needs`` are thousandths, ``max_price`` micro-units an hour, ``created_at`` seconds UTC;
    the rest is as ``follow.policy.Rules`` has it, with a bound in km, in ms of estimated round trip, or both: then the
    tighter one holds.
    """

    id: str
    tenant: str
    app: str
    device: str
    digest: str
    kind: CodeKind
    reference: str
    needs: dict[str, int]
    lease_class: LeaseClass
    max_price: int | None
    settings: Settings
    within_km: float | None
    within_ms: float | None
    hysteresis_km: float
    dwell_s: int
    silence_s: int
    created_at: int

    @property
    def rules(self) -> Rules:
        """Invalid where no store can be within the bound."""
        bounds = [] if self.within_km is None else [self.within_km]
        if self.within_ms is not None:
            bounds.append(reach_km(self.within_ms))
        return Rules(min(bounds), self.hysteresis_km, self.dwell_s, silence_s=self.silence_s, rest_s=REST_S)

    def instance(self, lease: str) -> Instance:
        """What is to run on a lease of the session."""
        return Instance(
            lease,
            self.id,
            self.app,
            self.tenant,
            site_of(lease),
            self.digest,
            self.kind,
            self.reference,
            self.settings,
            limits_of(self.needs, self.settings, self.kind),
            own_lease=True,
            of_session=True,
        )
