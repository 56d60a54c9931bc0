"""A mesh whose bus admits only whom the chain signed, and a leaf server in a store behind a line that can be cut."""

import re

from tests.contract.nats_server import NatsServer, free_port
from tests.e2e.mesh_processes import CutLine, Mesh, Process, again_without_a_hub, maillage


class SecuredMesh(Mesh):
    """Hub and nodes show credentials to the broker; ``line`` is the only way by which leaf servers may reach it."""

    line: CutLine

    def start_secured(self) -> None:
        """The broker, on the configuration that the hub's command prints, and a hub."""
        self.line = self.line_to(self.broker.leaf_port)
        self.start_broker(self.config())
        self.add_hub()

    def config(self, *more: str) -> str:
        """What the hub's server has to be started with, or told to read again."""
        return _printed(
            "hub",
            "nats-config",
            "--listen",
            f"127.0.0.1:{self.broker.port}",
            "--leaf",
            f"127.0.0.1:{self.broker.leaf_port}",
            "--advertise",
            f"127.0.0.1:{self.line.port}",
            "--store",
            str(self.broker.folder / "store"),
            *more,
            home=str(self.folder / "hub"),
        )

    def add_store(self, name: str, *sites: str) -> NatsServer:
        """A node that has joined, and then was started anew with a leaf server of its own in the store."""
        node = self.node(name, *sites).start()
        node.terminate()
        assert node.ended() == 0
        leaf = self.add_leaf(node)
        node.start()
        return leaf

    def add_leaf(self, node: Process) -> NatsServer:
        """A leaf server in the store of a node that has joined; from its next start on the node knows no other."""
        port = free_port()
        hub_leaf, listen = f"nats://127.0.0.1:{self.line.port}", f"127.0.0.1:{port}"
        config = _printed("node", "nats-config", "--hub-leaf", hub_leaf, "--listen", listen, home=str(node.folder))
        leaf = self.leaf(f"leaf-{node.name}", config, port)
        again_without_a_hub(node)
        node.words += ["--nats", leaf.url]
        return leaf

    def leaf_ports(self) -> set[int]:
        """The ports from which leaf servers ever reached the broker."""
        found = re.findall(r"127\.0\.0\.1:(\d+) - lid:\d+ - Leafnode connection created", self.broker.log)
        return set(map(int, found))


def _printed(*words: str, home: str) -> str:
    done = maillage(*words, MAILLAGE_HOME=home)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout
