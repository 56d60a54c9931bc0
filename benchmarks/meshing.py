"""A chain of several processes on one machine: a nats-server, a hub and nodes."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.mesh_hub import share_of
from benchmarks.postgres import Unavailable


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


class Part:
    """A process of the chain that takes commands, a line each, and answers each with a line of JSON."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def said(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._module} has ended, with exit code {self._process.wait()}")
        return json.loads(line)

    def ask(self, *command: object) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, command)) + "\n")
        self._process.stdin.flush()
        return self.said()

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


class MeshChain:
    """Hub and nodes, laid out and caught up. The hub has sites ``s0`` and on, shared out among the nodes."""

    def __init__(self, folder: Path, sites: int, nodes: int) -> None:
        self._parts: list[Part] = []
        self._bus = NatsServer(folder)
        try:
            self.hub = self._start("benchmarks.mesh_hub", folder / "hub", self._bus.url, sites, nodes)
            self.hub.said()
            self.nodes = [
                self._start("benchmarks.mesh_node", folder / name, name, self._bus.url, ",".join(share))
                for name, share in ((f"n{number}", share_of(number, nodes, sites)) for number in range(nodes))
            ]
            self.each_node(Part.said)
            self.each_node(lambda node: node.ask("lay"))
            self.catch_up()
        except BaseException:
            self.close()
            raise

    def catch_up(self) -> None:
        """Wait until the hub has all that the nodes committed."""
        self.hub.ask("reach", *self.ends())

    def ends(self) -> list[int]:
        """Where the journal of each node ends."""
        return self.each_node(lambda node: node.ask("end"))

    def each_node(self, work: Callable[[Part], Any]) -> list[Any]:
        """Done at all nodes at the same time."""
        with ThreadPoolExecutor(len(self.nodes)) as threads:
            return list(threads.map(work, self.nodes))

    def close(self) -> None:
        for part in reversed(self._parts):
            part.stop()
        self._bus.stop()

    def _start(self, module: str, *arguments: object) -> Part:
        self._parts.append(Part(module, *map(str, arguments)))
        return self._parts[-1]
