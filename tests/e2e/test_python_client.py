"""The client for Python programs, against a real server, and against what is none."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from maillage.client import Client, Problem, Unreachable
from tests.contract.nats_server import free_port
from tests.e2e.guests import NEIGHBOUR
from tests.e2e.server import Server
from tests.e2e.tenants import Tenant, add_store, wasmtime
from tests.receiver import until


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    server = Server(tmp_path_factory.mktemp("served") / "home")
    server.start()
    add_store(server)
    yield Tenant(server, "acme")
    server.kill()


@pytest.fixture
def chain(tenant: Tenant) -> Iterator[Client]:
    with Client(f"http://127.0.0.1:{tenant.server.port}", tenant.key) as client:
        yield client


def test_an_app_from_its_upload_to_its_usage(chain: Client, tmp_path: Path) -> None:
    code = tmp_path / "well.wasm"
    code.write_bytes(wasmtime.wat2wasm(NEIGHBOUR))
    app = chain.create_app("well")["id"]
    version = chain.upload(app, code)
    assert [each["digest"] for each in chain.versions(app)] == [version["digest"]]
    lease = chain.lease({"needs": {"cpu": 1, "memory": 0.064}, "site": "wm-1"}, key="one")
    assert chain.lease({"needs": {"cpu": 1, "memory": 0.064}, "site": "wm-1"}, key="one")["id"] == lease["id"]
    deployed = chain.deploy({"app": app, "leases": [lease["id"]]})
    assert [each["state"] for each in chain.instances(deployed["id"])] == ["ready"]
    answer = chain.run(app, "/any", near=(36.37, -94.21))
    assert answer.status == 200 and answer.body.startswith(b"well")
    assert dict(answer.headers)["x-maillage-site"] == "wm-1"
    assert chain.change(deployed["id"], deployed["revision"], {"config": {"A": "b"}})["config"] == {"A": "b"}
    assert chain.logs(lease["id"])["items"]
    chain.remove(deployed["id"])
    chain.delete_app(app)
    until(lambda: [used["lease"] for used in chain.usage()] == [lease["id"]])  # once a whole second was reserved
    assert chain.release(lease["id"])["state"] == "released"
    assert [each["id"] for each in chain.apps()] == []


def test_a_refusal_is_a_problem_with_the_servers_document(chain: Client) -> None:
    with pytest.raises(Problem, match="There is nothing here") as caught:
        chain.deployment("none")
    assert caught.value.document["status"] == 404
    with pytest.raises(Problem):
        chain.run("acme.none")


class Stranger(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    def log_message(self, *_: object) -> None:
        pass


def test_who_does_not_answer_or_is_not_maillage_is_told_apart_from_a_refusal() -> None:
    with Client(f"http://127.0.0.1:{free_port()}", "key") as nobody, pytest.raises(Unreachable):
        list(nobody.apps())
    stranger = HTTPServer(("127.0.0.1", 0), Stranger)
    threading.Thread(target=stranger.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{stranger.server_port}"
    with Client(address, "key") as other, pytest.raises(Unreachable, match="not as Maillage does"):
        list(other.apps())
    stranger.shutdown()
    stranger.server_close()


def test_what_can_be_no_id_leads_nowhere_else(chain: Client) -> None:
    with pytest.raises(ValueError, match="no id"):
        chain.deployment("..")
