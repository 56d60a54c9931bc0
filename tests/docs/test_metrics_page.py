"""The page on metrics says what is exported: every name, type, label and meaning, and nothing else."""

import re
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from prometheus_client.parser import text_string_to_metric_families

from maillage.bootstrap import open_local
from maillage.bootstrap.devices import Mqtt
from maillage.faces.operations import families, mesh_families
from maillage.services.compute.model import InstanceStatus
from tests.mesh_world import MeshWorld
from tests.unit.faces.http.api import Api, ask, opened

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/metrics.md").read_text("utf-8")
ROW = re.compile(r"^\| `(maillage_[a-z_]+)` \| (\w+) \| (.*?)\| (.+?) \|$", re.MULTILINE)
DOCUMENTED = {
    name: (kind, frozenset(re.findall(r"`([a-z_]+)`", labels)), meaning)
    for name, kind, labels, meaning in ROW.findall(PAGE)
}


def exported(api: Api) -> dict[str, tuple[str, frozenset[str], str]]:
    """(type, labels, meaning) by name, of a chain in which everything has happened once."""
    api.site("wm-1", cpu=8)
    api.ok("POST", "/v1/leases", ask())
    api.call("POST", "/v1/leases", ask(cpu=100))
    api.chain.snapshots.save(1, b"")
    found = {}
    for family in text_string_to_metric_families(api.call("GET", "/metrics").text):
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = (family.type, frozenset(labels), family.documentation)
    return {name: about for name, about in found.items() if name.startswith("maillage_")}


def exported_by_a_mesh(folder: Path) -> dict[str, tuple[str, frozenset[str], str]]:
    """What a hub and a node have beside the rest."""
    found: dict[str, tuple[str, frozenset[str], str]] = {}

    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        line = mesh_families.of_line(SimpleNamespace(connected=True))  # type: ignore[arg-type]
        code = families.of_instances(lambda: [InstanceStatus("wm-1~4", "sha256:0", "ready", 0)])
        for family in (*line, *code, *mesh_families.of_hub(hub.hub), *mesh_families.of_node(node.node)):
            labels = frozenset(label for sample in family.samples for label in sample.labels)
            found[family.name] = (family.type, labels, family.documentation)

    MeshWorld(folder).run(test)
    return found


def test_the_page_and_a_scrape_name_the_same_metrics_in_the_same_words(tmp_path: Path) -> None:
    broker = partial(open_local, devices=True, mqtt=Mqtt(None, "127.0.0.1", 0))
    with opened(tmp_path / "alone", broker) as api:
        assert exported(api) | exported_by_a_mesh(tmp_path / "mesh") == DOCUMENTED


def test_units_are_in_the_names() -> None:
    for name, (kind, _, _) in DOCUMENTED.items():
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"_(ms|minutes|kib|mb)(_|$)", name), name


def test_the_buckets_on_the_page_are_those_of_the_code() -> None:
    from maillage.kernel.histogram import COUNTS, SECONDS

    assert f"seconds: {', '.join(f'{bound:g}' for bound in SECONDS)}" in PAGE
    assert f"decisions: {', '.join(map(str, COUNTS))}" in PAGE
