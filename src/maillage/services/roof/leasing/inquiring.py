"""An inquiry becomes a roof lease: what is let, from when, on which terms."""

import secrets

from maillage.kernel.errors import Invalid, NotAllowed
from maillage.kernel.policy import Policy
from maillage.kernel.quantities import to_thousandths
from maillage.kernel.sites import zone_info
from maillage.kernel.times import HORIZON_S, format_time
from maillage.services.roof.catalogue.model import Roof
from maillage.services.roof.leasing.applying import DERIVED
from maillage.services.roof.leasing.checks import check_antennas
from maillage.services.roof.leasing.clause import FIRST_IN_TIME
from maillage.services.roof.leasing.documents import NewRoofLease, day_start, terms_of
from maillage.services.roof.leasing.exclusion import exclusion_zone_m
from maillage.services.roof.leasing.model import RoofLease, Step
from maillage.services.roof.leasing.steps import Actor
from maillage.services.roof.rent.schedule import runs_until


def inquired(actor: Actor, wanted: NewRoofLease, roof: Roof, tz: str, policy: Policy, now: int) -> RoofLease:
    """The lease that an inquiry at ``now`` means, of revision 1; ``tz`` is the site's. NotAllowed or Invalid where it
    can't be."""
    tenant = _whose(actor, wanted.tenant)
    start = day_start(wanted.start, tz, "start")
    if start <= now:
        raise Invalid("start", f"{format_time(start)} is past; a roof is let from a day to come on")
    if start > now + HORIZON_S:
        raise Invalid("start", f"{format_time(start)} lies more than 50 years ahead")
    mounts = tuple(wanted.mounts)
    antennas = tuple(wanted.antennas)
    check_antennas(roof, mounts, antennas)
    terms = terms_of(wanted.terms, roof.asking_rent, len(mounts))
    ends = runs_until(terms, start, zone_info(tz))
    if ends > now + HORIZON_S:
        raise Invalid(
            "terms.renewals",
            f"with all renewals it would run until {format_time(ends)}, more than 50 years ahead; have fewer or shorter"
            " terms, or an earlier start",
        )
    zone_m, clause = wanted.exclusion_zone_m, wanted.interference_clause
    return RoofLease(
        id=f"rl_{secrets.token_hex(6)}",
        tenant=tenant,
        site=wanted.site,
        state="inquiry",
        mounts=mounts,
        needs=_needs(wanted, policy),
        antennas=antennas,
        terms=terms,
        start=start,
        runs_until=ends,
        created_at=now,
        tz=tz,
        exclusion_zone_m=exclusion_zone_m(antennas) if zone_m is None else zone_m,
        interference_clause=FIRST_IN_TIME if clause is None else clause,
        history=(Step(now, actor.tenant, "inquire", "inquiry"),),
        revision=1,
    )


def _whose(actor: Actor, tenant: str | None) -> str:
    if actor.role == "node":
        raise NotAllowed("roofs are let to tenants: inquire with the key of a tenant, or of an operator for one")
    if actor.role == "operator" and tenant is None:
        raise Invalid("tenant", "is missing: an operator says for whom")
    if actor.role == "tenant" and tenant not in (None, actor.tenant):
        raise Invalid("tenant", "is somebody else; leave it out")
    return tenant or actor.tenant


def _needs(wanted: NewRoofLease, policy: Policy) -> dict[str, int]:
    needs = {}
    for kind, quantity in wanted.needs.items():
        if kind in DERIVED:
            raise Invalid(f"needs.{kind}", "follows from the mounts and antennas; leave it out")
        policy.require_kind(kind)
        needs[kind] = to_thousandths(quantity, f"needs.{kind}")
    return needs
