"""A backup of a server in full swing is whole, and a server on what was restored goes on from there."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from maillage.verify import check
from tests.e2e.books import all_leases
from tests.e2e.server import Client, Server
from tests.e2e.test_stopping import crowded


def maillage(*words: str) -> tuple[int, Any]:
    """Exit code and document of a command."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
    command = [sys.executable, "-m", "maillage", *words, "--json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_backup_under_load_verifies_and_holds_all_that_was_granted_before_it_began(
    server: Server, tmp_path: Path
) -> None:
    with crowded(server) as crowd:
        before = set(crowd.granted)
        code, made = maillage("backup", str(tmp_path / "one.tar.gz"), "--folder", str(server.folder))
        during = len(crowd.granted) - len(before)
        server.kill()
        for thread in crowd.threads:
            thread.join(10)
    assert (code, made["records"]) == (0, "here")
    assert during > 0
    code, restored = maillage("restore", str(tmp_path / "one.tar.gz"), "--folder", str(tmp_path / "again"))
    assert (code, restored["ok"], restored["events"]) == (0, True, made["events"])
    again = Server(tmp_path / "again")
    again.start()
    try:
        with Client(again.port) as client:
            assert before <= all_leases(client).keys()
    finally:
        again.kill()


def test_a_server_on_what_was_restored_knows_leases_and_keys_and_goes_on(server: Server, tmp_path: Path) -> None:
    with Client(server.port) as client:
        client.ok("PUT", "/v1/sites/wm-0", {"name": "wm-0", "lat": 36, "lon": -94})
        client.ok("PUT", "/v1/sites/wm-0/capacity/cpu", {"size": 8})
        client.ok("POST", "/v1/tenants", {"id": "acme"})
        key = client.ok("POST", "/v1/tenants/acme/keys")["key"]
    with Client(server.port, key) as client:
        granted = client.ok("POST", "/v1/leases", {"needs": {"cpu": 6}, "site": "wm-0"}, Idempotency_Key="once")
    assert maillage("backup", str(tmp_path / "one.tar.gz"), "--folder", str(server.folder))[0] == 0
    with Client(server.port, key) as client:
        client.ok("POST", f"/v1/leases/{granted['id']}/release")
    assert maillage("restore", str(tmp_path / "one.tar.gz"), "--folder", str(tmp_path / "again"))[0] == 0
    again = Server(tmp_path / "again")
    again.start()
    try:
        with Client(again.port, key) as client:
            (lease,) = all_leases(client).values()
            assert {**lease, "as_of": None} == {**granted, "as_of": None}
            repeated = client.ok("POST", "/v1/leases", {"needs": {"cpu": 6}, "site": "wm-0"}, Idempotency_Key="once")
            assert repeated["id"] == granted["id"]
            assert client.call("POST", "/v1/leases", {"needs": {"cpu": 6}, "site": "wm-0"})[0] == 409
            client.ok("POST", "/v1/leases", {"needs": {"cpu": 2}, "site": "wm-0"})
    finally:
        again.kill()
    assert check(tmp_path / "again").ok


def test_what_can_not_be_restored_is_told_in_a_line_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    (tmp_path / "bad.tar.gz").write_bytes(b"no archive")
    code, problem = maillage("restore", str(tmp_path / "bad.tar.gz"), "--folder", str(tmp_path / "again"))
    assert (code, problem["type"]) == (1, "/problems/backup-damaged")
    assert not (tmp_path / "again").exists()
    code, problem = maillage("restore", str(tmp_path / "bad.tar.gz"), "--folder", str(server.folder))
    assert (code, problem["type"]) == (1, "/problems/in-the-way")


def test_a_backup_is_replaced_with_force_only(server: Server, tmp_path: Path) -> None:
    words = ("backup", str(tmp_path / "one.tar.gz"), "--folder", str(server.folder))
    assert maillage(*words)[0] == 0
    code, problem = maillage(*words)
    assert (code, problem["type"]) == (1, "/problems/in-the-way")
    assert maillage(*words, "--force")[0] == 0
