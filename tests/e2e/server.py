"""A real server on a folder, started as a user would start it, and clients that talk to it over the wire."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

ADMIN_KEY = "an-admin-key-for-the-tests"
START_WITHIN_S = 60.0


class NoAnswer(Exception):
    """The connection failed before an answer came: whether the request was carried out is not known."""


class Server:
    """``maillage up`` on one data folder: started, killed, stopped, started again; ``environment`` comes on top. With
    ``mqtt`` it has a broker for devices on ``mqtt_port``."""

    def __init__(self, folder: Path, mqtt: bool = False, **environment: str) -> None:
        self.folder = folder
        self._mqtt = mqtt
        self.mqtt_port = 0
        self._environment = environment
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Return once connections are taken."""
        self._process = process = self.popen(*(("--mqtt-port", str(self.mqtt_port)) if self._mqtt else ()))
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", said)
        if found is None:
            process.kill()
            raise AssertionError(f"the server did not start: {said}{process.communicate()[1]}")
        self.port = int(found[1])
        if self._mqtt:
            told = re.search(r"mqtt://127\.0\.0\.1:(\d+)", process.stdout.readline())
            assert told is not None
            self.mqtt_port = int(told[1])

    def popen(self, *options: str) -> subprocess.Popen[str]:
        """The process, not waited for."""
        command = [sys.executable, "-m", "maillage", "up", "--port", "0", *options]
        env = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
        env |= {"MAILLAGE_HOME": str(self.folder), "MAILLAGE_ADMIN_KEY": ADMIN_KEY, "NO_COLOR": "1", "COLUMNS": "400"}
        env |= self._environment
        return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def kill(self) -> None:
        """Kill -9: nothing is put in order."""
        self._end(signal.SIGKILL)

    def stop(self) -> tuple[int, str]:
        """SIGTERM; the exit code, and what was said on the standard error."""
        return self._end(signal.SIGTERM)

    def terminate(self) -> None:
        """SIGTERM, without waiting for the end."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> tuple[int, str]:
        return self._end(None)

    def _end(self, number: signal.Signals | None) -> tuple[int, str]:
        process, self._process = self._process, None
        if process is None:
            return 0, ""
        if number is not None:
            process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        return process.returncode, errors


class Client:
    """One connection that is kept, as http.client has it."""

    def __init__(self, port: int, key: str = ADMIN_KEY, timeout: float = 30.0) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self._key = key

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and document."""
        sent = {"Authorization": f"Bearer {self._key}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        try:
            if self._line.sock is None:
                self._line.connect()
                self._line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._line.request(method, path, body=content, headers=sent)
            answer = self._line.getresponse()
            raw = answer.read()
        except (OSError, http.client.HTTPException) as fault:
            self._line.close()
            raise NoAnswer(f"{method} {path}: {fault!r}") from None
        return answer.status, json.loads(raw) if raw else None

    def ok(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The document of a request that must go well."""
        status, document = self.call(method, path, body, **headers)
        assert 200 <= status < 300, f"{method} {path}: {status} {document}"
        return document

    def close(self) -> None:
        self._line.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
