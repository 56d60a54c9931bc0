"""The description of the API is valid and complete, and holds against requests that nobody would think of.

Schemathesis makes requests from the description, right ones and wrong ones, and each answer is checked against it:
never a 5xx, and only the statuses, types and documents that are described.
"""

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.e2e.server import Client
from tests.fuzz.conftest import Fuzzed

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
STREAM = "/v1/events"
"""Never ends, so it is not fuzzed."""
CONTRACT = """
GET /healthz
GET /readyz
GET /v1/kinds
GET /v1/sites
GET /v1/sites/{}
PUT /v1/sites/{}
POST /v1/sites/import
GET /v1/sites/{}/capacity
PUT /v1/sites/{}/capacity/{}
POST /v1/offers
POST /v1/leases
POST /v1/leases/batch
GET /v1/leases
GET /v1/leases/{}
POST /v1/leases/{}/confirm
POST /v1/leases/{}/extend
POST /v1/leases/{}/release
GET /v1/tenants
POST /v1/tenants
POST /v1/tenants/{}/keys
DELETE /v1/keys/{}
GET /v1/usage
GET /v1/invoices/{}
GET /v1/events
"""


@pytest.fixture(scope="module")
def description(fuzzed: Fuzzed) -> dict[str, Any]:
    with Client(fuzzed.server.port) as client:
        described: dict[str, Any] = client.ok("GET", "/openapi.json")
    return described


def operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in description["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def references(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        if isinstance(document.get("$ref"), str):
            yield document["$ref"]
        for value in document.values():
            yield from references(value)
    elif isinstance(document, list):
        for value in document:
            yield from references(value)


def schemas(document: Any, under: str = "") -> Iterator[dict[str, Any]]:
    if isinstance(document, dict):
        if under == "schema":
            yield document
        for name, value in document.items():
            yield from schemas(value, name)
    elif isinstance(document, list):
        for value in document:
            yield from schemas(value)


# -- the description itself --------------------------------------------------------------------------------------------


def test_the_description_lists_every_route_of_the_contract(description: dict[str, Any]) -> None:
    described = set()
    for method, path, _ in operations(description):
        parts = ["{}" if part.startswith("{") else part for part in path.split("/")]
        described.add(f"{method.upper()} {'/'.join(parts)}")
    assert set(CONTRACT.split("\n")) - {""} <= described


def test_the_description_has_what_openapi_3_1_demands(description: dict[str, Any]) -> None:
    assert description["openapi"].startswith("3.1.")
    assert description["info"]["title"] and description["info"]["version"]
    ids = [operation["operationId"] for _, _, operation in operations(description)]
    assert len(ids) == len(set(ids))
    for method, path, operation in operations(description):
        assert method in ("get", "put", "post", "patch", "delete"), (method, path)
        assert operation["summary"] and operation["responses"], path
        assert all(answer["description"] for answer in operation["responses"].values()), path
        named = {part[1:-1] for part in path.split("/") if part.startswith("{")}
        parameters = operation.get("parameters", [])
        assert {one["name"] for one in parameters if one["in"] == "path"} == named, path
        assert all(one["required"] for one in parameters if one["in"] == "path"), path
        assert all(one["in"] in ("path", "query", "header") and "schema" in one for one in parameters), path
        assert ("requestBody" in operation) <= (method in ("put", "post", "patch")), path
        open_to_all = operation.get("security") == []
        assert open_to_all != path.startswith("/v1"), path
    used = {name for each in description["security"] for name in each}
    assert used <= description["components"]["securitySchemes"].keys()


def test_every_reference_leads_somewhere(description: dict[str, Any]) -> None:
    found = set(references(description))
    assert found
    for reference in found:
        assert reference.startswith("#/"), reference
        place: Any = description
        for part in reference[2:].split("/"):
            place = place[part.replace("~1", "/").replace("~0", "~")]
        assert isinstance(place, dict)


def test_every_schema_is_one_of_json_schema_2020_12(description: dict[str, Any]) -> None:
    components = description["components"]["schemas"]
    for schema in [*components.values(), *schemas(description["paths"])]:
        jsonschema_rs.Draft202012Validator(schema | {"components": {"schemas": components}})


def test_the_examples_of_the_contract_fit_the_description(description: dict[str, Any]) -> None:
    components = {"components": {"schemas": description["components"]["schemas"]}}
    ask = jsonschema_rs.Draft202012Validator({"$ref": "#/components/schemas/AskDocument"} | components)
    near = {"near": {"lat": 36.37, "lon": -94.21, "within_km": 25, "within_ms": 15}}
    for place in ({"site": "wm-100"}, near, near | {"count": 20}, {"sites": ["wm-100", "wm-101"]}):
        body = {
            "needs": {"cpu": 4, "memory": 16},
            "start": "2026-12-01T08:00:00Z",
            "end": "2026-12-01T20:00:00Z",
            **place,
        }
        ask.validate(body | {"class": "firm", "max_price": "12.50", "attributes": {"has_clinic": True}, "hold_s": 600})
        assert not ask.is_valid(body | {"colour": "red"})
    plan = jsonschema_rs.Draft202012Validator({"$ref": "#/components/schemas/CapacityPlanDocument"} | components)
    plan.validate(
        {"size": 64, "from": "2026-12-01T08:00:00Z", "notice_s": 30, "calendar": {"mon": [["08:00", "20:00"]]}}
    )


# -- the description against the server --------------------------------------------------------------------------------


@pytest.mark.parametrize("examples", [pytest.param(6, id="some"), pytest.param(25, id="many", marks=pytest.mark.long)])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@pytest.mark.parametrize("who", ["operator", pytest.param("tenant", marks=pytest.mark.long), "nobody"])
def test_whatever_is_asked_the_answer_is_one_that_is_described(
    fuzzed: Fuzzed, description: dict[str, Any], who: str, mode: GenerationMode, examples: int
) -> None:
    key = fuzzed.keys[who]
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    known = fuzzed.known()
    for found in schemathesis.openapi.from_dict(description).exclude(path=STREAM).get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=examples if who != "nobody" else 2,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), at_known=st.sets(st.sampled_from(sorted(known))))
        def one(case: Case, at_known: set[str]) -> None:
            for name in at_known & case.path_parameters.keys():
                case.path_parameters[name] = known[name]
            response = case.call(base_url=fuzzed.url, headers=headers, timeout=20)
            case.validate_response(response, checks=CHECKS)
            if who == "nobody" and case.path.startswith("/v1"):
                assert response.status_code in (401, 429), "without a key, and soon too often without one"

        with suppress(Unsatisfiable) if mode is GenerationMode.NEGATIVE else nullcontext():
            one()  # nothing can be wrong about /healthz
