"""What the door itself turns away: bodies too large or of the wrong type, wrong methods and addresses, what breaks."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from maillage.faces.http.gate import BODY_MAX, SITE_FILE_MAX
from maillage.faces.problems import catalogue
from maillage.kernel.owner import OwnerOffice
from tests.unit.faces.http.api import Api, ask, assert_problem

JSON = {"Content-Type": "application/json"}
CSV = {"Content-Type": "text/csv"}
DOCUMENT_ROUTES = [
    ("POST", "/v1/leases"),
    ("POST", "/v1/leases/batch"),
    ("POST", "/v1/offers"),
    ("POST", "/v1/leases/wm-1~1/extend"),
    ("POST", "/v1/leases/wm-1~1/measurements"),
    ("PUT", "/v1/sites/wm-1"),
    ("PUT", "/v1/sites/wm-1/capacity/cpu"),
    ("PUT", "/v1/kinds/cpu"),
    ("PUT", "/v1/prices"),
    ("POST", "/v1/tenants"),
    ("POST", "/v1/tenants/operator/keys"),
]


async def in_chunks(body: bytes, size: int = 1 << 16) -> AsyncIterator[bytes]:
    """A body whose length is not announced."""
    for at in range(0, len(body), size):
        yield body[at : at + size]


@pytest.mark.parametrize(("method", "path"), DOCUMENT_ROUTES)
def test_more_than_a_mebibyte_is_413_announced_or_not(refusing: Api, method: str, path: str) -> None:
    body = b" " * (BODY_MAX + 1)
    announced = refusing.call(method, path, content=body, headers=JSON)
    assert_problem(announced, 413, "too-large")
    assert announced.headers["connection"] == "close", "the rest of the body is not read"
    assert_problem(refusing.call(method, path, content=in_chunks(body), headers=JSON), 413, "too-large")


def test_a_mebibyte_to_the_byte_is_taken_announced_or_not(api: Api) -> None:
    body = json.dumps(ask()).encode().ljust(BODY_MAX)
    for path, status in (("/v1/leases", 201), ("/v1/offers", 200)):
        assert api.call("POST", path, content=body, headers=JSON).status_code == status
        assert api.call("POST", path, content=in_chunks(body), headers=JSON).status_code == status


def test_a_site_file_may_have_32_mebibytes(api: Api) -> None:
    row = b"id,name,lat,lon\nwm-2,Rogers,36.3,-94.1\n"
    for body in (row.ljust(SITE_FILE_MAX), in_chunks(row.ljust(SITE_FILE_MAX), 1 << 20)):
        assert api.call("POST", "/v1/sites/import", content=body, headers=CSV).status_code == 200
    over = row.ljust(SITE_FILE_MAX + 1)
    for body in (over, in_chunks(over, 1 << 20)):
        assert_problem(api.call("POST", "/v1/sites/import", content=body, headers=CSV), 413, "too-large")


@pytest.mark.parametrize(("method", "path"), DOCUMENT_ROUTES)
@pytest.mark.parametrize("kind", ["text/plain", "text/csv", "application/x-www-form-urlencoded", "json", ""])
def test_a_document_of_another_type_than_json_is_415(refusing: Api, method: str, path: str, kind: str) -> None:
    response = refusing.call(method, path, content=b"{}", headers={"Content-Type": kind} if kind else {})
    problem = assert_problem(response, 415, "wrong-type")
    assert (kind or "nothing") in problem["detail"]


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data", ""])
def test_a_site_file_of_another_type_than_csv_or_geojson_is_415(refusing: Api, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    response = refusing.call("POST", "/v1/sites/import", content=b"id,name,lat,lon\n", headers=headers)
    assert_problem(response, 415, "wrong-type")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", "application/json ;x=y"])
def test_the_type_of_a_document_may_carry_parameters(api: Api, kind: str) -> None:
    assert api.call("POST", "/v1/leases", ask(), headers={"Content-Type": kind}).status_code == 201


@pytest.mark.parametrize(("method", "path"), DOCUMENT_ROUTES[:-1])
def test_a_document_that_is_missing_is_400(refusing: Api, method: str, path: str) -> None:
    assert_problem(refusing.call(method, path), 400, "malformed")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/leases", {"GET", "POST"}),
        ("DELETE", "/v1/leases/batch", {"POST"}),
        ("PATCH", "/v1/leases/wm-1~4", {"GET"}),
        ("GET", "/v1/leases/wm-1~4/confirm", {"POST"}),
        ("DELETE", "/v1/sites/wm-1", {"GET", "PUT"}),
        ("POST", "/v1/sites/wm-1/capacity/cpu", {"PUT"}),
        ("GET", "/v1/keys/abc", {"DELETE"}),
        ("POST", "/healthz", {"GET"}),
        ("DELETE", "/openapi.json", {"GET"}),
    ],
)
def test_a_method_that_an_address_does_not_have_is_405_and_allow_lists_what_it_has(
    refusing: Api, method: str, path: str, allowed: set[str]
) -> None:
    response = refusing.call(method, path)
    assert_problem(response, 405, "wrong-method")
    assert allowed <= set(response.headers["allow"].split(", "))


@pytest.mark.parametrize("path", ["/healthz", "/v1/leases", "/v1/leases/batch", "/v1/sites/wm-1", "/nowhere"])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "BREW"])
def test_unusual_methods_break_nothing(refusing: Api, method: str, path: str) -> None:
    assert refusing.call(method, path).status_code in (200, 204, 404, 405)


@pytest.mark.parametrize(
    "path", ["/nowhere", "/v1/nowhere", "/v1", "/v1/leases/a/b/c", "/openapi.yaml", "/v1/sites/a%2Fb", "/..", "/%ff"]
)
def test_an_address_that_is_none_is_404(refusing: Api, path: str) -> None:
    assert_problem(refusing.call("GET", path), 404, "no-such-address")


@pytest.mark.parametrize(
    "path", ["/v1/sites/%00", "/v1/sites/%ff%fe", "/v1/leases/%F0%9F%9B%92", "/v1/sites/" + "x" * 5_000]
)
def test_strange_names_are_simply_not_found(refusing: Api, path: str) -> None:
    response = refusing.call("GET", path)
    assert_problem(response, 404, "not-found")
    assert len(response.content) < 1_000


def test_what_breaks_inside_is_a_problem_without_its_innards(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a secret of the house")

    for name in ("list_leases", "offers", "lease"):
        monkeypatch.setattr(OwnerOffice, name, broken)
    for method, path, body in (
        ("GET", "/v1/leases", None),
        ("POST", "/v1/offers", ask()),
        ("POST", "/v1/leases", ask()),
    ):
        response = api.call(method, path, body)
        assert_problem(response, 500, "internal")
        assert "secret" not in response.text
    assert caplog.text.count("ZeroDivisionError: a secret of the house") == 3


def test_the_health_of_a_chain(api: Api) -> None:
    assert api.ok("GET", "/healthz", key="") == {"status": "ok"}
    assert api.ok("GET", "/readyz", key="")["status"] == "ready"


def test_the_catalogue_lists_every_problem_once(api: Api) -> None:
    listed = api.ok("GET", "/problems", key="")
    slugs = [problem["slug"] for problem in listed]
    assert slugs == sorted(set(slugs)) == [problem.slug for problem in catalogue()]
    assert all(problem["help"] and 400 <= problem["status"] < 600 for problem in listed)
