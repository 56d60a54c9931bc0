"""Apps, instances and deployments: what they stand on, what is refused, and that nothing is left behind."""

from typing import Any

import httpx
import pytest

from tests.camara.test_doors import assert_fault
from tests.camara.world import STORES, TENANT, World, stranger

EAM = "edge-application-management"
PATCH = "application/merge-patch+json"
EVENT_TYPE = "org.camaraproject.edge-application-management.v0.app-instance-status-change"


def leases(world: World, state: str = "confirmed") -> dict[str, dict[str, Any]]:
    listed = world.own("GET", f"/v1/leases?state={state}&limit=1000", key=world.key)["items"]
    return {lease["id"]: lease for lease in listed}


def submit(world: World, **changes: Any) -> Any:
    return world.call(EAM, "POST", "/apps", {**world.manifest(), **changes})


# -- apps --------------------------------------------------------------------------------------------------------------


def test_an_app_is_the_tenant_s_own(world: World) -> None:
    assert_fault(submit(world, appProvider="somebody_else"), 403, "PERMISSION_DENIED")
    app, header = world.app(), f"Bearer {world.stranger_key()}"
    assert app in [one["appId"] for one in world.eam("GET", "/apps")]
    assert app not in [one["appId"] for one in world.eam("GET", "/apps", Authorization=header)]
    for method in ("GET", "DELETE"):
        assert_fault(world.call(EAM, method, f"/apps/{app}", Authorization=header), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "with-hyphen"},
        {"name": "x"},
        {"name": "1st"},
        {"name": "trailing\n"},
        {"appProvider": "short"},
        {"version": "x" * 65},
        {"packageType": "HELM"},
        {"packageType": "QCOW2"},
        {"requiredResources": {"infraKind": "virtualMachine", "numCPU": 1, "memory": 512}},
        {"requiredResources": {"infraKind": "container", "numCPU": "0", "memory": 512}},
        {"requiredResources": {"infraKind": "container", "numCPU": "1.2345", "memory": 512}},
        {"requiredResources": {"infraKind": "container", "numCPU": "1", "memory": 16_385}},
        {"requiredResources": {"infraKind": "container", "numCPU": "9999999999999999", "memory": 1}},
        {"componentSpec": []},
        {"appRepo": {"type": "PUBLICREPO", "imagePath": "maillage:counter@sha256:" + "0" * 64}},
        {"appRepo": {"type": "PUBLICREPO", "imagePath": "maillage:nothing"}},
        {"appRepo": {"type": "PUBLICREPO", "imagePath": "not a place"}},
        {"appRepo": {"type": "PUBLICREPO", "imagePath": "oci://Not/A/Reference"}},
        {"appRepo": {"type": "PUBLICREPO", "imagePath": "maillage:counter", "checksum": "0" * 32}},
        {"appRepo": {"type": "PRIVATEREPO", "imagePath": "oci://shop.test/x:1", "userName": "a", "credentials": "b"}},
    ],
)
def test_an_app_that_no_store_can_run_is_refused_when_it_is_submitted(world: World, changes: dict[str, Any]) -> None:
    before = len(world.eam("GET", "/apps"))
    assert_fault(submit(world, **changes), 400, "INVALID_ARGUMENT")
    assert len(world.eam("GET", "/apps")) == before


def test_an_app_s_other_version_is_another_app_and_its_credentials_are_never_told(world: World) -> None:
    manifest = world.manifest()
    first = world.app(manifest)
    second = world.app({**manifest, "version": "1.0.1"})
    assert first != second
    assert_fault(world.call(EAM, "POST", "/apps", manifest), 409, "ALREADY_EXISTS")
    assert world.eam("GET", f"/apps/{first}") == {**manifest, "appId": first}


def test_an_app_goes_when_nothing_of_it_runs_any_more(world: World) -> None:
    app = world.app()
    instance = world.instance(app)["appInstanceId"]
    assert_fault(world.call(EAM, "DELETE", f"/apps/{app}"), 409, "INCOMPATIBLE_STATE")
    world.eam("DELETE", f"/app-instances/{instance}")
    deleted = world.call(EAM, "DELETE", f"/apps/{app}")
    assert (deleted.status_code, deleted.headers["content-type"]) == (202, "application/json")
    assert_fault(world.call(EAM, "GET", f"/apps/{app}"), 404, "NOT_FOUND")
    assert_fault(world.call(EAM, "DELETE", f"/apps/{app}"), 404, "NOT_FOUND")


