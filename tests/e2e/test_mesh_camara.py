"""CAMARA's interfaces at a hub while one of its stores is dark: its zone is unknown, and devices go to the next."""

from pathlib import Path

import pytest

from tests.camara.world import World, served_by_a_hub

SIMPLE, CLOSEST = "simple-edge-discovery", "/retrieve-closest-edge-cloud-zone"
NEAREST, NEXT = "Bentonville", "Joplin"


def status_of(world: World, name: str) -> str:
    return next(zone["edgeCloudZoneStatus"] for zone in world.zones() if zone["edgeCloudZoneName"] == name)


def closest(world: World) -> str:
    found = world.call(SIMPLE, "POST", CLOSEST, {"device": world.device()}).json()
    return str(found["edgeCloudZoneName"])


@pytest.mark.long
def test_a_zone_whose_store_is_dark_is_unknown_and_what_runs_there_is_too(tmp_path: Path) -> None:
    with served_by_a_hub(tmp_path) as world:
        mesh = world.mesh
        assert mesh is not None
        app = world.app()
        instance = world.instance(app)["appInstanceId"]
        world.until_ready(instance)
        assert (status_of(world, NEAREST), closest(world)) == ("active", NEAREST)

        mesh.nodes["n1"].kill()
        mesh.until("the zone is unknown", lambda: status_of(world, NEAREST) == "unknown")
        assert closest(world) == NEXT
        assert world.eam("GET", f"/app-instances/{instance}")["status"] == "unknown"
        elsewhere = world.instance(app, store="wm-3")["appInstanceId"]
        assert world.until_ready(elsewhere)["status"] == "ready"

        mesh.nodes["n1"].start()
        mesh.until("the zone is back", lambda: status_of(world, NEAREST) == "active")
        assert world.until_ready(instance)["status"] == "ready"
        assert closest(world) == NEAREST
