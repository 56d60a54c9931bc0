"""A real nats-server for a test: its own process, free ports, its own folder; stopped, killed and started at will."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

START_S = 15.0
STOP_S = 10.0


def binary() -> str:
    """The server's path, or the test is skipped."""
    found = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("nats-server is not installed")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class NatsServer:
    """Runs a configuration; without one, an open server with JetStream. Ready when it has been greeted on ``port``."""

    def __init__(self, folder: Path, name: str = "server") -> None:
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        self.port = free_port()
        self.leaf_port = free_port()
        self.config = f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{self.folder / "store"}" }}\n'
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    def write(self, config: str | None = None) -> None:
        self.config = self.config if config is None else config
        (self.folder / "server.conf").write_text(self.config, "utf-8")

    def start(self, config: str | None = None) -> "NatsServer":
        self.write(config)
        with (self.folder / "log").open("ab") as log:
            arguments = [binary(), "-c", str(self.folder / "server.conf")]
            self._process = subprocess.Popen(arguments, stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise AssertionError(f"nats-server ended with {self._process.returncode}:\n{self.log}")
            if self._greets():
                return self
            time.sleep(0.02)
        self.stop()
        raise AssertionError(f"nats-server was not ready within {START_S} s:\n{self.log}")

    async def restart(self, after_s: float = 0.0) -> None:
        """As after a crash: killed, and started on the same folder and port, while the loop runs on."""
        self.kill()
        await asyncio.sleep(after_s)
        await asyncio.to_thread(self.start)

    def reload(self, config: str) -> None:
        """Let the running server read a changed configuration; it says so in its log when it has."""
        before = self.log.count("Reloaded server configuration")
        self.write(config)
        self._signal(signal.SIGHUP)
        deadline = time.monotonic() + STOP_S
        while self.log.count("Reloaded server configuration") == before:
            assert time.monotonic() < deadline, f"the configuration was not taken:\n{self.log}"
            time.sleep(0.02)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._signal(signal.SIGTERM)
            self._wait()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def _wait(self) -> None:
        assert self._process is not None
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_S)

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 0.5) as probe:
                probe.settimeout(0.5)
                return probe.recv(4) == b"INFO"
        except OSError:
            return False
