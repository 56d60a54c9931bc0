"""A chain with a roof to let, on a clock set by hand: a real ledger and real records in a folder, that can crash."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from maillage.bootstrap import ManualClock
from maillage.bootstrap.local import LocalChain
from maillage.engines.records.roof_leases import SqlRoofLeaseRecords
from maillage.engines.records.roofs import SqlRoofRecords
from maillage.kernel.documents import CapacityPlanDocument
from maillage.kernel.errors import Refusal
from maillage.kernel.events import Noted
from maillage.kernel.scribe import View
from maillage.kernel.sites import Site
from maillage.kernel.times import DAY_S, parse_time
from maillage.services.roof.catalogue.model import Mount, Roof
from maillage.services.roof.leasing.desk import LeasingDesk
from maillage.services.roof.leasing.documents import (
    NewRoofLease,
    RoofLeaseDocument,
    SignWanted,
    StepWanted,
    TermsDocument,
)
from maillage.services.roof.leasing.keeper import LeaseKeeper
from maillage.services.roof.leasing.model import Antenna
from maillage.services.roof.leasing.steps import Actor

T = TypeVar("T")
SITE, TZ = "wm-1", "America/Chicago"
NOW = parse_time("2026-11-01T12:00:00Z", "now")
START = parse_time("2027-01-01T06:00:00Z", "start")  # midnight in Chicago
ACME, OTHER = Actor("acme", "tenant"), Actor("other", "tenant")
OPERATOR, NODE = Actor("operator", "operator"), Actor("till-7", "node")
TERMS = TermsDocument(rent_per_month="1000", term_years=5, renewals=1)
NOTHING = StepWanted()
ROOF = Roof(
    site=SITE,
    height_m=9.0,
    mounts=(
        Mount("m1", 0.0, 0.0, 12.0, 0.0, 2.5, 60.0, 1.2),
        Mount("m2", 5.0, 0.0, 12.0, 120.0, 2.5, 60.0, 1.2),
        Mount("m3", 0.0, 5.0, 12.0),
    ),
    asking_rent="750.00",
    revision=1,
)
CAPACITY = {"roof_mount": 3, "roof_power": 10, "roof_load": 100, "cpu": 16}


def antenna(mount: str = "m3", **more: Any) -> Antenna:
    usual = {"band": "n78", "eirp_dbm": 68.0, "height_m": 0.9, "weight_kg": 40.0, "wind_area_m2": 0.4}
    return Antenna(mount=mount, **{**usual, **more})


def wanted(*mounts: str, needs: dict[str, Any] | None = None, **more: Any) -> NewRoofLease:
    """An inquiry for mounts, m3 if none is named, each with an antenna that looks where its mount does."""
    looks = {mount.id: mount.azimuth_deg for mount in ROOF.mounts}
    names = list(mounts or ("m3",))
    antennas = more.pop("antennas", [antenna(name, azimuth_deg=looks.get(name)) for name in names])
    usual = {"site": SITE, "start": "2027-01-01", "terms": TERMS}
    return NewRoofLease(mounts=names, antennas=antennas, needs=needs or {"roof_power": 2}, **{**usual, **more})


class RoofWorld:
    """``desk`` and ``keeper`` are those of the chain, whose keeper never runs by itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock(NOW)
        self.runner = asyncio.Runner()
        self._open()

    def _open(self) -> None:
        self.chain = LocalChain(self.folder, self.clock, "", lets_roofs=False)
        self.run(self.chain.__aenter__())
        self.office = self.chain.own.office
        self.records = SqlRoofLeaseRecords(self.chain.database)
        self.roofs = SqlRoofRecords(self.chain.database)
        self.desk = self.another_desk()
        self.keeper = LeaseKeeper(self.desk, self.clock)

    def another_desk(self) -> LeasingDesk:
        """As another process would have."""
        return LeasingDesk(self.records, self.roofs, self.office, self.clock)

    def build(self, **sizes: float) -> None:
        """The site, its roof and its pools."""
        self.run(self.office.set_site(Site(SITE, "One", 36.37, -94.21, TZ)))
        for kind, size in {**CAPACITY, **sizes}.items():
            self.run(self.office.set_capacity(SITE, kind, CapacityPlanDocument(size=size)))
        self.roofs.put(ROOF)

    def restart(self) -> None:
        """Another process over the same folder."""
        self.run(self.chain.__aexit__())
        self._open()

    def close(self) -> None:
        self.run(self.chain.__aexit__())
        self.runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def tick(self, at: int | None = None) -> None:
        """Let the keeper look, at an instant."""
        if at is not None:
            self.clock.set(at)
        self.run(self.keeper.tick())

    # -- a lease's life ------------------------------------------------------------------------------------------------

    def inquire(self, *mounts: str, actor: Actor = ACME, **more: Any) -> RoofLeaseDocument:
        return self.run(self.desk.inquire(actor, wanted(*mounts, **more)))

    def apply(self, lease: str, actor: Actor = ACME) -> RoofLeaseDocument:
        return self.run(self.desk.apply(actor, lease))

    def attach(self, lease: str, *kinds: str) -> None:
        for kind in kinds:
            attached = self.desk.papers.attach(OPERATOR, lease, kind, f"{kind}.pdf", "application/pdf", b"%PDF")
            self.run(attached)

    def permitted(self, *mounts: str, actor: Actor = ACME, **more: Any) -> str:
        """A lease that only has to be signed."""
        lease = self.inquire(*mounts, actor=actor, **more).id
        self.apply(lease, actor)
        self.run(self.desk.step(OPERATOR, lease, "review", NOTHING))
        self.attach(lease, "structural_certificate", "permit", "agreement")
        self.run(self.desk.step(OPERATOR, lease, "approve", NOTHING))
        return lease

    def signed(self, *mounts: str, actor: Actor = ACME, **more: Any) -> str:
        lease = self.permitted(*mounts, actor=actor, **more)
        self.run(self.desk.sign(OPERATOR, lease, SignWanted()))
        return lease

    def on_air(self, *mounts: str, actor: Actor = ACME, **more: Any) -> str:
        lease = self.signed(*mounts, actor=actor, **more)
        if self.clock.now() < START:
            self.clock.set(START)
        self.run(self.desk.on_air(actor, lease, NOTHING))
        return lease

    # -- looking -------------------------------------------------------------------------------------------------------

    def get(self, lease: str) -> RoofLeaseDocument:
        return self.run(self.desk.get(OPERATOR, lease))

    def committed(self, kind: str = "roof_mount", at: int = START) -> float:
        """How much of a kind is leased at an instant."""
        found = self.run(self.office.capacity(SITE, kind, at, at + DAY_S))
        return found[0].curve[0].committed

    def kernel_lease(self, lease: str) -> Any:
        return self.run(self.office.get_lease(self.get(lease).lease or "", None))

    def charges(self, lease: str) -> dict[str, int]:
        """Micro-units by line."""

        def read(view: View) -> dict[str, int]:
            known = view.ledger.charges.get(self_lease, {})
            return {line: one.amount for line, one in known.items()}

        self_lease = self.get(lease).lease or ""
        return self.run(self.office.read(read))

    def told(self) -> list[str]:
        """The topics of all notices of roof leases."""
        topics = []
        for batch in self.chain.journal.read():
            from maillage.kernel.events import decode_events

            topics += [event.topic for event in decode_events(batch.body) if isinstance(event, Noted)]
        return topics


@contextmanager
def roof_world(folder: Path, **sizes: float) -> Iterator[RoofWorld]:
    world = RoofWorld(folder)
    try:
        world.build(**sizes)
        yield world
    finally:
        world.close()


def refusal_of(asked: Callable[[], Any]) -> Refusal:
    """The refusal that a call ends in."""
    try:
        answer = asked()
    except Refusal as refusal:
        return refusal
    raise AssertionError(f"granted: {answer}")
