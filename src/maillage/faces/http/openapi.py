"""The OpenAPI 3.1 description: Litestar's own, completed by the two routes that it does not see, and by what holds
for all of them (the key, the problems)."""

from typing import Any

import msgspec
from litestar.openapi.config import OpenAPIConfig

import maillage
from maillage.faces.http.hot import BatchDocument, BatchResults
from maillage.kernel.documents import AskDocument, LeaseDocument, LeasesGrantedDocument
from maillage.services.compute.names import REFERENCE_MAX

_PUBLIC = ("/healthz", "/readyz", "/problems", "/enrol")
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. Further members carry the facts; /problems lists all types.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Repeat a request with the same key and body, and it is granted once; remembered for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
_ALSO_ANSWERED = {
    "/v1/devices/{device}/readings": ("text/csv",),
    "/v1/haccp/{site}": ("text/csv", "application/pdf"),
    "/v1/roofs": ("application/geo+json",),
    "/v1/roofs/{site}": ("application/geo+json",),
    "/v1/sites/{site}/roof": ("application/geo+json",),
}
"""What ``format`` may ask for beside JSON."""
_STREAMED = {
    "/v1/sites/import": {
        "text/csv": {"schema": {"type": "string"}},
        "application/geo+json": {"schema": {"type": "object"}},
    },
    "/v1/devices/import": {"text/csv": {"schema": {"type": "string"}}},
    "/v1/population": {"text/csv": {"schema": {"type": "string"}}},
    "/v1/roof-leases/{lease}/documents": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    "/v1/apps/{app}/versions": {
        "application/wasm": {"schema": {"type": "string", "format": "binary"}},
        "application/x-tar": {"schema": {"type": "string", "format": "binary"}},
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["reference"],
                "additionalProperties": False,
                "properties": {"reference": {"type": "string", "minLength": 1, "maxLength": REFERENCE_MAX}},
            }
        },
    },
}
"""What the bodies are that Litestar does not decode, by address."""

CONFIG = OpenAPIConfig(
    title="Maillage",
    version=maillage.__version__,
    description="Capacity of any kind, at a site, over time: found by proximity, leased as one, never oversold.",
    create_examples=False,
)


def completed(description: dict[str, Any]) -> dict[str, Any]:
    """The description with the hot routes, one schema for each document, the key, and the problems."""
    description = _any_of(description)
    documents = [AskDocument, LeaseDocument, LeasesGrantedDocument, BatchDocument, BatchResults]
    _, components = msgspec.json.schema_components(documents, ref_template="#/components/schemas/{name}")
    schemas = {**description.get("components", {}).get("schemas", {}), **components, "Problem": _PROBLEM}
    paths: dict[str, Any] = {path: dict(item) for path, item in description["paths"].items()}
    leases = _hot("lease", "AskDocument", "201", "LeaseDocument", "LeasesGrantedDocument")
    paths["/v1/leases"] = {**paths.get("/v1/leases", {}), "post": leases}
    paths["/v1/leases/batch"] = {"post": _hot("lease_batch", "BatchDocument", "200", "BatchResults")}
    for path, item in paths.items():
        for method, operation in item.items():
            if method in ("get", "put", "post", "patch", "delete"):
                item[method] = _with_problems(operation, public=path in _PUBLIC)
    for path, content in _STREAMED.items():
        if path in paths:
            method = "post" if "post" in paths[path] else "put"
            paths[path][method]["requestBody"] = {"required": True, "content": content}
    for path, types in _ALSO_ANSWERED.items():
        content = paths[path]["get"]["responses"]["200"]["content"]
        content.update({each: {"schema": {"type": "object" if each.endswith("json") else "string"}} for each in types})
    return {
        **description,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _any_of(part: Any) -> Any:
    """Litestar writes unions as ``oneOf``; but 64 is an integer and a number, and must fit all the same."""
    if isinstance(part, dict):
        return {"anyOf" if name == "oneOf" else name: _any_of(value) for name, value in part.items()}
    return [_any_of(value) for value in part] if isinstance(part, list) else part


def _hot(name: str, body: str, status: str, *answers: str) -> dict[str, Any]:
    reference = "#/components/schemas/"
    schemas = [{"$ref": reference + answer} for answer in answers]
    return {
        "operationId": name,
        "summary": "Lease capacity: all needs at one site, or at each of several sites, or nothing"
        if name == "lease"
        else "Many asks in one request, each granted or refused by itself",
        "parameters": [_IDEMPOTENCY_KEY],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": reference + body}}}},
        "responses": {
            status: {
                "description": "Granted: a lease, or the leases of an ask for several sites (by `count` or `sites`)"
                if name == "lease"
                else "A result for each ask, in order",
                "content": {"application/json": {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}},
            }
        },
    }


def _with_problems(operation: dict[str, Any], public: bool) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    good = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}
    changed = {**operation, "responses": {**good, "default": {"description": "A problem", "content": problem}}}
    if public:
        changed["security"] = []
    return changed