# -- instances ---------------------------------------------------------------------------------------------------------


def test_an_instance_takes_an_open_firm_lease_and_gives_it_back(world: World) -> None:
    before = leases(world)
    instance = world.instance(world.app())["appInstanceId"]
    (lease,) = (lease for name, lease in leases(world).items() if name not in before)
    assert (lease["site"], lease["class"], lease["end"]) == ("wm-2", "firm", None)
    assert lease["needs"] == {"cpu": 0.5, "memory": 0.125}
    assert world.until_ready(instance)["componentEndpointInfo"][0]["interfaceId"] == "http"
    world.eam("DELETE", f"/app-instances/{instance}")
    assert leases(world).keys() == before.keys()
    assert_fault(world.call(EAM, "GET", f"/app-instances/{instance}"), 404, "NOT_FOUND")


def test_an_app_s_clients_reach_it_where_the_endpoint_says_without_a_key(world: World) -> None:
    _, instance = world.running()
    (endpoint,) = world.until_ready(instance)["componentEndpointInfo"]
    access = endpoint["accessPoints"]
    url = f"http://{access['ipv4Addresses'][0]}:{access['port']}/run/{TENANT}.counter/"
    answer = httpx.get(url, timeout=10)
    assert (answer.status_code, answer.text) == (200, "counted")


def test_an_instance_is_where_its_location_says(world: World) -> None:
    body = {"name": world.name("here"), "appId": world.running()[0], "edgeCloudZoneId": world.zone()}
    created = world.call(EAM, "POST", "/app-instances", body)
    headers = {"Authorization": f"Bearer {world.key}"}
    found = world.client.get(created.headers["location"], headers=headers).json()
    assert found["appInstanceId"] == created.json()["appInstanceId"]
    world.eam("DELETE", f"/app-instances/{found['appInstanceId']}")


def test_an_instance_stands_on_a_lease_that_the_tenant_names_and_leaves_it(world: World) -> None:
    ask = {"needs": {"cpu": 1, "memory": 1}, "site": "wm-100"}
    lease = world.own("POST", "/v1/leases", ask, world.key)["id"]
    app, before = world.app(), leases(world)
    elsewhere = {"name": "elsewhere", "appId": app, "edgeCloudZoneId": world.zone("wm-2")}
    response = world.call(EAM, "POST", "/app-instances", elsewhere, x_maillage_lease=lease)
    assert_fault(response, 400, "INVALID_ARGUMENT")
    instance = world.instance(app, store="wm-100", x_maillage_lease=lease)["appInstanceId"]
    world.until_ready(instance)
    taken = {"name": "taken", "appId": app, "edgeCloudZoneId": world.zone("wm-100")}
    response = world.call(EAM, "POST", "/app-instances", taken, x_maillage_lease=lease)
    assert_fault(response, 409, "INCOMPATIBLE_STATE")
    assert leases(world).keys() == before.keys()
    world.own("POST", f"/v1/leases/{lease}/release", {}, world.key)
    assert world.eam("GET", f"/app-instances/{instance}")["status"] == "terminating"
    world.eam("DELETE", f"/app-instances/{instance}")
    assert world.own("GET", f"/v1/leases/{lease}", key=world.key)["state"] == "released"


@pytest.mark.parametrize("lease", ["wm-2~999999", "nonsense"])
def test_a_lease_that_is_not_there_is_400(world: World, lease: str) -> None:
    body = {"name": "nowhere", "appId": world.running()[0], "edgeCloudZoneId": world.zone()}
    response = world.call(EAM, "POST", "/app-instances", body, x_maillage_lease=lease)
    assert "x-maillage-lease" in assert_fault(response, 400, "INVALID_ARGUMENT")


