"""A newcomer's path through the mesh, by nothing but the command line: from an empty folder to a lease in a store."""

from pathlib import Path
from typing import Any

from tests.e2e.mesh_journals import await_equal
from tests.e2e.mesh_processes import ADMIN_KEY, Mesh, json_of, maillage

STORES = """id,name,lat,lon,tz
wm-100,Rogers,36.33,-94.12,America/Chicago
wm-101,Bentonville,36.37,-94.21,America/Chicago
wm-102,Springdale,36.19,-94.13,America/Chicago
"""


def test_from_an_empty_folder_to_leases_in_the_stores(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        mesh.start_broker()
        mesh.add_hub()

        def by_hand(*words: str) -> Any:
            return json_of(maillage(*words, "--json", MAILLAGE_SERVER=mesh.hub.url, MAILLAGE_KEY=ADMIN_KEY))

        stores = tmp_path / "stores.csv"
        stores.write_text(STORES, "utf-8")
        imported = by_hand("sites", "import", str(stores))
        assert imported["imported"] == 3, imported
        for name, sites in (("n1", "wm-100,wm-101"), ("n2", "wm-102")):
            made = by_hand("enrolment", "create", name, "--sites", sites)
            mesh.node(name, *sites.split(","), token=made["token"]).begin()
        for node in mesh.nodes.values():
            node.listening()
        mesh.reached()

        listed = {node["id"]: node for node in by_hand("nodes", "list")["items"]}
        assert {name: node["sites"] for name, node in listed.items()} == {"n1": 2, "n2": 1}
        assert all(node["reachable"] and not node["behind"] and not node["set_aside"] for node in listed.values())

        by_hand("capacity", "set", "wm-100", "cpu", "8")
        for site in ("wm-101", "wm-102"):
            mesh.set_sizes(site, cpu=8)
        lease = by_hand("lease", "create", "--need", "cpu=4", "--near", "36.37,-94.21", "--hours", "12")
        assert lease["site"] == "wm-101", "the nearest has room"
        several = by_hand(
            "lease", "create", "--need", "cpu=8", "--site", "wm-100", "--site", "wm-102", "--hours", "12"
        )["leases"]
        assert {one["site"] for one in several} == {"wm-100", "wm-102"}

        for node, sites in (("n1", {"wm-100", "wm-101"}), ("n2", {"wm-102"})):
            here = mesh.nodes[node].ok("GET", "/v1/leases")["items"]
            assert {one["id"] for one in here} == {one["id"] for one in (lease, *several) if one["site"] in sites}, (
                "the store's own face shows what was sold of it"
            )
        full = mesh.hub.call("POST", "/v1/leases", {"needs": {"cpu": 1}, "site": "wm-102"})
        assert full[0] == 409, full

        await_equal(mesh)
        for process in mesh.processes:
            verdict = json_of(maillage("verify", str(process.folder), "--json"))
            assert verdict["ok"] and verdict["leases"] == {"hub": 3, "n1": 2, "n2": 1}[process.name], verdict
