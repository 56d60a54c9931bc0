"""A bus that speaks TLS with a certificate of the chain's own authority."""

from pathlib import Path

import pytest

from tests.contract.test_nats_tls import self_signed
from tests.e2e.mesh_processes import maillage
from tests.e2e.mesh_secured import SecuredMesh


@pytest.mark.long
def test_hub_and_node_reach_a_bus_whose_authority_they_are_told_and_no_other(tmp_path: Path) -> None:
    tls = self_signed(tmp_path)
    with SecuredMesh(tmp_path) as mesh:
        mesh.line = mesh.line_to(mesh.broker.leaf_port)
        mesh.start_broker(mesh.config("--certificate", str(tls.certificate), "--private-key", str(tls.key)))
        address = mesh.broker.url.replace("nats://", "tls://")
        mesh.add_hub(nats=address, MAILLAGE_CA=str(tls.ca))
        mesh.add_sites("wm-1")
        node = mesh.node("n1", "wm-1")
        node.environment["MAILLAGE_CA"] = str(tls.ca)
        node.start()
        mesh.reached("n1")

        stranger = mesh.add_hub("stranger", nats=address)
        status, problem = stranger.call("GET", "/readyz")
        assert status == 503, problem


def test_a_file_that_holds_no_certificate_is_named(tmp_path: Path) -> None:
    for name, text in (("absent.pem", None), ("empty.pem", ""), ("other.pem", "hello")):
        if text is not None:
            (tmp_path / name).write_text(text)
        done = maillage("hub", MAILLAGE_HOME=str(tmp_path / "hub"), MAILLAGE_CA=str(tmp_path / name))
        assert done.returncode == 2, done.stderr
        assert name in done.stderr and "Traceback" not in done.stderr
