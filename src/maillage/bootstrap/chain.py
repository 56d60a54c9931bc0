"""A chain as the faces see it: an office, and around it who may use it. Each kind of server has one of its own."""

import asyncio
import gc
import logging
import os
import threading
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from maillage.devices.errors import NoDevicesHere
from maillage.engines.file_snapshots import FileSnapshots
from maillage.engines.folder_lock import FolderLock
from maillage.engines.folder_room import require_room
from maillage.kernel.announcer import Announcer
from maillage.kernel.feed import Feed
from maillage.kernel.kinds import DEFAULT_KINDS, Kind
from maillage.kernel.ledger import Ledger
from maillage.kernel.network_paths import NetworkPaths
from maillage.kernel.office import Office
from maillage.kernel.policy import Policy
from maillage.kernel.ports import Clock, Journal
from maillage.kernel.prices import DEFAULT_BOOK, PriceBook
from maillage.kernel.readiness import Readiness
from maillage.kernel.writer import Writer
from maillage.mesh.enrolment import Enrolments
from maillage.mesh.hub import Hub
from maillage.mesh.node import Node
from maillage.services.compute.errors import NoCodeHere
from maillage.services.roof.errors import NoRoofsHere
from maillage.tenancy.access import Access
from maillage.tenancy.audit import Audit
from maillage.tenancy.follower import Follower
from maillage.tenancy.identity import Identity
from maillage.tenancy.limits import rate_from
from maillage.tenancy.oidc.keys import IssuerKeys
from maillage.tenancy.oidc.settings import oidc_from
from maillage.tenancy.oidc.tokens import Tokens
from maillage.tenancy.quotas import Quotas

if TYPE_CHECKING:
    from maillage.bootstrap.compute import Compute
    from maillage.bootstrap.devices import Devices
    from maillage.bootstrap.hub_compute import HubCompute
    from maillage.bootstrap.robots import Robots
    from maillage.bootstrap.roofs import Roofs
    from maillage.bootstrap.sensing import Sensing

log = logging.getLogger(__name__)

IN_THE_FOLDER = ""
"""As a database URL: the records are a file in the data folder, whatever the environment says."""


class Mesh:
    """What only a hub has."""

    def __init__(self, hub: Hub, enrolments: Enrolments) -> None:
        self.hub = hub
        self.enrolments = enrolments


