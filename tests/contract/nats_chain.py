"""A chain's servers for a test, as the product configures them: a hub's, and the leaf server of one store."""

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from maillage.engines.nats.bus import NatsBus
from maillage.engines.nats.config import Tls, nats_config_hub, nats_config_node
from maillage.engines.nats.identity import ChainIdentity, creds_text, hub_inbox, make_node_key, node_inbox, write_secret
from tests.contract.nats_server import NatsServer


class Chain:
    """Keys, a hub server that is started, and credentials for members."""

    def __init__(self, folder: Path, tls: Tls | None = None) -> None:
        self.folder, self.tls = folder, tls
        self.ca = tls.ca if tls else None
        self.identity = ChainIdentity.load_or_make(folder / "keys", {})
        self.hub_server = NatsServer(folder, "hub")
        self.advertise: str | None = None
        self.servers = [self.hub_server]
        self.scheme = "tls" if tls else "nats"

    def hub_config(self, revoked: dict[str, int] | None = None) -> str:
        return nats_config_hub(
            self.identity.claims(revoked),
            self.folder / "jetstream",
            port=self.hub_server.port,
            leaf_port=self.hub_server.leaf_port,
            advertise=self.advertise,
            tls=Tls(self.tls.certificate, self.tls.key) if self.tls else None,
        )

    def start(self) -> "Chain":
        self.hub_server.start(self.hub_config())
        return self

    def node(self, node_id: str, sites: Collection[str], now: int | None = None, valid_s: int = 3600) -> "NodeFiles":
        """The files that a node has once it is enrolled."""
        seed, public = make_node_key()
        token = self.identity.node_creds(node_id, public, sites, now, valid_s)
        files = NodeFiles(node_id, public, self.folder / f"{node_id}.creds")
        write_secret(files.creds, creds_text(token, seed))
        return files

    def leaf(self, node: "NodeFiles", hub_port: int | None = None) -> NatsServer:
        """The store's leaf server, started."""
        server = NatsServer(self.folder, f"leaf-{node.id}")
        self.servers.append(server)
        urls = [f"{self.scheme}://127.0.0.1:{hub_port or self.hub_server.leaf_port}"]
        tls = Tls(ca=self.ca) if self.ca else None
        return server.start(nats_config_node(urls, node.creds, node.public, port=server.port, tls=tls))

    async def hub_bus(self, hub_id: str = "hub-1") -> NatsBus:
        credentials = self.folder / f"{hub_id}.creds"
        write_secret(credentials, self.identity.hub_creds(hub_id))
        url = f"{self.scheme}://127.0.0.1:{self.hub_server.port}"
        bus = await NatsBus.connect([url], hub_id, credentials, hub_inbox(hub_id), ca=self.ca)
        await bus.ensure_stream()
        return bus

    async def node_bus(self, node: "NodeFiles", leaf: NatsServer | None = None) -> NatsBus:
        """The node's bus: to its leaf server, or without one to the hub's."""
        if leaf is not None:
            return await NatsBus.connect([leaf.url], node.id, node.creds, node_inbox(node.id))
        url = f"{self.scheme}://127.0.0.1:{self.hub_server.port}"
        return await NatsBus.connect([url], node.id, node.creds, node_inbox(node.id), ca=self.ca)

    def stop(self) -> None:
        for server in self.servers:
            server.stop()


class NodeFiles(NamedTuple):
    """What a node has that proves who it is."""

    id: str
    public: str
    creds: Path