def test_a_lease_too_small_for_the_app_is_400(world: World) -> None:
    lease = world.own("POST", "/v1/leases", {"needs": {"cpu": 0.1}, "site": "wm-2"}, world.key)["id"]
    body = {"name": "tight", "appId": world.running()[0], "edgeCloudZoneId": world.zone()}
    response = world.call(EAM, "POST", "/app-instances", body, x_maillage_lease=lease)
    assert "cpu" in assert_fault(response, 400, "INVALID_ARGUMENT")
    world.own("POST", f"/v1/leases/{lease}/release", {}, world.key)


def test_a_full_store_says_so_and_nothing_is_left_behind(world: World) -> None:
    resources = {"infraKind": "container", "numCPU": "60", "memory": 128}
    app, before = world.app({**world.manifest(), "requiredResources": resources}), leases(world)
    kept = world.instance(app, store="wm-3")["appInstanceId"]
    body = {"name": world.name("second"), "appId": app, "edgeCloudZoneId": world.zone("wm-3")}
    for _ in range(2):  # nor is the name taken by what failed
        assert_fault(world.call(EAM, "POST", "/app-instances", body), 409, "MAILLAGE.NO_CAPACITY")
    assert [one["appInstanceId"] for one in world.eam("GET", f"/app-instances?appId={app}")] == [kept]
    world.eam("DELETE", f"/app-instances/{kept}")
    assert leases(world).keys() == before.keys()


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "with-hyphen"},
        {"appId": "no-uuid"},
        {"appId": stranger()},
        {"edgeCloudZoneId": stranger()},
        {"edgeCloudZoneId": "0190b3c2-0000-7000-8000-000000000000"},
        {"kubernetesClusterRef": "642f6105-7015-4af1-a4d1-e1ecb8437abc"},
        {"price": 5},
    ],
)
def test_an_instance_that_can_not_be_is_400(world: World, changes: dict[str, Any]) -> None:
    body = {"name": "counter", "appId": world.running()[0], "edgeCloudZoneId": world.zone(), **changes}
    assert_fault(world.call(EAM, "POST", "/app-instances", body), 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    "wanted",
    [
        {"sink": "http://sink.example.com/"},
        {"sink": "https://10.0.0.1/"},
        {"sink": "https://sink.invalid/", "types": []},
        {"sink": "https://sink.invalid/", "types": [EVENT_TYPE.replace("instance", "deployment")]},
        {"sink": "https://sink.invalid/", "config": {"subscriptionDetail": {}, "subscriptionMaxEvents": 0}},
    ],
)
def test_a_callback_that_can_not_be_is_refused_before_anything_is_created(world: World, wanted: dict[str, Any]) -> None:
    app, before = world.app(), leases(world)
    body = {"name": "told", "appId": app, "edgeCloudZoneId": world.zone(), "subscriptionRequest": wanted}
    assert_fault(world.call(EAM, "POST", "/app-instances", body), 400, "INVALID_ARGUMENT")
    assert world.eam("GET", f"/app-instances?appId={app}") == []
    assert leases(world).keys() == before.keys()


def test_an_instance_and_a_deployment_are_created_with_callbacks(world: World) -> None:
    app, zone = world.app(), world.zone()
    wanted = {"sink": "https://sink.invalid/", "types": [EVENT_TYPE]}
    body: dict[str, Any] = {"name": "told", "appId": app, "edgeCloudZoneId": zone, "subscriptionRequest": wanted}
    world.eam("DELETE", f"/app-instances/{world.eam('POST', '/app-instances', body)['appInstanceId']}")
    body = {"appDeploymentName": world.name("Told"), "appId": app, "edgeCloudZones": [zone]}
    body["subscriptionRequest"] = {"sink": "https://sink.invalid/"}
    world.eam("DELETE", f"/deployments/{world.eam('POST', '/deployments', body)['appDeploymentId']}")


def test_zones_are_the_stores(world: World) -> None:
    zones = {zone["edgeCloudZoneName"]: zone for zone in world.zones()}
    assert zones.keys() == {store["name"] for store in STORES.values()}
    assert {zone["edgeCloudZoneId"][14] for zone in zones.values()} == {"5"}, "of version 5, made of the store's id"
    toluca, joplin = zones["Toluca"], zones["Joplin"]
    assert (toluca["edgeCloudZoneStatus"], toluca["countryCode"]) == ("inactive", "MX")
    assert (joplin["edgeCloudZoneStatus"], joplin["edgeCloudRegion"]) == ("active", "Four-States")


