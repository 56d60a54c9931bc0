"""What an operator sets from outside: how a server logs, and who may read its metrics."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.server import Client, Server

TRACE = "0af7651916cd43dd8448eb211c80319c"


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[Server]:
    one = Server(folder / "home", **environment)
    one.start()
    try:
        yield one
    finally:
        one.kill()


def asked(server: Server) -> None:
    """A request that is refused, with a key that must not be written down."""
    with Client(server.port, "a-secret-key") as client:
        traced = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "X_Request_Id": "mine"}
        assert client.call("GET", "/v1/leases?cursor=a-secret-cursor", **traced)[0] == 401
        assert client.call("GET", "/healthz")[0] == 200


def test_in_json_each_line_of_standard_error_is_an_object(tmp_path: Path) -> None:
    with running(tmp_path, MAILLAGE_LOG="json", MAILLAGE_LOG_LEVEL="info") as server:
        asked(server)
        code, errors = server.stop()
    assert code == 0
    assert "secret" not in errors
    lines = [json.loads(line) for line in errors.splitlines()]
    assert [line["message"] for line in lines] == ["listening", "answered", "stopping", "stopped"]
    answered = lines[1]
    assert (answered["status"], answered["request_id"], answered["trace_id"]) == (401, "mine", TRACE)


def test_as_text_too(tmp_path: Path) -> None:
    with running(tmp_path, MAILLAGE_LOG_LEVEL="info") as server:
        asked(server)
        _, errors = server.stop()
    assert "info    maillage.access: answered method=GET route=/v1/leases status=401" in errors
    assert "secret" not in errors


def test_unless_told_otherwise_a_server_that_is_well_says_nothing(server: Server) -> None:
    asked(server)
    assert server.stop() == (0, "")


@pytest.mark.parametrize("variable", ["MAILLAGE_LOG", "MAILLAGE_LOG_LEVEL", "MAILLAGE_METRICS"])
def test_a_setting_that_means_nothing_is_usage(tmp_path: Path, variable: str) -> None:
    process = Server(tmp_path / "home", **{variable: "loud"}).popen()
    out, errors = process.communicate(timeout=30)
    assert (process.returncode, out) == (2, "")
    assert f"{variable}: is 'loud'; it takes " in errors


def scraped(port: int) -> int:
    return httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).status_code


@pytest.mark.long
def test_metrics_are_open_on_loopback_and_elsewhere_only_where_it_was_said(tmp_path: Path) -> None:
    anywhere = ("--host", "0.0.0.0")
    with running(tmp_path / "loopback") as server:
        assert scraped(server.port) == 200
    with running_on(tmp_path / "all", *anywhere) as port:
        assert scraped(port) == 401
    with running_on(tmp_path / "public", *anywhere, MAILLAGE_METRICS="public") as port:
        assert scraped(port) == 200


@contextmanager
def running_on(folder: Path, *words: str, **environment: str) -> Iterator[int]:
    """A server with options, and its port."""
    server = Server(folder, **environment)
    process = server.popen(*words)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline().rpartition(":")[2])
    finally:
        process.terminate()
        process.communicate(timeout=30)
