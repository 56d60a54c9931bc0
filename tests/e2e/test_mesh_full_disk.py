"""A store's disk runs full: the node refuses, keeps what it has acknowledged, and goes on when there is room again."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.mesh_clients import Clients
from tests.e2e.mesh_journals import assert_promises_kept, await_equal
from tests.e2e.mesh_processes import Mesh

DISK_MIB = 96
LEASE = {"needs": {"cpu": 0.001}, "site": "wm-1"}


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of its own at this folder, in memory. Skips where nobody may mount one."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    folder.mkdir()
    mount = [*as_root, "mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=0777", "maillage-test", str(folder)]
    try:
        refused = subprocess.run(mount, capture_output=True, text=True, timeout=30, check=False).returncode != 0
    except FileNotFoundError:
        refused = True
    if refused:
        pytest.skip("no disk can be mounted here without being root")
    try:
        yield
    finally:
        subprocess.run([*as_root, "umount", "--lazy", str(folder)], timeout=30, check=True)


def fill(ballast: Path) -> None:
    """Write until nothing more goes on the disk."""
    with ballast.open("wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                file.write(b"\0" * size)
            except OSError:
                size //= 2


@pytest.mark.long
def test_a_node_whose_disk_is_full_refuses_and_recovers(tmp_path: Path) -> None:
    ballast = tmp_path / "n1" / "ballast"
    with small_disk(tmp_path / "n1"), Mesh(tmp_path) as mesh:
        mesh.start_broker()
        mesh.add_hub()
        mesh.add_nodes({"n1": ["wm-1"], "n2": ["wm-2"]}, cpu=20)
        node = mesh.nodes["n1"]
        with Clients(mesh, mesh.hubs, ["wm-1", "wm-2"]) as clients:
            clients.go_on()
            assert node.call("GET", "/readyz")[0] == 200
            fill(ballast)
            for asked in (node, mesh.hub):
                mesh.until(
                    f"{asked.name} refuses, since the disk is full",
                    lambda asked=asked: asked.call("POST", "/v1/leases", LEASE)[0] == 503,
                )
            fill(ballast.with_name("more"))  # what was given back meanwhile
            problem = node.call("POST", "/v1/leases", LEASE)[1]
            assert problem["type"] == "/problems/journal-unavailable", problem
            mesh.until("the node says that it is not ready", lambda: node.call("GET", "/readyz")[0] == 503)
            assert node.call("GET", "/healthz")[0] == 200
            clients.go_on(20)  # the other store sells on
            ballast.unlink()
            ballast.with_name("more").unlink()
            mesh.until("the node grants again", lambda: node.call("POST", "/v1/leases", LEASE)[0] == 201)
            mesh.until("the node is ready again", lambda: node.call("GET", "/readyz")[0] == 200)
            clients.go_on()
            clients.finish(5)
        mesh.reached()
        assert_promises_kept(mesh, clients)
        node.kill()
        node.start()
        mesh.reached("n1")
        await_equal(mesh)