# -- deployments -------------------------------------------------------------------------------------------------------


def test_a_deployment_spreads_an_app_and_its_list_of_zones_is_replaced_whole(world: World) -> None:
    app, before = world.app(), leases(world)
    deployment = world.deployment(app, "wm-2", "wm-100")
    path = f"/deployments/{deployment}"
    found = world.eam("GET", path)
    assert found["edgeCloudZones"] == [world.zone("wm-2"), world.zone("wm-100")]
    former = dict(zip(found["edgeCloudZones"], found["appInstances"], strict=True))
    wanted = {"edgeCloudZones": [world.zone("wm-100"), world.zone("wm-3")]}
    changed = world.eam("PATCH", path, wanted, Content_Type=PATCH)
    assert changed["edgeCloudZones"] == wanted["edgeCloudZones"]
    assert changed["appInstances"][0] == former[world.zone("wm-100")], "what stays is not started anew"
    assert_fault(world.call(EAM, "GET", f"/app-instances/{former[world.zone('wm-2')]}"), 404, "NOT_FOUND")
    assert_fault(world.call(EAM, "DELETE", f"/apps/{app}"), 409, "INCOMPATIBLE_STATE")
    assert deployment in [one["appDeploymentId"] for one in world.eam("GET", f"/deployments?appId={app}")]
    world.eam("DELETE", path)
    assert_fault(world.call(EAM, "GET", path), 404, "NOT_FOUND")
    assert leases(world).keys() == before.keys()


def test_a_deployment_is_in_all_of_its_zones_or_in_none(world: World) -> None:
    before, zones = leases(world), [world.zone("wm-2"), world.zone("wm-4")]
    app = world.app()
    body = {"appDeploymentName": world.name("Half"), "appId": app, "edgeCloudZones": zones}
    assert_fault(world.call(EAM, "POST", "/deployments", body), 409, "MAILLAGE.NO_CAPACITY")
    assert world.eam("GET", f"/deployments?appId={app}") == world.eam("GET", f"/app-instances?appId={app}") == []
    assert leases(world).keys() == before.keys()
    deployment = world.deployment(app, "wm-2")
    response = world.call(EAM, "PATCH", f"/deployments/{deployment}", {"edgeCloudZones": zones}, Content_Type=PATCH)
    assert_fault(response, 409, "MAILLAGE.NO_CAPACITY")
    assert world.eam("GET", f"/deployments/{deployment}")["edgeCloudZones"] == [world.zone("wm-2")]
    world.eam("DELETE", f"/deployments/{deployment}")


def test_a_deployment_s_name_is_the_tenant_s_only_one(world: World) -> None:
    app = world.app()
    first, second = world.deployment(app), world.deployment(app)
    name = world.eam("GET", f"/deployments/{first}")["appDeploymentName"]
    body = {"appDeploymentName": name, "appId": app, "edgeCloudZones": []}
    assert_fault(world.call(EAM, "POST", "/deployments", body), 409, "ALREADY_EXISTS")
    change = {"appDeploymentName": name}
    response = world.call(EAM, "PATCH", f"/deployments/{second}", change, Content_Type=PATCH)
    assert_fault(response, 409, "ALREADY_EXISTS")
    for deployment in (first, second):
        world.eam("DELETE", f"/deployments/{deployment}")


@pytest.mark.parametrize(
    "change", [{"edgeCloudZones": [stranger()]}, {"appDeploymentName": None}, {"appId": stranger()}]
)
def test_a_change_that_can_not_be_is_400(world: World, change: dict[str, Any]) -> None:
    deployment = world.deployment(world.running()[0])
    response = world.call(EAM, "PATCH", f"/deployments/{deployment}", change, Content_Type=PATCH)
    assert_fault(response, 400, "INVALID_ARGUMENT")
    twice = {"edgeCloudZones": [world.zone(), world.zone()]}
    response = world.call(EAM, "PATCH", f"/deployments/{deployment}", twice, Content_Type=PATCH)
    assert_fault(response, 400, "INVALID_ARGUMENT")
    world.eam("DELETE", f"/deployments/{deployment}")
