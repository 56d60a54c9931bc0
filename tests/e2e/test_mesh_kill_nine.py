"""Hub, node and broker are killed with -9 in turn while clients ask, and the mesh keeps every promise that it made.

Goal: whatever a client was told stays true, and nothing is granted twice. Method: clients on many threads repeat each
ask with its key until it is answered; hub, node and broker are killed and started again meanwhile; then the journals of
all processes are compared with what the clients were told and with each other, and the checker reads each.
"""

from pathlib import Path

import pytest

from tests.e2e.mesh_clients import Clients
from tests.e2e.mesh_journals import assert_promises_kept
from tests.e2e.mesh_processes import Mesh

SITES = {"n1": ["wm-1", "wm-2"], "n2": ["wm-3"]}
ALL_SITES = [site for sites in SITES.values() for site in sites]
GIVEN_UP_AFTER_S = 60
"""After so long a repeat may give up an attempt whose hub was killed, and begin afresh."""


@pytest.mark.parametrize(
    ("rounds", "more", "several", "settle_s"),
    [
        pytest.param(1, 40, 0.0, 2, id="one round", marks=pytest.mark.long),
        pytest.param(3, 150, 0.15, GIVEN_UP_AFTER_S + 30, id="three rounds", marks=pytest.mark.long),
    ],
)
def test_no_promise_is_broken_by_killing_hub_node_and_broker(
    tmp_path: Path, rounds: int, more: int, several: float, settle_s: float
) -> None:
    with Mesh(tmp_path) as mesh:
        mesh.start_broker()
        mesh.add_hub()
        mesh.add_nodes(SITES, cpu=8)
        with Clients(mesh, mesh.hubs, ALL_SITES, several, slots=60 * rounds**2) as clients:
            for number in range(rounds):
                node = list(mesh.nodes.values())[number % len(mesh.nodes)]
                clients.go_on(more)
                mesh.hub.kill()
                mesh.hub.start()
                clients.go_on(more)
                node.kill()
                clients.go_on(10)  # the other node sells on
                node.start()
                clients.go_on(more)
                mesh.broker.kill()
                mesh.broker.start()
                clients.go_on(more)
            clients.finish(settle_s)
        mesh.reached()
        print(clients)
        assert_promises_kept(mesh, clients)
        if settle_s > GIVEN_UP_AFTER_S:
            assert not clients.unanswered, f"{[asked.body for asked in clients.unanswered]}\n{mesh.told()}"
