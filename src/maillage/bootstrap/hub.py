"""A chain whose ledgers are in its stores: the hub's mirror of them, its line to them, and its own holdings."""

import asyncio
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from maillage.bootstrap.chain import Chain, Mesh
from maillage.bootstrap.ledger import OwnedLedger
from maillage.bootstrap.snapshots import SnapshotTaker
from maillage.engines.nats.bus import NatsBus
from maillage.engines.nats.identity import ChainIdentity, hub_inbox, write_secret
from maillage.engines.sqlite_journal import SqliteJournal
from maillage.kernel.announcer import Announcer
from maillage.kernel.errors import NotReady
from maillage.kernel.kinds import Kind
from maillage.kernel.ports import Clock
from maillage.kernel.prices import PriceBook
from maillage.kernel.spans import inject
from maillage.mesh.enrolment import Enrolments
from maillage.mesh.hub import Hub, OwnLedger
from maillage.tenancy.authority import authority
from maillage.tenancy.principal import Principal

if TYPE_CHECKING:
    from maillage.bootstrap.hub_compute import HubCompute
    from maillage.bootstrap.roofs import Roofs

HUB_FILE = "hub.json"
IDENTITY_FOLDER = "nats"
CREDENTIALS_FILE = "hub.creds"
HOLDINGS_FOLDER = "holdings"
RENEW_EVERY_S = 86_400


class HubSettings:
    """``servers`` are where the hub itself finds the bus, ``node_servers`` what nodes are told; both are kept in the
    folder, and what is given anew replaces it."""

    def __init__(self, folder: Path, servers: Sequence[str] = (), node_servers: Sequence[str] = ()) -> None:
        path = folder / HUB_FILE
        known = json.loads(path.read_text("utf-8")) if path.exists() else {}
        self.hub_id: str = known.get("hub") or f"h{secrets.token_hex(4)}"
        self.servers: list[str] = list(servers) or known.get("servers") or ["nats://127.0.0.1:4222"]
        self.node_servers: list[str] = list(node_servers) or known.get("node_servers") or self.servers
        folder.mkdir(parents=True, exist_ok=True)
        kept = {"hub": self.hub_id, "servers": self.servers, "node_servers": self.node_servers}
        if kept != known:
            path.write_text(json.dumps(kept, indent=2) + "\n", "utf-8")


