"""The mesh on the command line: a hub's folder and a node's, without a bus and without serving."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from maillage.bootstrap.hub import HubSettings
from maillage.faces.cli import hub as hub_commands
from maillage.faces.cli import node as node_commands
from maillage.faces.cli.main import app
from tests.contract.nats_server import free_port

JOINED = {
    "node": "n1",
    "servers": ["nats://bus.example:4222"],
    "credentials": None,
    "sites": [{"id": "bv-1", "name": "Bentonville", "lat": 36.3581, "lon": -94.2247, "tz": "America/Chicago"}],
}
PROBLEM = {"type": "/problems/enrolment-refused", "title": "This token admits nobody", "status": 403, "detail": "used"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("SERVER", "KEY", "ADMIN_KEY", "DEBUG", "ENROLMENT_TOKEN", "DATABASE_URL"):
        monkeypatch.delenv(f"MAILLAGE_{name}", raising=False)
    monkeypatch.setenv("MAILLAGE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def hub(folder: Path) -> Path:
    """The folder of a hub whose bus is away, with two sites."""
    HubSettings(folder, [f"nats://127.0.0.1:{free_port()}"])
    stores = folder / "stores.csv"
    stores.write_text("id,name,lat,lon\nbv-1,Bentonville,36.3581,-94.2247\nrg-1,Rogers,36.3313,-94.1490\n")
    ok("sites", "import", str(stores))
    return folder


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Instead of serving: what would have opened the chain, with its address."""
    calls: list[Any] = []
    for module in (hub_commands, node_commands):
        monkeypatch.setattr(
            module, "serve_chain", lambda open_it, host, port, tell: calls.append((open_it, host, port))
        )
    return calls


@contextmanager
def answering(status: int, content_type: str, body: bytes) -> Iterator[tuple[str, list[Any]]]:
    """Something at an address, where a hub is looked for; the documents that came."""
    came: list[Any] = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            came.append((self.path, json.loads(self.rfile.read(length))))
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", came
        finally:
            server.shutdown()
            thread.join()


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def ok(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def document(*words: str) -> Any:
    return json.loads(ok(*words, "--json"))


def test_tokens_are_made_shown_once_and_listed_without_themselves(hub: Path) -> None:
    said = ok("enrolment", "create", "bentonville", "--sites", "bv-1, rg-1")
    token = next(line.split()[1] for line in said.splitlines() if line.startswith("token"))
    assert token.startswith("mle_bentonville_")
    listed = ok("enrolment", "list")
    assert "bentonville" in listed and token not in listed
    (entry,) = document("enrolment", "list")["items"]
    assert (entry["sites"], entry["used_at"], entry["token"]) == (["bv-1", "rg-1"], None, None)
    assert document("enrolment", "create", "rogers", "--sites", "rg-1", "--expires-s", "60")["token"]


def test_a_hub_without_nodes_says_how_to_get_one(hub: Path) -> None:
    assert "'maillage enrolment create' admits one" in ok("nodes", "list")
    assert document("nodes", "list") == {"items": [], "next": None}
    assert "None was made" in ok("enrolment", "list")


def test_escrow_is_set_listed_and_dropped(hub: Path) -> None:
    assert "Nothing is held" in ok("escrow", "list")
    assert "each store holds up to 2.5 cpu" in ok("escrow", "set", "cpu", "2.5", "--share", "0.5", "--ahead-s", "600")
    assert document("escrow", "list")["items"] == [{"kind": "cpu", "quantity": 2.5, "share": 0.5, "ahead_s": 600}]
    assert "0.5" in ok("escrow", "list")
    assert "runs out" in ok("escrow", "drop", "cpu")
    assert document("escrow", "list")["items"] == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("nodes revoke nobody", 1),
        ("nodes readmit nobody", 1),
        ("enrolment create n1 --sites ,", 2),
        ("enrolment create n1 --sites nowhere", 2),
        ("enrolment create n.1 --sites bv-1", 2),
        ("enrolment create n1 --sites bv-1 --expires-s 1", 2),
        ("enrolment create n1", 2),
        ("escrow set warp 5", 2),
        ("escrow set cpu much", 2),
        ("escrow set cpu 4 --share 2", 2),
        ("escrow drop cpu", 1),
        ("capacity set bv-1 cpu 16", 1),
    ],
)
def test_what_cannot_be_done_ends_with_its_code_and_says_why(hub: Path, words: str, code: int) -> None:
    result = run(*words.split())
    assert result.exit_code == code, result.output
    assert len(result.stderr) > 20 and "Traceback" not in result.output


def test_a_folder_that_owns_its_ledgers_has_no_nodes(folder: Path) -> None:
    ok("tenant", "list")
    result = run("nodes", "list")
    assert result.exit_code == 1
    assert "not a hub" in result.stderr


