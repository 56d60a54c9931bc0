"""A chain of several processes on one machine: a nats-server, nodes, and a hub in the process that measures."""

import asyncio
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.mesh_node import rss_kib
from benchmarks.postgres import Unavailable
from benchmarks.world import clustered_sites
from maillage.bootstrap import open_hub
from maillage.bootstrap.hub import HubChain
from maillage.engines.nats.identity import make_node_key

STARTING_S = 60


class NatsServer:
    """A server of its own on a free port, with JetStream in a folder of the scenario's."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")
        if program is None:
            raise Unavailable("nats-server is not installed (apt-get install nats-server)")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"nats://127.0.0.1:{port}"
        command = [program, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder / "bus")]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


class NodeProcess:
    """One ``benchmarks.mesh_node``."""

    def __init__(self, folder: Path, name: str, server: str, sites: list[str]) -> None:
        self.sites = sites
        command = [sys.executable, "-m", "benchmarks.mesh_node", str(folder / name), name, server, ",".join(sites)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def said(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError("a node process has ended")
        return line

    def tell(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def ask(self, command: str) -> int:
        self.tell(command)
        return int(self.said())

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


class MeshChain:
    """Hub and nodes, laid out and caught up. Runs on the loop of ``runner``."""

    def __init__(self, folder: Path, runner: asyncio.Runner, sites: int, nodes: int) -> None:
        self._runner = runner
        self._folder = folder
        self.bus = NatsServer(folder)
        self.nodes: list[NodeProcess] = []
        self.hub: HubChain = open_hub(folder / "hub", [self.bus.url])
        runner.run(self.hub.__aenter__())
        records = clustered_sites(sites)
        runner.run(self._enter(records))
        self.rss_before_kib = rss_kib()
        shares = [[site.id for site in records[number::nodes]] for number in range(nodes)]
        for number, share in enumerate(shares):
            runner.run(self._admit(f"n{number}", share))
            self.nodes.append(NodeProcess(folder, f"n{number}", self.bus.url, share))
        runner.run(self._all(NodeProcess.said))
        runner.run(self._all(lambda node: node.ask("lay")))
        runner.run(self.caught_up())

    async def caught_up(self) -> None:
        """Wait until the mirror has all that the nodes committed."""
        assert self.hub.mesh is not None
        for number, node in enumerate(self.nodes):
            end = await asyncio.to_thread(node.ask, "end")
            if not await self.hub.mesh.hub.mirror.reach(f"n{number}", end, STARTING_S):
                raise RuntimeError(f"the hub did not catch up with n{number}")
        while not all(self.hub.mesh.hub.directory.is_reachable(f"n{number}") for number in range(len(self.nodes))):
            await asyncio.sleep(0.05)

    async def _all(self, work: Callable[[NodeProcess], object]) -> None:
        """Side by side, while this process goes on being the hub."""
        await asyncio.gather(*(asyncio.to_thread(work, node) for node in self.nodes))

    def reopen_hub(self) -> None:
        """The hub comes back after a while away: its bus connects anew."""
        self.hub = open_hub(self._folder / "hub", [self.bus.url])

    def close(self) -> None:
        for node in self.nodes:
            node.stop()
        self._runner.run(self.hub.__aexit__())
        self.bus.stop()

    async def _enter(self, records: list[Any]) -> None:
        await self.hub.office.set_sites(records)

    async def _admit(self, name: str, sites: list[str]) -> None:
        assert self.hub.mesh is not None
        _, token = await self.hub.mesh.enrolments.invite(name, sites)
        await self.hub.mesh.enrolments.join(token, make_node_key()[1], sites)


def new_key() -> str:
    return secrets.token_hex(16)
