"""A chain of real processes: a nats-server, hubs and nodes through the real command line, and lines that can be cut.

Everything is in one folder, on free ports of 127.0.0.1, and gone in the end. Whatever is waited for has a deadline;
when it passes, the failure says what did not come about and shows what each process said last.
"""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from tests.contract.nats_server import NatsServer
from tests.contract.relay import Relay
from tests.e2e.server import ADMIN_KEY, Client, NoAnswer

START_WITHIN_S = 60.0
STOP_WITHIN_S = 30.0
COME_ABOUT_WITHIN_S = 40.0
COMMAND_WITHIN_S = 60.0
LOOK_EVERY_S = 0.05
TAIL_LINES = 25


def environment(**ours: str) -> dict[str, str]:
    """The surroundings of a process: nothing of Maillage's but what is given."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
    return env | {"NO_COLOR": "1", "COLUMNS": "400"} | ours


def maillage(*words: str, **ours: str) -> subprocess.CompletedProcess[str]:
    """A command of the real command line, run to its end."""
    command = [sys.executable, "-m", "maillage", *words]
    return subprocess.run(
        command, env=environment(**ours), capture_output=True, text=True, timeout=COMMAND_WITHIN_S, check=False
    )


class Process:
    """``maillage hub`` or ``maillage node`` on one data folder: started, killed, stopped, started again."""

    def __init__(self, name: str, folder: Path, words: Sequence[str], **ours: str) -> None:
        self.name = name
        self.folder = folder
        self.words = list(words)
        self.environment = {"MAILLAGE_HOME": str(folder), "MAILLAGE_ADMIN_KEY": ADMIN_KEY} | ours
        self.port = 0
        self._log = folder.parent / f"{name}.log"
        self._log.touch()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def begin(self) -> Self:
        """Start it, without waiting until it listens."""
        said_before = len(self.log)
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "maillage", *self.words, "--port", "0"]
            self._process = subprocess.Popen(
                command, env=environment(**self.environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._said_before = said_before
        return self

    def listening(self) -> Self:
        """Wait until it takes connections."""
        assert self._process is not None
        deadline = time.monotonic() + START_WITHIN_S
        while True:
            said = self.log[self._said_before :]
            found = re.search(r"^listening on http://127\.0\.0\.1:(\d+)$", said, re.MULTILINE)
            if found is not None:
                self.port = int(found[1])
                return self
            if self._process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self._process.returncode}:\n{said}")
            assert time.monotonic() < deadline, f"{self.name} did not listen within {START_WITHIN_S:g} s:\n{said}"
            time.sleep(LOOK_EVERY_S)

    def start(self) -> Self:
        return self.begin().listening()

    def refused(self) -> str:
        """Start it and wait for the refusal by which it ends; what it said."""
        self.begin()
        assert self._process is not None
        try:
            code = self._process.wait(START_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} should have been refused, and runs:\n{self.log}") from None
        said = self.log[self._said_before :]
        assert code not in (0, None) and "Traceback" not in said, f"{self.name} ended with {code}:\n{said}"
        return said

    def kill(self) -> None:
        """Kill -9, as a power cut would."""
        if self.is_running:
            assert self._process is not None
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(STOP_WITHIN_S)

    def terminate(self) -> None:
        """SIGTERM, without waiting for the end."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        """Wait for its end; the exit code."""
        assert self._process is not None
        try:
            return self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {STOP_WITHIN_S:g} s:\n{self.tail()}") from None

    def client(self, key: str = ADMIN_KEY, timeout_s: float = 30.0) -> Client:
        """A connection of its own; close it, or use it as a context manager."""
        return Client(self.port, key, timeout_s)

    def ok(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """One request that must go well."""
        with self.client() as client:
            return client.ok(method, path, body, **headers)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """One request; its status and document."""
        with self.client() as client:
            return client.call(method, path, body, **headers)

    def tail(self) -> str:
        """What it said last."""
        return "\n".join([f"--- {self.name}", *self.log.splitlines()[-TAIL_LINES:]])


class CutLine:
    """A relay on a loop in a thread of its own, for tests that are no coroutines."""

    def __init__(self, port: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.relay: Relay = asyncio.run_coroutine_threadsafe(Relay(port).start(), self._loop).result(10)

    @property
    def port(self) -> int:
        return self.relay.port

    def cut(self) -> None:
        self._do(self.relay.cut)

    def restore(self) -> None:
        self._do(self.relay.restore)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.relay.close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, what: Callable[[], None]) -> None:
        async def there() -> None:
            what()

        asyncio.run_coroutine_threadsafe(there(), self._loop).result(10)


class Mesh:
    """A chain in ``folder``. As a context manager: whatever still runs in the end is killed.

    ``broker`` is the hub's nats-server; ``servers`` are all, with the leaf servers of stores.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker = NatsServer(folder, "broker")
        self.servers = [self.broker]
        self.hubs: list[Process] = []
        self.nodes: dict[str, Process] = {}
        self._ends = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
        for server in self.servers:
            if (server.folder / "log").exists():
                server.stop()
        self._ends.close()

    @property
    def hub(self) -> Process:
        """The first one."""
        return self.hubs[0]

    @property
    def processes(self) -> list[Process]:
        return [*self.hubs, *self.nodes.values()]

    def add_hub(self, name: str = "hub", nats: str = "", **ours: str) -> Process:
        """A hub on a folder of its own, started."""
        words = ["hub", "--nats", nats or self.broker.url]
        self.hubs.append(Process(name, self.folder / name, words, **ours))
        return self.hubs[-1].start()

    def add_sites(self, *sites: str) -> None:
        """Stores a tenth of a degree apart, in the hub's directory."""
        with self.hub.client() as client:
            for number, site in enumerate(sites, len(client.ok("GET", "/v1/sites?limit=1000")["items"])):
                record = {"name": site, "lat": 36 + number / 10, "lon": -94, "tz": "America/Chicago"}
                client.ok("PUT", f"/v1/sites/{site}", record)

    def invite(self, node: str, *sites: str) -> str:
        """A token by which the node may join for these sites."""
        made = self.hub.ok("POST", "/v1/enrolments", {"node": node, "sites": list(sites)})
        return str(made["token"])

    def node(self, name: str, *sites: str, token: str = "", nats: str = "", folder: Path | None = None) -> Process:
        """A node that has not been started, with a token to join by."""
        words = ["node", "--hub", self.hub.url, "--sites", ",".join(sites), *(["--nats", nats] if nats else [])]
        ours = {"MAILLAGE_ENROLMENT_TOKEN": token or self.invite(name, *sites)}
        self.nodes[name] = Process(name, folder or self.folder / name, words, **ours)
        return self.nodes[name]

    def add_nodes(self, wanted: dict[str, list[str]], **sizes: float) -> None:
        """Nodes for these sites, side by side, each site with pools of these sizes; all within reach on return."""
        for name, sites in wanted.items():
            self.add_sites(*sites)
            self.node(name, *sites)
        for name in wanted:
            self.nodes[name].begin()
        for name in wanted:
            again_without_a_hub(self.nodes[name].listening())
        self.reached(*wanted)
        for sites in wanted.values():
            for site in sites:
                self.set_sizes(site, **sizes)

    def set_sizes(self, site: str, **sizes: float) -> None:
        """Through the hub, from its owner; a node serves a site a moment after it is heard."""
        for kind, size in sizes.items():
            self.until(
                f"{site} takes a size for {kind}",
                lambda kind=kind, size=size: (
                    self.hub.call("PUT", f"/v1/sites/{site}/capacity/{kind}", {"size": size})[0] == 200
                ),
            )

    def start_broker(self, config: str | None = None) -> None:
        self.broker.start(config)

    def line_to(self, port: int) -> CutLine:
        """A relay to a port, closed in the end."""
        line = CutLine(port)
        self._ends.callback(line.close)
        return line

    def leaf(self, name: str, config: str, port: int) -> NatsServer:
        """A store's nats-server with this configuration, which has it listen on ``port``; started."""
        server = NatsServer(self.folder, name)
        server.port = port
        self.servers.append(server)
        return server.start(config)

    def reached(self, *nodes: str, hub: Process | None = None, within_s: float = COME_ABOUT_WITHIN_S) -> float:
        """Wait until the hub hears these nodes and has all that they committed; after how many seconds it did. What it
        heard before does not count: they may have been killed since."""
        wanted = nodes or tuple(self.nodes)
        began = time.monotonic()

        def is_there(state: dict[str, Any]) -> bool:
            return state["reachable"] and not state["behind"] and state["silent_s"] < time.monotonic() - began

        def all_there() -> bool:
            states = self.states(hub)
            return all(name in states and is_there(states[name]) for name in wanted)

        return self.until(f"{(hub or self.hub).name} reaches {', '.join(wanted)}", all_there, within_s)

    def states(self, hub: Process | None = None) -> dict[str, dict[str, Any]]:
        """How the hub sees its nodes, by id."""
        return {state["id"]: state for state in (hub or self.hub).ok("GET", "/v1/nodes")["items"]}

    def until(self, what: str, holds: Callable[[], object], within_s: float = COME_ABOUT_WITHIN_S) -> float:
        """Wait until it holds; after how many seconds it did. A connection that fails meanwhile is no failure."""
        began = time.monotonic()
        seen: object = None
        while True:
            try:
                if seen := holds():
                    return time.monotonic() - began
            except NoAnswer as fault:
                seen = fault
            if time.monotonic() - began > within_s:
                raise AssertionError(f"within {within_s:g} s it did not come about that {what} ({seen})\n{self.told()}")
            time.sleep(LOOK_EVERY_S)

    def told(self) -> str:
        """What each process said last."""
        logs = [process.tail() for process in self.processes]
        for server in self.servers:
            if (server.folder / "log").exists():
                logs.append("\n".join([f"--- {server.folder.name}", *server.log.splitlines()[-TAIL_LINES:]]))
        return "\n".join(logs)


def again_without_a_hub(node: Process) -> None:
    """Once a node has joined, its folder says all: from now on start it as a store does after a power cut."""
    said_once = {"--hub", "--sites"}
    pairs = zip(["", *node.words], node.words, strict=False)
    node.words = [word for before, word in pairs if not said_once & {before, word}]
    node.environment.pop("MAILLAGE_ENROLMENT_TOKEN", None)


def json_of(done: subprocess.CompletedProcess[str]) -> Any:
    """The document that a command printed; it must have gone well."""
    assert done.returncode == 0, f"{done.args}: {done.stdout}{done.stderr}"
    return json.loads(done.stdout)
