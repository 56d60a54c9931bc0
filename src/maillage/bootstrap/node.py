"""A node: a chain of its own sites, and its line to the hubs."""

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from maillage.bootstrap.devices import Mqtt
from maillage.bootstrap.local import LocalChain
from maillage.engines.nats.bus import NatsBus
from maillage.engines.nats.identity import creds_text, make_node_key, node_inbox, write_secret
from maillage.kernel.errors import Invalid
from maillage.kernel.kinds import Kind
from maillage.kernel.ports import Clock
from maillage.kernel.prices import PriceBook
from maillage.mesh.enrolment import Joined
from maillage.mesh.messages import CredentialsGiven, CredentialsWanted, hub_subject
from maillage.mesh.node import Node
from maillage.mesh.ports import Unreachable
from maillage.services.compute.carriage.code import HubCode
from maillage.services.compute.carriage.messages import SERVICE
from maillage.services.compute.carriage.reporting import Reporting
from maillage.services.compute.carriage.service import InstanceService
from maillage.tenancy.authority import authority

log = logging.getLogger(__name__)

NODE_FILE = "node.json"
SEED_FILE = "node.nk"
CREDENTIALS_FILE = "node.creds"
RENEW_AFTER_S = 30 * 86_400
"""Age of credentials at which a node asks for new ones; they are good for more than a year."""
LOOK_EVERY_S = 3_600.0
TIMEOUT_S = 10.0


class NodeSettings(msgspec.Struct, frozen=True):
    """What a node knows of itself once it has joined: enough to start without a hub."""

    node: str
    hub: str
    sites: list[str]
    servers: list[str]


def known_settings(folder: Path) -> NodeSettings | None:
    """Those of a node that has joined."""
    path = folder / NODE_FILE
    return msgspec.json.decode(path.read_bytes(), type=NodeSettings) if path.exists() else None


def own_key(folder: Path) -> tuple[str, str]:
    """(seed, public key) of the node in a folder, made the first time: only the public half ever leaves it."""
    path = folder / SEED_FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        seed, public = make_node_key()
        write_secret(path, json.dumps({"seed": seed, "public_key": public}))
    kept = json.loads(path.read_text("utf-8"))
    return kept["seed"], kept["public_key"]


def keep_settings(folder: Path, hub: str, joined: Joined) -> NodeSettings:
    """Remember what the hub said when the node joined."""
    settings = NodeSettings(joined.node, hub, [site.id for site in joined.sites], joined.servers)
    if joined.credentials is not None:
        keep_credentials(folder, joined.credentials)
    path = folder / NODE_FILE
    fresh = path.with_name(f".{path.name}")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(settings), indent=2))
    fresh.replace(path)
    return settings


def keep_credentials(folder: Path, token: str) -> None:
    """Write the file by which the bus admits the node."""
    write_secret(folder / CREDENTIALS_FILE, creds_text(token, own_key(folder)[0]))


class NodeChain(LocalChain):
    """Runs with or without a hub. ``servers`` replace those that the hub named: a leaf server in the store, say."""

    def __init__(
        self, folder: Path, clock: Clock, settings: NodeSettings, servers: Sequence[str], mqtt: Mqtt | None = None
    ) -> None:
        trusted = authority()  # first: nothing is open yet that would stay so
        super().__init__(folder, clock, "", runs_code=True, devices=True, mqtt=mqtt, lets_roofs=False)
        self.settings = settings
        self._servers = list(servers) or settings.servers
        self._authority = trusted

    async def _start(self) -> None:
        await super()._start()
        settings = self.settings
        credentials = self.folder / CREDENTIALS_FILE
        self._bus = await NatsBus.connect(
            self._servers,
            settings.node,
            credentials if credentials.exists() else None,
            node_inbox(settings.node),
            wait=False,
            ca=self._authority,
        )
        self.node = Node(
            settings.node,
            settings.sites,
            self.keeper,
            self.own.office,
            self.clock,
            self.announcer,
            self._bus,
            self._take_policy,
        )
        self._instances = self._instance_service(self.node)
        await self._instances.start()
        await self.node.start()
        self._renewing = asyncio.get_running_loop().create_task(self._renew(credentials))

    async def _stop(self) -> None:
        self._renewing.cancel()
        await self._instances.stop()
        if self.node is not None:
            await self.node.stop()
        await self._bus.close()
        await super()._stop()

    @property
    def connected(self) -> bool:
        """A node that is not goes on all the same."""
        return self._bus.connected

    def _instance_service(self, node: Node) -> InstanceService:
        """By which hubs have tenants' code run at this node's sites."""
        compute = self.own_compute
        assert compute is not None, "a node always runs code"
        compute.code.fetch = HubCode(self._bus, node.id).fetch
        reporting = Reporting(compute.host, lambda word: node.note(SERVICE, word))
        return InstanceService(
            node.id, node.sites, compute.host, compute.logs, reporting, compute.code.keep_only, self._bus
        )

    def _take_policy(self, kinds: tuple[Kind, ...], book: PriceBook) -> None:
        for kind in kinds:
            if self.policy.kinds.get(kind.name) != kind:
                self.put_kind(kind)
        if book != self.policy.pricing.book:
            self.put_price_book(book)

    async def _renew(self, credentials: Path) -> None:
        """Have new credentials before the old ones run out."""
        public_key = own_key(self.folder)[1]
        while (age_s := await asyncio.to_thread(_age_s, credentials)) is not None:
            if age_s > RENEW_AFTER_S:
                wanted = msgspec.json.encode(CredentialsWanted(public_key))
                try:
                    body = await self._bus.request(hub_subject(self.settings.node), wanted, TIMEOUT_S)
                    token = msgspec.json.decode(body, type=CredentialsGiven).token
                    if token is not None:
                        keep_credentials(self.folder, token)
                except (Unreachable, msgspec.DecodeError) as fault:
                    log.info("no new credentials yet: %s", fault)
            await asyncio.sleep(LOOK_EVERY_S)


def _age_s(path: Path) -> float | None:
    return time.time() - path.stat().st_mtime if path.exists() else None


def settings_for(folder: Path, hub: str | None, sites: list[str]) -> NodeSettings | None:
    """What a node that has joined already starts with; None where it has to join first. Invalid where the command
    says something else than what it joined with."""
    known = known_settings(folder)
    if known is None:
        return None
    if hub is not None and hub.rstrip("/") != known.hub:
        raise Invalid("hub", f"this node has joined the chain of {known.hub}; another one needs a folder of its own")
    if sites and sorted(sites) != sorted(known.sites):
        raise Invalid("sites", f"this node has joined for {', '.join(known.sites[:10])}; other sites need another node")
    return known
