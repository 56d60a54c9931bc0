"""Events as the outside sees them."""

from typing import Any

import msgspec
import pytest

from maillage.kernel.cloudevents import CloudEvent, cloud_event
from maillage.kernel.events import Event
from maillage.kernel.times import HOUR_S
from tests.kernel_world import NOW, World


def told(world: World) -> list[CloudEvent]:
    return [cloud_event(event) for event in world.events]


def busy_events() -> list[Event]:
    world = World()
    world.pool("cpu", 4)
    world.pool("cpu", "4.5", since=NOW + HOUR_S, calendar={"tue": [("00:00", "24:00")], "wed": [("00:00", "12:00")]})
    lease = world.hour({"cpu": 1}, key="order-7")
    world.extend(lease, NOW + 2 * HOUR_S)
    world.measure(lease, {"cpu_hours": 1_500})
    world.charge(lease, "a fee", "2.50")
    world.confirm(world.hour({"cpu": 1}, hold_s=60))
    world.hour({"cpu": "0.001"}, hold_s=60)
    world.hour({"cpu": "1.999"}, "spot")
    world.hour({"cpu": 1}, "house")
    world.release(lease)
    world.tick(HOUR_S)
    return world.events


def test_every_event_is_a_cloud_event_of_its_site() -> None:
    events = busy_events()
    for number, event in enumerate(events, 1):
        outside = msgspec.to_builtins(cloud_event(event))
        assert outside["specversion"] == "1.0"
        assert outside["source"] == "/sites/wm-1"
        assert outside["id"] == f"wm-1/{number}"
        assert outside["sequence"] == str(number)
        assert outside["type"].startswith("maillage.")
        assert outside["time"].endswith("Z")
        assert outside["datacontenttype"] == "application/json"
        assert msgspec.json.decode(msgspec.json.encode(outside))["data"].keys() == outside["data"].keys()
    assert len({cloud_event(event).type for event in events}) == 11


def test_a_grant_is_told_in_units_and_keeps_its_key_to_itself() -> None:
    world = World()
    world.pool("cpu", 4)
    lease = world.lease({"cpu": 1.5}, key="order-7", body="digest")
    event = told(world)[-1]
    assert (event.type, event.subject) == ("maillage.lease.granted", lease.id)
    assert event.data["needs"] == {"cpu": 1.5}
    assert (event.data["start"], event.data["end"]) == ("2026-12-01T08:00:00Z", None)
    assert event.data["per_hour"] == "0.00"
    assert event.data["class"] == "firm"
    assert "order-7" not in str(event)
    assert "digest" not in event.data


def test_money_instants_and_meters_are_told_in_the_units_of_the_outside() -> None:
    data: dict[str, Any] = {}
    for event in busy_events():
        data[cloud_event(event).type] = cloud_event(event).data
    assert data["maillage.pool.resized"]["size"] == 4.5
    assert data["maillage.pool.resized"]["since"] == "2026-12-01T09:00:00Z"
    assert data["maillage.lease.measured"]["meters"] == {"cpu_hours": 1.5}
    assert data["maillage.lease.charged"] == {"lease": "wm-1~4", "line": "a fee", "amount": "2.50"}
    assert data["maillage.lease.extended"]["end"] == "2026-12-01T10:00:00Z"
    assert data["maillage.lease.reclaimed"].get("charge", "0.00") == "0.00"


@pytest.mark.parametrize(("number", "subject"), [(0, "wm-1"), (1, "cpu")])
def test_what_is_no_lease_is_about_its_site_or_its_kind(number: int, subject: str) -> None:
    assert cloud_event(busy_events()[number]).subject == subject
