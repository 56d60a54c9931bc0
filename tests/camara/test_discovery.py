"""Which zones and endpoints are found for a device, and for whom."""

from typing import Any

import pytest

from tests.camara.test_doors import assert_fault
from tests.camara.world import PROVIDER, SERVED, UNKNOWN, World

CLOSEST, OPTIMAL = "/retrieve-closest-edge-cloud-zone", "/retrieve-optimal-edge-cloud-zones"
ENDPOINTS = "/retrieve-optimal-app-endpoints"
IPV6 = "2001:db8:7:1::5"
SIMPLE, OED, AED = "simple-edge-discovery", "optimal-edge-discovery", "application-endpoint-discovery"
PROFILES = "application-profiles"


def three_legged(world: World, address: str = SERVED) -> str:
    return f"Bearer {world.token(world.every_scope(), device_address=address)}"


# -- the closest -------------------------------------------------------------------------------------------------------


def test_the_closest_zone_is_the_nearest_store_by_either_address(world: World) -> None:
    for device in (world.device(), {"ipv6Address": IPV6}):
        found = world.call(SIMPLE, "POST", CLOSEST, {"device": device}).json()
        assert found == {
            "edgeCloudZoneId": world.zone("wm-2"),
            "edgeCloudZoneName": "Bentonville",
            "edgeCloudProvider": PROVIDER,
        }


def test_what_the_best_was_chosen_by_is_told_in_a_header(world: World) -> None:
    closest = world.call(SIMPLE, "POST", CLOSEST, {"device": world.device()})
    assert closest.headers["Maillage-Path"] == 'distance; reason="no roof serves the device"'
    assert optimal(world, world.profile()).headers["Maillage-Path"] == closest.headers["Maillage-Path"]
    unknown = world.call(SIMPLE, "POST", CLOSEST, {"device": world.device(UNKNOWN)})
    assert "Maillage-Path" not in unknown.headers


def test_of_several_identifiers_the_one_that_was_used_is_told(world: World) -> None:
    body = {"device": {"phoneNumber": "+123456789", **world.device(), "ipv6Address": IPV6}}
    assert world.call(SIMPLE, "POST", CLOSEST, body).json()["device"] == world.device()
    body = {"device": {"phoneNumber": "+123456789", "ipv6Address": IPV6}}
    assert world.call(SIMPLE, "POST", CLOSEST, body).json()["device"] == {"ipv6Address": IPV6}


@pytest.mark.parametrize("device", [{"phoneNumber": "+123456789"}, {"networkAccessIdentifier": "1@example.com"}])
def test_other_identifiers_are_not_supported(world: World, device: dict[str, Any]) -> None:
    assert_fault(world.call(SIMPLE, "POST", CLOSEST, {"device": device}), 422, "UNSUPPORTED_IDENTIFIER")


@pytest.mark.parametrize(
    "device",
    [
        {},
        {"ipv4Address": {"publicAddress": SERVED}},
        {"ipv4Address": {"publicAddress": "1.2.3.04", "publicPort": 5}},
        {"ipv4Address": {"publicAddress": SERVED, "publicPort": 0}},
        {"ipv4Address": {"publicAddress": SERVED, "privateAddress": "here"}},
        {"ipv6Address": "fe80::1%eth0"},
        {"ipv6Address": SERVED},
    ],
)
def test_a_device_that_can_not_be_is_400(world: World, device: dict[str, Any]) -> None:
    assert_fault(world.call(SIMPLE, "POST", CLOSEST, {"device": device}), 400, "INVALID_ARGUMENT")


def test_a_token_for_a_device_names_it_alone(world: World) -> None:
    token = three_legged(world)
    assert world.call(SIMPLE, "POST", CLOSEST, {}, Authorization=token).json()["edgeCloudZoneName"] == "Bentonville"
    named = world.call(SIMPLE, "POST", CLOSEST, {"device": world.device()}, Authorization=token)
    assert_fault(named, 422, "UNNECESSARY_IDENTIFIER")
    unknown = world.call(SIMPLE, "POST", CLOSEST, {}, Authorization=three_legged(world, UNKNOWN))
    assert_fault(unknown, 404, "IDENTIFIER_NOT_FOUND")
    strange = world.call(SIMPLE, "POST", CLOSEST, {}, Authorization=three_legged(world, "+123456789"))
    assert_fault(strange, 403, "INVALID_TOKEN_CONTEXT")


# -- the optimal -------------------------------------------------------------------------------------------------------


def optimal(world: World, profile: str, **more: Any) -> Any:
    body = {"device": world.device(), "applicationProfileId": profile, **more}
    return world.call(OED, "POST", OPTIMAL, body)


def names(response: Any) -> list[str]:
    assert response.status_code == 200, response.text
    return [zone["edgeCloudZoneName"] for zone in response.json()["edgeCloudZones"]]


def test_optimal_zones_come_nearest_first_and_those_with_nothing_to_compute_on_not_at_all(world: World) -> None:
    assert names(optimal(world, world.profile())) == ["Bentonville", "Rogers, Pleasant Crossing", "Joplin"]
    assert names(optimal(world, world.profile(), edgeCloudRegion="Four-States")) == ["Joplin"]
    assert_fault(optimal(world, world.profile(), edgeCloudRegion="Central"), 404, "NOT_FOUND")