class HubChain(Chain):
    """The folder holds the mirror's journal; the ledger of what the hub holds in escrow is in a folder below."""

    def __init__(
        self, folder: Path, clock: Clock, database_url: str, settings: HubSettings, runs_code: bool = False
    ) -> None:
        trusted = authority()  # first: nothing is open yet that would stay so
        super().__init__(folder, clock, database_url)
        self.settings = settings
        self._authority = trusted
        self._announcer = Announcer()
        self.mirrored = SqliteJournal(folder)
        self._taker = SnapshotTaker(folder, self._announcer, lambda: self._hub.mirror.ledger)
        self.snapshots = self._taker.store
        self._holdings = OwnedLedger(folder / HOLDINGS_FOLDER, clock, self.policy)
        self.writer = self._holdings.writer
        self._identity = chain_identity(folder)
        self._renewing: asyncio.Task[None] | None = None
        self._runs_code = runs_code
        self._compute: HubCompute | None = None
        self._roofs: Roofs | None = None

    async def _start(self) -> None:
        from maillage.bootstrap.roofs import Roofs
        from maillage.engines.records.mesh import SqlMeshRecords

        settings = self.settings
        self._loop = asyncio.get_running_loop()
        self.writer.start()
        self._bus = await NatsBus.connect(
            settings.servers,
            settings.hub_id,
            self._credentials(),
            hub_inbox(settings.hub_id),
            wait=False,
            ca=self._authority,
        )
        await self._bus.ensure_stream()
        records = SqlMeshRecords(self.database)
        self._hub = Hub(
            settings.hub_id,
            self.mirrored,
            self._taker.store,
            self._announcer,
            OwnLedger(self._holdings.writer, self._holdings.office, self._holdings.announcer),
            self.clock,
            self._bus,
            records,
            self.policy,
            lambda: secrets.token_hex(12),
            self._note_refusal,
            self._node_credentials,
            inject,
        )
        enrolments = Enrolments(
            records,
            self._hub.directory,
            self.clock,
            settings.node_servers,
            self._node_credentials,
            self._hub.changed,
        )
        self.mesh = Mesh(self._hub, enrolments)
        self._open_doors(self._hub.office, self.mirrored, self._announcer, settings.hub_id)
        self.readiness.add("writer", lambda: self.writer.submit(lambda _: None))
        self.readiness.add("bus", self._require_bus)
        self.readiness.add("mirror", self._require_mirror)
        if self._runs_code:
            from maillage.bootstrap.hub_compute import HubCompute

            self.compute = self._compute = HubCompute(self.folder, self.database, self._hub, self._bus, self.clock)
            await self._compute.prepare()
        self.roofs = self._roofs = Roofs(self.database, self.office, self.clock, self.paths)
        await self._hub.start()
        await self._roofs.start()
        if self._compute is not None:
            await self._compute.start()
        self._renewing = asyncio.get_running_loop().create_task(self._renew())

    async def _stop(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
        if self._roofs is not None:
            await self._roofs.stop()
        if self._compute is not None:
            await self._compute.stop()
        await self._hub.stop()
        await self._bus.close()
        await self.writer.stop()

    def _close_ledgers(self) -> None:
        if self._compute is not None:
            self._compute.close()
        if self.mesh is not None:
            self._taker.stop()
        self.mirrored.close()
        self._holdings.close()

    @property
    def connected(self) -> bool:
        return self._bus.connected

    def put_kind(self, kind: Kind) -> None:
        super().put_kind(kind)
        self._tell_nodes()

    def put_price_book(self, book: PriceBook) -> None:
        super().put_price_book(book)
        self._tell_nodes()

    def _tell_nodes(self) -> None:
        """From whatever thread: nodes and other hubs ask for what is new."""
        asyncio.run_coroutine_threadsafe(self._hub.changed(), self._loop)

    def _credentials(self) -> Path | None:
        """A file with fresh credentials of the hub's own; None for a bus that admits everybody."""
        if self._identity is None:
            return None
        path = self.folder / IDENTITY_FOLDER / CREDENTIALS_FILE
        write_secret(path, self._identity.hub_creds(self.settings.hub_id))
        return path

    def _node_credentials(self, node: str, public_key: str, sites: list[str]) -> str | None:
        return None if self._identity is None else self._identity.node_creds(node, public_key, sites)

    def _note_refusal(self, node: str, what: str) -> None:
        self.audit.refused(Principal(node[:64], "node", f"node:{node[:64]}"), "node.say", "not-believed", subject=what)

    async def _require_bus(self) -> None:
        if not self._bus.connected:
            raise NotReady(f"there is no connection to the bus at {', '.join(self.settings.servers)}")

    async def _require_mirror(self) -> None:
        if not self._hub.caught_up():
            raise NotReady("the mirror has not caught up with the nodes within reach yet")

    async def _renew(self) -> None:
        """Credentials run out; the bus reads the file again whenever it connects."""
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            await asyncio.to_thread(self._credentials)


def chain_identity(folder: Path) -> ChainIdentity | None:
    """The keys that speak for the chain on its bus, where they were made or given; None where the bus admits all."""
    given = any(f"MAILLAGE_NATS_{name}_SEED" in os.environ for name in ("OPERATOR", "SYSTEM", "ACCOUNT"))
    keys = folder / IDENTITY_FOLDER
    return ChainIdentity.load_or_make(keys, os.environ) if given or keys.exists() else None
