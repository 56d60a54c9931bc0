"""The operator of mobile networks in the demo: finds the best roofs of a city, leases them, goes on air."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec

from maillage.bootstrap import LocalChain
from maillage.demo.roofs.offered import RENT_PER_MOUNT, SECTORS_DEG, roof_of
from maillage.demo.roofs.report import LeasedRoof, RoofReport
from maillage.demo.roofs.townspeople import NAME, townspeople
from maillage.kernel.asks import Ask, Near
from maillage.kernel.errors import Refusal
from maillage.kernel.sites import Site, zone_info
from maillage.kernel.times import FOREVER, month_of
from maillage.services.roof.catalogue.plan_documents import ByDocument, PlanDocument, PlannedRoof, PlanWanted
from maillage.services.roof.leasing.documents import (
    NetworksWanted,
    NewRoofLease,
    RoofLeaseDocument,
    SignWanted,
    StepWanted,
)
from maillage.services.roof.leasing.model import Antenna
from maillage.services.roof.leasing.steps import Actor

OPERATOR = Actor("ridgeline", "tenant")
RIVAL = Actor("brightcloud", "tenant")
CHAIN = Actor("operator", "operator")
OFFERED = 60
"""Stores around the place where most people are, whose roofs are entered."""
ROOFS = 5
BAND, PROBABILITY = "n78", 0.9
SEPARATION_KM = 1.0
BUDGET = 12 * RENT_PER_MOUNT * ROOFS
ANTENNA = Antenna(mount="", band=BAND, eirp_dbm=68.0, height_m=0.9, weight_kg=45.0, wind_area_m2=0.5, tilt_deg=6.0)
"""A 64T64R panel of the size that is sold for the band; our own figures, of the order of data sheets."""
BESIDE = {"roof_power": 3, "fibre_pair": 1, "cpu": 4, "memory": 16}
PAPERS = {"structural_certificate": "approve", "permit": "sign", "agreement": "sign"}


class MobileOperator:
    """``plan`` and ``lease`` before the two days begin, ``go_on_air`` and ``tell`` once the leases have begun."""

    def __init__(self, chain: LocalChain) -> None:
        self._chain = chain
        self._plan: PlanDocument | None = None
        self._city = ""
        self._population_from = ""
        self._leases: list[str] = []
        self._refused = ""
        self._networks: dict[str, str] = {}

    async def plan(self, around: tuple[float, float], population: tuple[str, bytes] | None) -> None:
        """Have the chain enter the roofs around a place and who lives there, and ask for the best of them."""
        catalogue = self._chain.roofs.catalogue
        near = self._chain.office.nearest_sites(*around, OFFERED)
        for one in near:
            await catalogue.put(one.site.id, roof_of(one.site))
        self._city = near[0].site.name
        name, content = population or (NAME, await asyncio.to_thread(townspeople))
        await catalogue.residents.enter(content, name)
        self._population_from = name
        wanted = PlanWanted(
            by=ByDocument(band=BAND, probability=PROBABILITY),
            count=ROOFS,
            budget=BUDGET,
            free_mounts=len(SECTORS_DEG),
            separation_km=SEPARATION_KM,
        )
        self._plan = await self._chain.roofs.plans.plan(wanted, OPERATOR.tenant)

    async def lease(self) -> None:
        """Take the roofs of the plan through all steps up to the signature; somebody else comes too late for one."""
        for number, roof in enumerate(self._planned().roofs):
            lease = await self._apply(OPERATOR, roof)
            self._leases.append(lease.id)
            await self._sign(lease.id)
            self._networks[lease.id] = f"100.{64 + number}.0.0/16"
        try:
            await self._apply(RIVAL, self._planned().roofs[0])
        except Refusal as refusal:
            self._refused = refusal.detail

    async def go_on_air(self) -> None:
        """Switch on, say whose phones are served, and let what is due by now be done."""
        leases = self._chain.roofs.leases
        for lease in self._leases:
            await leases.on_air(OPERATOR, lease, StepWanted("first light"))
            await leases.set_networks(OPERATOR, lease, NetworksWanted([self._networks[lease]]))
        await self._chain.roofs.keeper.tick()

    async def tell(self) -> RoofReport:
        """What there is to tell of it."""
        plan, chain = self._planned(), self._chain
        leases = [await chain.roofs.leases.get(OPERATOR, lease) for lease in self._leases]
        roll = await chain.roofs.rent.roll(OPERATOR.tenant)
        (invoice,) = await chain.office.invoices(month_of(chain.clock.now()), [OPERATOR.tenant])
        rents = [charge for line in invoice.lines for charge in line.charges]
        return RoofReport(
            OPERATOR.tenant,
            self._city,
            OFFERED if plan.candidates >= OFFERED else plan.candidates,
            BAND,
            plan.by.place,
            PROBABILITY,
            self._population_from,
            plan.people,
            plan.population,
            plan.bound,
            plan.gap,
            f"{BUDGET:.2f}",
            plan.cost or "",
            plan.currency,
            [self._told(roof, lease) for roof, lease in zip(plan.roofs, leases, strict=True)],
            self._refused,
            f"{sum(float(charge.amount) for charge in rents):.2f}",
            roll.rent_per_month,
            roll.committed,
            roll.with_renewals,
            roll.rate_percent,
            roll.present_value_committed,
            roll.present_value_with_renewals,
            self._breakout(plan.roofs[0]),
        )

    async def _apply(self, actor: Actor, roof: PlannedRoof) -> RoofLeaseDocument:
        leases = self._chain.roofs.leases
        mounts = [f"m{number}" for number in range(len(SECTORS_DEG))]
        antennas = [
            msgspec.structs.replace(ANTENNA, mount=mount, azimuth_deg=azimuth_deg)
            for mount, azimuth_deg in zip(mounts, SECTORS_DEG, strict=True)
        ]
        inquiry = await leases.inquire(
            actor, NewRoofLease(roof.site, self._tomorrow(roof.site), mounts, antennas, dict(BESIDE))
        )
        return await leases.apply(actor, inquiry.id)

    async def _sign(self, lease: str) -> None:
        leases = self._chain.roofs.leases
        await leases.step(CHAIN, lease, "review", StepWanted())
        for kind in PAPERS:
            paper = f"{kind.replace('_', ' ')} of {lease}\n".encode()
            await leases.papers.attach(OPERATOR, lease, kind, f"{kind}.txt", "text/plain", paper)
        await leases.step(CHAIN, lease, "approve", StepWanted())
        await leases.sign(CHAIN, lease, SignWanted())

    def _tomorrow(self, site: str) -> str:
        zone = zone_info(self._site(site).tz)
        return (datetime.fromtimestamp(self._chain.clock.now(), UTC).astimezone(zone).date() + timedelta(1)).isoformat()

    def _site(self, site: str) -> Site:
        return self._chain.ledger.sites[site]

    def _planned(self) -> PlanDocument:
        assert self._plan is not None, "it was planned"
        return self._plan

    def _told(self, roof: PlannedRoof, lease: RoofLeaseDocument) -> LeasedRoof:
        return LeasedRoof(
            roof.site,
            roof.name,
            roof.lat,
            roof.lon,
            roof.radiation_centre_m,
            roof.cell_km or 0.0,
            roof.people,
            lease.id,
            lease.state,
            lease.start,
            str(lease.terms.rent_per_month),
            lease.subscriber_networks,
        )

    def _breakout(self, roof: PlannedRoof) -> str:
        """What is said of the path to a phone that this roof serves, asking from a kilometre away."""
        phone = f"{self._networks[self._leases[0]].removesuffix('.0.0/16')}.12.7"
        near = Near(roof.lat + 0.009, roof.lon, 25.0, None, phone)
        offers = self._chain.office.offers(Ask({"cpu": 1_000}, None, FOREVER, None, near, "firm", limit=1)).offers
        return offers[0].path.reason if offers and offers[0].path else ""
