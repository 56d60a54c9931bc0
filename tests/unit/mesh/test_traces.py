"""One trace from the ask at a hub over the bus to the grant in the store."""

from pathlib import Path

from maillage.kernel import spans
from tests.kernel_world import ask_for
from tests.mesh_world import MeshWorld
from tests.spans_recorded import recording
from tests.unit.mesh.test_hub_and_nodes import END, NEAR_1


def test_a_trace_goes_from_the_ask_to_the_grant_across_the_bus(tmp_path: Path) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        await world.node("n1", ["wm-1"])
        with recording() as recorded:
            with spans.extracted({}), spans.span("ask"):
                await hub.office.lease("acme", ask_for({"cpu": 1}, None, END, near=NEAR_1), "k", "d")
            asked, served = recorded.named("ask"), recorded.named("serve")
            granting = [span for span in recorded.all if span.name == "batch" and span.links]
        assert served.parent is not None and served.parent.span_id == asked.context.span_id
        assert served.context.trace_id == asked.context.trace_id
        assert served.context in [link.context for span in granting for link in span.links]

    MeshWorld(tmp_path).run(test)