def test_a_hub_keeps_where_its_bus_is(folder: Path, served: list[Any]) -> None:
    ok("hub", "--nats", "nats://a:1,nats://b:2", "--nats-for-nodes", "tls://bus.example:4222", "--port", "0")
    ((open_it, host, port),) = served
    assert (host, port) == ("127.0.0.1", 0)
    with_bus = open_it()
    with_bus.close()
    kept = json.loads((folder / "hub.json").read_text("utf-8"))
    assert kept["servers"] == ["nats://a:1", "nats://b:2"]
    assert kept["node_servers"] == ["tls://bus.example:4222"]
    ok("hub")
    again = served[1][0]()
    again.close()
    assert json.loads((folder / "hub.json").read_text("utf-8")) == kept


@pytest.mark.parametrize(
    "words",
    [
        "hub --nats http://127.0.0.1:4222",
        "hub nats-config --listen 4222",
        "hub nats-config --leaf host:none",
        "hub nats-config --certificate c.pem",
        "node --nats 127.0.0.1:4222",
        "node --hub http://127.0.0.1:8420 --sites bv-1",
        "node --hub nats://127.0.0.1:4222 --sites bv-1",
        "node",
        "node nats-config --hub-leaf nats://127.0.0.1:7422",
        "node nats-config",
    ],
)
def test_wrong_words_are_a_matter_of_usage(served: list[Any], words: str) -> None:
    result = run(*words.split())
    assert result.exit_code == 2, result.output
    assert served == []


def test_the_configuration_of_the_hubs_server_is_printed_and_makes_the_chains_keys(folder: Path) -> None:
    text = ok("hub", "nats-config", "--listen", "0.0.0.0:4333", "--advertise", "hub.example:7422")
    assert 'listen: "0.0.0.0:4333"' in text and "hub.example:7422" in text and "operator:" in text
    assert ok("hub", "nats-config", "--listen", "0.0.0.0:4333", "--advertise", "hub.example:7422") == text
    assert document("hub", "nats-config", "--listen", "0.0.0.0:4333", "--advertise", "hub.example:7422") == {
        "config": text
    }
    for key in ("operator", "system", "account"):
        assert (folder / "nats" / f"{key}.nk").stat().st_mode & 0o077 == 0


def test_a_node_joins_once_and_starts_with_nothing_from_then_on(
    folder: Path, served: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILLAGE_ENROLMENT_TOKEN", "mle_n1_secret")
    with answering(201, "application/json", json.dumps(JOINED).encode()) as (url, came):
        result = run("node", "--hub", f"{url}/", "--sites", "bv-1")
        assert result.exit_code == 0, result.output
        ((path, sent),) = came
    assert (path, sent["token"], sent["sites"]) == ("/enrol", "mle_n1_secret", ["bv-1"])
    assert sent["public_key"].startswith("U") and len(sent["public_key"]) == 56
    assert "joined" in result.stderr and "mle_n1_secret" not in result.output
    kept = json.loads((folder / "node.json").read_text("utf-8"))
    assert kept == {"node": "n1", "hub": url, "sites": ["bv-1"], "servers": ["nats://bus.example:4222"]}
    assert (folder / "node.nk").stat().st_mode & 0o077 == 0
    monkeypatch.delenv("MAILLAGE_ENROLMENT_TOKEN")
    ok("node")
    ok("node", "--hub", url, "--sites", "bv-1")
    assert len(served) == 3
    for words in (("--hub", "http://elsewhere:8420"), ("--sites", "bv-1,rg-1")):
        assert run("node", *words).exit_code == 2
    result = run("node", "nats-config", "--hub-leaf", "nats://hub.example:7422")
    assert result.exit_code == 2 and "admits everybody" in result.stderr


@pytest.mark.parametrize(
    ("status", "content_type", "body", "told"),
    [
        (403, "application/problem+json", json.dumps(PROBLEM).encode(), "This token admits nobody: used"),
        (200, "text/html", b"<html>", "answered 200 with text/html"),
    ],
)
def test_a_node_that_is_not_let_in_says_why_and_keeps_nothing(
    folder: Path,
    served: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    content_type: str,
    body: bytes,
    told: str,
) -> None:
    monkeypatch.setenv("MAILLAGE_ENROLMENT_TOKEN", "mle_n1_secret")
    with answering(status, content_type, body) as (url, _):
        result = run("node", "--hub", url, "--sites", "bv-1")
    assert result.exit_code == 1
    assert told in result.stderr
    assert served == [] and not (folder / "node.json").exists()


def test_a_hub_that_is_away_costs_no_token(served: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILLAGE_ENROLMENT_TOKEN", "mle_n1_secret")
    result = run("node", "--hub", f"http://127.0.0.1:{free_port()}", "--sites", "bv-1")
    assert result.exit_code == 1
    assert "the token is still good" in result.stderr
