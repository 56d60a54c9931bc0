"""A bus that admits only whom the chain has signed: who is forged, revoked or late with a used token stays outside."""

import shutil
from pathlib import Path

import pytest

from maillage.engines.nats.identity import ChainIdentity, creds_text, write_secret
from tests.e2e.mesh_processes import Process, again_without_a_hub
from tests.e2e.mesh_secured import SecuredMesh

TRIES = 3
"""Attempts to get in that are waited for, to see that none succeeds."""


@pytest.mark.long
def test_only_whom_the_chain_has_signed_is_let_in(tmp_path: Path) -> None:
    with SecuredMesh(tmp_path) as mesh:
        mesh.start_secured()
        mesh.add_nodes({"n1": ["wm-1"], "n2": ["wm-2"]}, cpu=8)
        real = mesh.nodes.pop("n2")
        lease = mesh.hub.ok("POST", "/v1/leases", {"needs": {"cpu": 1}, "site": "wm-2"})
        real.kill()

        # Forged: the same key and id, signed by another authority.
        forged = Process("n2", tmp_path / "forged", real.words)
        shutil.copytree(real.folder, forged.folder)
        key = Path(forged.folder / "node.nk").read_text("utf-8")
        seed, public = (
            part for part in key.split('"') if part[:2] in ("SU", "UA", "UB", "UC", "UD") and len(part) > 50
        )
        token = ChainIdentity.load_or_make(tmp_path / "other", {}).node_creds("n2", public, ["wm-2"])
        write_secret(forged.folder / "node.creds", creds_text(token, seed))
        mesh.nodes["forged"] = forged.start()
        mesh.until("the forged node tries to get in", lambda: mesh.broker.log.count("uthentication error") >= TRIES)
        mesh.until("n2 is out of reach", lambda: not mesh.states()["n2"]["reachable"])
        assert forged.ok("GET", "/v1/leases")["items"][0]["id"] == lease["id"], "in its own store it may do as it likes"
        forged.kill()

        # The real one comes back by its folder alone.
        mesh.nodes = {"n1": mesh.nodes["n1"], "n2": real.start()}
        mesh.reached("n2")

        # Revoked: at once for the hub, and for the bus when the server has read its configuration again.
        revoked = mesh.nodes["n1"]
        assert mesh.hub.call("DELETE", "/v1/nodes/n1")[0] == 204
        assert mesh.states()["n1"]["revoked"] and not mesh.states()["n1"]["reachable"]
        status, refusal = mesh.hub.call("POST", "/v1/leases", {"needs": {"cpu": 1}, "site": "wm-1"})
        assert status == 503, refusal
        tries = mesh.broker.log.count("uthentication error")
        mesh.broker.reload(mesh.config())
        mesh.until(
            "the revoked node is turned away",
            lambda: mesh.broker.log.count("uthentication error") >= tries + TRIES and "uthorization" in revoked.log,
        )
        assert revoked.ok("GET", "/healthz") == {"status": "ok"}
        mesh.reached("n2")


@pytest.mark.long
def test_a_token_is_good_once_and_for_its_own_sites(tmp_path: Path) -> None:
    with SecuredMesh(tmp_path) as mesh:
        mesh.start_secured()
        mesh.add_sites("wm-1", "wm-2")
        token = mesh.invite("n1", "wm-1")
        node = mesh.node("n1", "wm-1", token=token).begin()
        other = mesh.node("n2", "wm-2", token=mesh.invite("n2", "wm-1"))
        assert "token" in other.refused(), "it names other sites"
        node.listening()
        thief = mesh.node("n3", "wm-1", token=token)
        assert "token" in thief.refused(), "it was used"
        document = {"token": token, "public_key": "U" + "A" * 55, "sites": ["wm-1"]}
        assert mesh.hub.call("POST", "/enrol", document)[0] == 403
        mesh.until(
            "all that is in the audit", lambda: outcomes_of_joining(mesh) == ["done", *["enrolment-refused"] * 3]
        )
        mesh.reached("n1")

        node.kill()
        again_without_a_hub(node)
        node.words += ["--sites", "wm-2"]
        assert "wm-1" in node.refused(), "it has joined for another site"
        node.words = node.words[:-2]
        node.start()
        mesh.reached("n1")


def outcomes_of_joining(mesh: SecuredMesh) -> list[str]:
    """What the audit says became of those who wanted to join."""
    entries = mesh.hub.ok("GET", "/v1/audit")["items"]
    return sorted(entry["outcome"] for entry in entries if entry["action"] == "node.join")
