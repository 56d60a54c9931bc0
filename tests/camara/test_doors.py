"""What all of the APIs have in common: correlators, keys, scopes, addresses, methods, types, sizes."""

import json
from typing import Any

import httpx
import pytest

from tests.camara.world import ROOTS, World

SIMPLE, MANAGEMENT = "simple-edge-discovery", "edge-application-management"
CLOSEST = "/retrieve-closest-edge-cloud-zone"


def assert_fault(response: httpx.Response, status: int, code: str) -> str:
    """The one shape of everything that goes wrong; its message."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    document = response.json()
    assert set(document) == {"status", "code", "message"}
    assert (document["status"], document["code"]) == (status, code), document
    return str(document["message"])


@pytest.mark.parametrize(
    "correlator", ["b4333c46-49c0-4f62-80d7-f0ef930f1c46", "a_b:c;d./<e>{f}-9", "x" * 256], ids=len
)
def test_a_correlator_comes_back_whatever_is_answered(world: World, correlator: str) -> None:
    for path in (CLOSEST, "/nowhere"):
        response = world.call(SIMPLE, "POST", path, {"device": world.device()}, x_correlator=correlator)
        assert response.headers["x-correlator"] == correlator


@pytest.mark.parametrize("correlator", ["a b", "a,bc", "x" * 257, "(1)cd"], ids=len)
def test_a_correlator_that_can_not_be_is_refused_and_not_repeated(world: World, correlator: str) -> None:
    response = world.call(SIMPLE, "POST", CLOSEST, {"device": world.device()}, x_correlator=correlator)
    assert "x-correlator" in assert_fault(response, 400, "INVALID_ARGUMENT")
    assert response.headers["x-correlator"] != correlator


def test_without_a_correlator_one_is_made(world: World) -> None:
    made = {world.call(MANAGEMENT, "GET", "/apps").headers["x-correlator"] for _ in range(3)}
    assert len(made) == 3 and all(len(one) == 36 for one in made)


def test_a_missing_and_a_wrong_key_are_told_in_camara_s_words(world: World) -> None:
    for authorization in ("", "Bearer wrong", "Basic eDp5"):
        response = world.call(MANAGEMENT, "GET", "/apps", Authorization=authorization)
        assert_fault(response, 401, "UNAUTHENTICATED")
        assert response.headers["www-authenticate"] == "Bearer"
    assert world.client.get("/v1/leases").headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("api", sorted(ROOTS))
def test_unknown_addresses_and_methods_are_told_in_camara_s_words(world: World, api: str) -> None:
    assert_fault(world.call(api, "GET", "/nowhere"), 404, "NOT_FOUND")
    assert_fault(world.call(api, "GET", ""), 404, "NOT_FOUND")
    path = {
        MANAGEMENT: "/apps",
        SIMPLE: CLOSEST,
        "optimal-edge-discovery": "/regions",
        "application-endpoint-discovery": "/retrieve-optimal-app-endpoints",
        "application-profiles": "/application-profiles",
    }[api]
    assert_fault(world.call(api, "PUT", path), 405, "METHOD_NOT_ALLOWED")


def test_versions_of_the_release_plans_are_served_too(world: World) -> None:
    headers = {"Authorization": f"Bearer {world.key}"}
    for path in ("/edge-application-management/v0.1/apps", "/optimal-edge-discovery/v0.2/regions"):
        assert world.client.get(path, headers=headers).status_code == 200
    body = {"device": world.device()}
    assert world.client.post(f"/simple-edge-discovery/v2{CLOSEST}", json=body, headers=headers).status_code == 200


NO_DOCUMENTS = [b"{", b"[1", b'{"device": 5}', b"\xff", b"null", b"[" * 5_000, b'{"device": null}']


@pytest.mark.parametrize("content", NO_DOCUMENTS, ids=range(len(NO_DOCUMENTS)))
def test_a_body_that_is_no_such_document_is_400(world: World, content: bytes) -> None:
    headers = {"Authorization": f"Bearer {world.key}", "Content-Type": "application/json"}
    response = world.client.post(ROOTS[SIMPLE] + CLOSEST, content=content, headers=headers)
    assert_fault(response, 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("place", ["", "device", "device.ipv4Address"])
def test_an_undeclared_property_is_refused_at_any_depth(world: World, place: str) -> None:
    body: dict[str, Any] = {"device": world.device()}
    inner = body
    for part in place.split(".") if place else ():
        inner = inner[part]
    inner["colour"] = "red"
    assert "colour" in assert_fault(world.call(SIMPLE, "POST", CLOSEST, body), 400, "INVALID_ARGUMENT")


def test_another_type_and_another_answer_than_json_are_refused(world: World) -> None:
    body = {"device": world.device()}
    for kind in ("text/plain", "application/xml"):
        response = world.call(SIMPLE, "POST", CLOSEST, body, Content_Type=kind)
        assert_fault(response, 415, "UNSUPPORTED_MEDIA_TYPE")
    with_charset = world.call(SIMPLE, "POST", CLOSEST, body, Content_Type="application/json; charset=utf-8")
    assert with_charset.status_code == 200
    for accepted in ("text/html", "application/json;q=0"):
        assert_fault(world.call(SIMPLE, "POST", CLOSEST, body, Accept=accepted), 406, "NOT_ACCEPTABLE")
    for accepted in ("text/html, application/*;q=0.2", "*/*"):
        assert world.call(SIMPLE, "POST", CLOSEST, body, Accept=accepted).status_code == 200


def test_a_change_of_a_deployment_is_a_merge_patch(world: World) -> None:
    deployment = world.deployment(world.running()[0])
    path, body = f"/deployments/{deployment}", {"appDeploymentName": world.name("Other")}
    assert_fault(world.call(MANAGEMENT, "PATCH", path, body), 415, "UNSUPPORTED_MEDIA_TYPE")
    patched = world.call(MANAGEMENT, "PATCH", path, body, Content_Type="application/merge-patch+json")
    assert patched.json()["appDeploymentName"] == body["appDeploymentName"]
    world.eam("DELETE", path)


def test_a_body_above_a_mebibyte_is_refused(world: World) -> None:
    body = {"device": {"networkAccessIdentifier": "x" * (1 << 20)}}
    assert_fault(world.call(SIMPLE, "POST", CLOSEST, body), 400, "INVALID_ARGUMENT")

    def pieces() -> Any:
        for _ in range(20):
            yield b" " * (1 << 16)

    headers = {"Authorization": f"Bearer {world.key}", "Content-Type": "application/json"}
    response = world.client.post(ROOTS[SIMPLE] + CLOSEST, content=pieces(), headers=headers)
    assert_fault(response, 400, "INVALID_ARGUMENT")


def test_a_token_opens_what_its_scopes_name_and_nothing_else(world: World) -> None:
    token = f"Bearer {world.token({'edge-application-management:apps:read'})}"
    assert world.call(MANAGEMENT, "GET", "/apps", Authorization=token).status_code == 200
    for method, path in (("GET", "/app-instances"), ("GET", "/edge-cloud-zones"), ("DELETE", "/apps/x")):
        told = assert_fault(world.call(MANAGEMENT, method, path, Authorization=token), 403, "PERMISSION_DENIED")
        assert "scope edge-application-management:" in told


def test_a_token_without_a_role_here_is_403(world: World) -> None:
    token = f"Bearer {world.token(set(), roles=[])}"
    assert_fault(world.call(MANAGEMENT, "GET", "/apps", Authorization=token), 403, "PERMISSION_DENIED")


def test_a_key_above_its_rate_is_told_when_to_come_back(world: World) -> None:
    world.own("POST", "/v1/tenants", {"id": "hasty_tenant"})
    key = world.own("POST", "/v1/tenants/hasty_tenant/keys", {"per_s": 0.001, "burst": 1})["key"]
    header = f"Bearer {key}"
    assert world.call(MANAGEMENT, "GET", "/apps", Authorization=header).status_code == 200
    response = world.call(MANAGEMENT, "GET", "/apps", Authorization=header)
    assert_fault(response, 429, "TOO_MANY_REQUESTS")
    assert int(response.headers["retry-after"]) > 1


@pytest.mark.parametrize("query", ["page=0", "page=x", "perPage=0", "perPage=101", "countryCode=us", "status=asleep"])
def test_a_page_that_can_not_be_is_400(world: World, query: str) -> None:
    assert_fault(world.call(MANAGEMENT, "GET", f"/edge-cloud-zones?{query}"), 400, "INVALID_ARGUMENT")


def test_pages_of_zones_are_linked(world: World) -> None:
    listed = [zone["edgeCloudZoneId"] for zone in world.zones()]
    pages = []
    for page in (1, 2, 3):
        path = f"/edge-cloud-zones?countryCode=US&page={page}&perPage=2"
        response = world.call(MANAGEMENT, "GET", path)
        pages.append(response)
        expected = {"page": page, "perPage": 2, "totalCount": 3, "totalPages": 2}
        assert response.json()["pagination"] == expected
        assert (response.headers["x-total-count"], response.headers["x-total-pages"]) == ("3", "2")
    shown = [zone["edgeCloudZoneId"] for page in pages for zone in page.json()["edgeCloudZones"]]
    assert len(shown) == 3 and set(shown) < set(listed)
    assert {rel: _links(page)[rel] for page in pages[:1] for rel in _links(page)}.keys() == {"first", "next", "last"}
    assert _links(pages[1]).keys() == {"first", "prev", "last"}
    assert _links(pages[2])["prev"] == _links(pages[2])["last"], "beyond the last page there is a way back"
    headers = {"Authorization": f"Bearer {world.key}"}
    followed = world.client.get(_links(pages[0])["next"], headers=headers)
    assert followed.json() == pages[1].json()


def _links(response: httpx.Response) -> dict[str, str]:
    return {str(rel): str(link["url"]) for rel, link in response.links.items()}


def test_no_message_is_longer_than_the_schema_allows(world: World) -> None:
    body = json.loads(json.dumps({"device": {"phoneNumber": "+" + "9" * 20_000}}))
    assert len(assert_fault(world.call(SIMPLE, "POST", CLOSEST, body), 400, "INVALID_ARGUMENT")) <= 512