class Chain(ABC):
    """All parts of a running chain, wired. Use as an async context manager to have it run."""

    office: Office
    journal: Journal
    writer: Writer
    snapshots: FileSnapshots
    mesh: Mesh | None = None
    """What only a hub has."""
    node: Node | None = None
    """What only a node has."""

    def __init__(self, folder: Path, clock: Clock, database_url: str) -> None:
        from maillage.engines.records.opening import open_database  # SQLAlchemy: only where records are opened
        from maillage.engines.records.policy import SqlPolicyRecords
        from maillage.engines.records.tenancy import SqlTenancyRecords

        self._lock = FolderLock(folder)
        self.folder = folder
        self.clock = clock
        self.database = open_database(database_url, folder)
        self.records = SqlPolicyRecords(self.database)
        self.policy = Policy((*DEFAULT_KINDS, *self.records.kinds()), self.records.price_book() or DEFAULT_BOOK)
        self.tenancy = SqlTenancyRecords(self.database)
        rate, oidc = rate_from(os.environ), oidc_from(os.environ)
        self.access = Access(self.tenancy, clock, rate)
        self.audit = Audit(self.tenancy, clock)
        self.quotas = Quotas(self.tenancy, self.policy)
        tokens = None if oidc is None else Tokens(oidc, IssuerKeys(oidc), self.access.find_tenant, clock, rate)
        self.identity = Identity(self.access, tokens, self.audit)
        self.paths = NetworkPaths()
        self.readiness = Readiness()
        self.readiness.add("disk", lambda: asyncio.to_thread(require_room, folder))
        self.readiness.add("records", lambda: asyncio.to_thread(self.records.price_book))
        self._follower = Follower(self.refresh)
        self._changing = threading.Lock()
        self._revision: int | None = None

    def _open_doors(self, office: Office, journal: Journal, announcer: Announcer, feed_name: str) -> None:
        """What rests on the office and its journal; the last step of opening."""
        from maillage.engines.records.webhooks import SqlWebhookRecords
        from maillage.tenancy.webhooks.wiring import build_webhooks

        self.office = office
        office.finder.paths = self.paths
        self.journal = journal
        self.feed = Feed(journal, announcer)
        self.webhooks = build_webhooks(
            SqlWebhookRecords(self.database),
            self.feed,
            office.whose,
            self.clock,
            feed_name=feed_name,
            secret_folder=None if self.database.is_postgresql else self.folder,
        )

    @property
    def ledger(self) -> Ledger:
        """What is known of all sites at this moment."""
        return self.office.glance().ledger

    @cached_property
    def compute(self) -> "Compute | HubCompute":
        """Tenants' code, here or in the stores; NoCodeHere where this process has to do with none. Who has sets it."""
        raise NoCodeHere("this server runs no code: ask the node of a store, or a chain that 'maillage up' serves")

    @property
    def runs_code(self) -> bool:
        return "compute" in self.__dict__

    @cached_property
    def devices(self) -> "Devices":
        """Who may connect to the stores' broker, and our line to it; NoDevicesHere where this process owns no store."""
        raise _no_devices_here()

    @cached_property
    def sensing(self) -> "Sensing":
        """What the stores' devices measure, or NoDevicesHere."""
        raise _no_devices_here()

    @cached_property
    def robots(self) -> "Robots":
        """The stores' robots, or NoDevicesHere."""
        raise _no_devices_here()

    @cached_property
    def roofs(self) -> "Roofs":
        """The chain's roofs and their leases; NoRoofsHere at the node of a store."""
        raise NoRoofsHere("a store's node lets no roofs: ask the hub, or a chain that 'maillage up' serves")

    @property
    def has_devices(self) -> bool:
        """Whether this process has to do with stores' devices."""
        return "devices" in self.__dict__

    @property
    def mqtt_name(self) -> str | None:
        """The address of the broker of the stores' devices, where there is one."""
        return self.devices.name if self.has_devices else None

    @property
    def connected(self) -> bool:
        """Whether the bus is within reach, for those who have one."""
        return False

    async def __aenter__(self) -> Self:
        # Leases are invisible to the collector and what was loaded is frozen; what remains is short-lived, and
        # walking the growing indexes over and over would be wasted time.
        gc.set_threshold(50_000, 20, 100)
        self._follower.start()
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.webhooks.stop()
        await asyncio.to_thread(self._follower.stop)
        await self._stop()
        await self.audit.stop()
        self.close()

    def close(self) -> None:
        """Leave the folder to others."""
        self._close_ledgers()
        self.database.close()
        self._lock.close()

    @abstractmethod
    async def _start(self) -> None:
        """Have ledgers and lines run."""

    @abstractmethod
    async def _stop(self) -> None:
        """Answer what is under way, and let them rest."""

    @abstractmethod
    def _close_ledgers(self) -> None:
        """Close journals, after a last snapshot where that is worth it."""

    def refresh(self) -> None:
        """Take over what other processes changed in the records: tenants, keys, quotas, kinds, prices. Any thread."""
        revision = self.tenancy.revision()
        if revision == self._revision:
            return
        self.access.refresh()
        self.quotas.refresh()
        with self._changing:
            self.policy.kinds = {**self.policy.kinds, **{kind.name: kind for kind in self.records.kinds()}}
            book = self.records.price_book() or DEFAULT_BOOK
            if book != self.policy.pricing.book:
                self.policy.replace_book(book)
        self._revision = revision  # only now: what failed half-way is done again

    def put_kind(self, kind: Kind) -> None:
        """Add a kind of capacity, or change the unit and description of one."""
        with self._changing:
            self.records.put_kind(kind)
            self.policy.kinds[kind.name] = kind

    def put_price_book(self, book: PriceBook) -> None:
        """From now on new leases are priced by this book; what was granted keeps its price."""
        with self._changing:
            self.policy.require_book(book)
            self.records.put_price_book(book)
            self.policy.replace_book(book)


def _no_devices_here() -> NoDevicesHere:
    return NoDevicesHere("a hub owns no store: ask the node of the store, or a chain that 'maillage up' serves")