def test_the_delay_budget_bounds_the_way_there_and_back(world: World) -> None:
    """Five milliseconds to the network and back, and a little for every kilometre: see kernel.latency."""
    for budget, unit, found in ((2, "Milliseconds", 0), (2_800, "Microseconds", 2), (4, "Milliseconds", 3)):
        response = optimal(world, _profile_within(world, budget, unit))
        assert len(response.json().get("edgeCloudZones", [])) == found, response.text


def _profile_within(world: World, value: int, unit: str) -> str:
    return world.profile(networkQualityThresholds={"packetDelayBudget": {"value": value, "unit": unit}})


def test_what_the_profile_computes_with_must_fit(world: World) -> None:
    fitting = world.profile(computeResources={"targetMinCPU": 2.5, "targetMinMemory": {"value": 2, "unit": "Gb"}})
    assert len(names(optimal(world, fitting))) == 3
    for wanted in ({"targetMinCPU": 65}, {"targetMinGPU": 1}, {"targetMinMemory": {"value": 1, "unit": "Tb"}}):
        assert_fault(optimal(world, world.profile(computeResources=wanted)), 404, "NOT_FOUND")


def test_a_profile_that_is_not_there_is_404(world: World) -> None:
    assert_fault(optimal(world, "2fa85f64-5717-4562-b3fc-2c963f66afa0"), 404, "NOT_FOUND")
    assert_fault(optimal(world, "no-uuid"), 400, "INVALID_ARGUMENT")


# -- profiles ----------------------------------------------------------------------------------------------------------


def test_a_profile_is_replaced_whole_and_deleted(world: World) -> None:
    profile = world.profile()
    path = f"/application-profiles/{profile}"
    new = {"applicationProfileId": profile, "computeResources": {"targetMinCPU": 1.5, "gpuVendorType": "AMD"}}
    assert world.call(PROFILES, "PATCH", path, new).json() == new
    assert world.call(PROFILES, "GET", f"/application-profiles/{profile.upper()}").json() == new

    other = {**new, "applicationProfileId": world.profile()}
    assert_fault(world.call(PROFILES, "PATCH", path, other), 400, "INVALID_ARGUMENT")
    assert_fault(world.call(PROFILES, "PATCH", path, {"applicationProfileId": profile}), 400, "INVALID_ARGUMENT")
    deleted = world.call(PROFILES, "DELETE", path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert_fault(world.call(PROFILES, "GET", path), 404, "NOT_FOUND")
    assert_fault(world.call(PROFILES, "GET", "/application-profiles/no-uuid"), 400, "INVALID_ARGUMENT")


def test_a_profile_is_its_tenant_s_alone(world: World) -> None:
    stranger = f"Bearer {world.stranger_key()}"
    profile = world.profile()
    for method, body in (("GET", None), ("DELETE", None)):
        found = world.call(PROFILES, method, f"/application-profiles/{profile}", body, Authorization=stranger)
        assert_fault(found, 404, "NOT_FOUND")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"networkQualityThresholds": {}},
        {"computeResources": {}},
        {"networkQualityThresholds": {"packetDelayBudget": {"value": 0, "unit": "Seconds"}}},
        {"networkQualityThresholds": {"packetLossErrorRate": 11}},
        {"networkQualityThresholds": {"jitter": {"value": 5, "unit": "Fortnights"}}},
        {"computeResources": {"targetMinMemory": {"value": 1_025, "unit": "Gb"}}},
        {"computeResources": {"targetMinCPU": "2"}},
    ],
)
def test_a_profile_that_can_not_be_is_400(world: World, body: dict[str, Any]) -> None:
    assert_fault(world.call(PROFILES, "POST", "/application-profiles", body), 400, "INVALID_ARGUMENT")


# -- endpoints ---------------------------------------------------------------------------------------------------------


def test_endpoints_of_ready_instances_come_nearest_first(world: World) -> None:
    app = world.app()
    made = [world.instance(app, store=store)["appInstanceId"] for store in ("wm-3", "wm-2")]
    for instance in made:
        world.until_ready(instance)
    body = {"device": world.device(), "appId": app}
    found = world.call(AED, "POST", ENDPOINTS, body).json()
    places = [endpoint["edgeCloudZone"]["edgeCloudZoneName"] for endpoint in found["applicationEndpoints"]]
    assert places == ["Bentonville", "Joplin"]
    assert {endpoint["port"] for endpoint in found["applicationEndpoints"]} == {int(world.url.rpartition(":")[2])}
    assert found["applicationEndpoints"][0]["ipv4Addresses"] == ["127.0.0.1"]
    world.eam("DELETE", f"/app-instances/{made[1]}")
    found = world.call(AED, "POST", ENDPOINTS, body).json()
    assert [one["edgeCloudZone"]["edgeCloudZoneName"] for one in found["applicationEndpoints"]] == ["Joplin"]
    world.eam("DELETE", f"/app-instances/{made[0]}")
    assert_fault(world.call(AED, "POST", ENDPOINTS, body), 404, "NOT_FOUND")


def test_an_app_is_looked_for_among_the_tenant_s_own(world: World) -> None:
    body = {"device": world.device(), "appId": world.running()[0]}
    found = world.call(AED, "POST", ENDPOINTS, body, Authorization=f"Bearer {world.stranger_key()}")
    assert_fault(found, 404, "NOT_FOUND")
    assert_fault(world.call(AED, "POST", ENDPOINTS, {"device": world.device()}), 400, "INVALID_ARGUMENT")
