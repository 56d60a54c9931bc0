"""Two hubs on one PostgreSQL database are one chain: keys, asks, mirrors, and what one leaves undone when it dies."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.contract.record_databases import in_threads, postgresql_database
from tests.e2e.mesh_clients import Clients
from tests.e2e.mesh_journals import assert_promises_kept, assert_verified, await_equal, live_leases, owners_events
from tests.e2e.mesh_processes import Mesh

SITES = {"n1": ["wm-1", "wm-2"], "n2": ["wm-3"]}
ALL_SITES = [site for sites in SITES.values() for site in sites]
KNOWN_WITHIN_S = 2.0
"""About a second, and the time that a busy machine takes for what is done then."""
TAKEN_OVER_WITHIN_S = 75.0


@contextmanager
def two_hubs(folder: Path) -> Iterator[Mesh]:
    """A chain with two hubs that share their records, and two nodes that joined through the first."""
    with ExitStack() as stack:
        url = stack.enter_context(postgresql_database())
        mesh = stack.enter_context(Mesh(folder))
        mesh.start_broker()
        for name in ("hub", "other"):
            mesh.add_hub(name, MAILLAGE_DATABASE_URL=url)
        mesh.add_nodes(SITES, cpu=20)
        mesh.reached(hub=mesh.hubs[1])
        yield mesh


@pytest.mark.long
def test_two_hubs_on_one_database_are_one_chain(tmp_path: Path) -> None:
    with two_hubs(tmp_path) as mesh:
        first, second = mesh.hubs
        first.ok("POST", "/v1/tenants", {"id": "acme", "name": "Acme", "role": "tenant"})
        made = first.ok("POST", "/v1/tenants/acme/keys")
        with second.client(made["key"]) as client:
            known_s = mesh.until(
                "a key of the first hub opens at the second",
                lambda: client.call("GET", "/v1/leases")[0] == 200,
                KNOWN_WITHIN_S,
            )
            lease = client.ok("POST", "/v1/leases", {"needs": {"cpu": 1}, "site": "wm-1"})
            first.ok("DELETE", f"/v1/keys/{made['id']}")
            with first.client(made["key"]) as here:
                assert here.call("GET", "/v1/leases")[0] == 401, "revoked at once where it was revoked"
            gone_s = mesh.until(
                "a revoked key opens nothing at the second hub",
                lambda: client.call("GET", "/v1/leases")[0] == 401,
                KNOWN_WITHIN_S,
            )
        print(f"a key is known at the other hub after {known_s:.2f} s, revoked there after {gone_s:.2f} s")
        mesh.until("the first hub shows it", lambda: first.call("GET", f"/v1/leases/{lease['id']}")[0] == 200)

        near = {"needs": {"cpu": 1}, "near": {"lat": 36.1, "lon": -94, "within_km": 100}}
        for number in range(20):

            def ask(one: int, number: int = number) -> tuple[int, str]:
                status, document = mesh.hubs[one % 2].call("POST", "/v1/leases", near, Idempotency_Key=f"both-{number}")
                return status, document.get("id", str(document))

            answers = set(in_threads(4, ask))
            assert len(answers) == 1 and {status for status, _ in answers} == {201}, answers
        live = live_leases(owners_events(mesh))
        assert len(live) == 20 + 1
        await_equal(mesh)
        assert_verified(*(process.folder for process in mesh.processes))


@pytest.mark.long
def test_what_a_dead_hub_leaves_undone_the_other_ends(tmp_path: Path) -> None:
    with two_hubs(tmp_path) as mesh:
        with Clients(mesh, mesh.hubs, ALL_SITES, several=0.8) as clients:
            clients.go_on(60)
            mesh.hubs[1].kill()
            killed_at = time.monotonic()
            clients.go_on(60)
            clients.finish(TAKEN_OVER_WITHIN_S)
        print(clients, f"{time.monotonic() - killed_at:.0f} s after the kill")
        dead = mesh.hubs.pop()
        mesh.reached()
        assert_promises_kept(mesh, clients)
        assert not clients.unanswered, f"{[asked.body for asked in clients.unanswered]}\n{mesh.told()}"
        mesh.hubs.append(dead.start())
        mesh.reached(hub=dead)
        await_equal(mesh)
        with ThreadPoolExecutor(2) as pool:
            asks = [
                pool.submit(hub.call, "POST", "/v1/leases", {"needs": {"cpu": 1}, "site": "wm-3"}) for hub in mesh.hubs
            ]
            assert {ask.result()[0] for ask in asks} <= {201, 409}
