"""CAMARA's own files: which operations there are, and whether a request or an answer is as they say."""

import json
import os
import re
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from tests.shared_data import SHARED

FOLDER = Path(os.environ.get("MAILLAGE_CAMARA_DIR") or SHARED / "standards" / "camara")
ABSENT = f"needs CAMARA's files in {FOLDER.name} (MAILLAGE_CAMARA_DIR names a folder that has them)"
CODE_MAX, MESSAGE_MAX = 96, 512
_NO_MEANING = {"example", "examples", "description", "discriminator", "title", "xml", "externalDocs"}


class Operation:
    """One of a file's; ``template`` is its path below the API's root."""

    def __init__(self, api: "Api", template: str, method: str, said: dict[str, Any]) -> None:
        self.api = api
        self.template = template
        self.method = method.upper()
        self.said = said
        self.id: str = said["operationId"]
        self.scope: str = said["security"][0]["openId"][0]

    @property
    def content_type(self) -> str:
        return next(iter(self.said.get("requestBody", {}).get("content", {"application/json": None})))

    @property
    def body_schema(self) -> Any:
        content = self.said.get("requestBody", {}).get("content", {})
        return content[self.content_type]["schema"] if content else None

    @property
    def query_names(self) -> set[str]:
        return {one["name"] for one in self.said.get("parameters", []) if one["in"] == "query"}

    def require_request(self, places: Mapping[str, Mapping[str, str]], body: Any) -> None:
        """Every parameter, by its place, and the body are as the file says."""
        for one in self.said.get("parameters", []):
            given = places[one["in"]].get(one["name"])
            assert given is not None or not one.get("required"), f"{self.id} needs {one['name']}"
            if given is not None:
                number = one["schema"].get("type") == "integer"
                require(int(given) if number else given, one["schema"], f"{self.id} {one['name']}")
        if self.body_schema is not None:
            require(body, self.body_schema, f"the request of {self.id}")

    def require_answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        """The answer is one of those that the file has, or at least an error in CAMARA's shape."""
        known = self.said["responses"].get(str(status))
        if status >= 400:
            assert headers["content-type"] == "application/json"
            require_error(status, json.loads(content))
        else:
            assert known is not None, f"{self.id} has no answer {status}"
        if known is None:
            return
        for name, said in known.get("headers", {}).items():
            value = headers.get(name.lower())
            assert value is not None or not said.get("required"), f"{self.id} {status} lacks the header {name}"
            if value is not None:
                number = said["schema"].get("type") == "integer"
                require(int(value) if number else value, said["schema"], f"{self.id} {status} {name}")
        for kind, said in known.get("content", {}).items():
            assert headers["content-type"].split(";")[0] == kind
            if not (status == 409 and json.loads(content)["code"].startswith("MAILLAGE.")):
                require(json.loads(content), said["schema"], f"{self.id} {status}")


class Api:
    """A file, with what it refers to put in its place."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self.document = _resolved(path, _file(path), ())
        url: str = self.document["servers"][0]["url"]
        self.root = url.removeprefix("{apiRoot}")

    @cached_property
    def operations(self) -> dict[str, Operation]:
        found = {}
        for template, methods in self.document["paths"].items():
            for method, said in methods.items():
                found[said["operationId"]] = Operation(self, template, method, said)
        return found

    def schema(self, pointer: str) -> Any:
        """What a step points to (``#/components/schemas/X``, sometimes the bare ``X``), here or in the file that all
        share; of a response its document."""
        parts = pointer.removeprefix("#").strip("/").split("/")
        parts = parts if len(parts) > 1 else ["components", "schemas", parts[0]]
        found = _at(self.document, parts) or _at(_common(), parts)
        assert found is not None, f"neither {self.name} nor the common file has {pointer}"
        return found["content"]["application/json"]["schema"] if "content" in found else found


@lru_cache(maxsize=1)
def apis() -> dict[str, Api]:
    """By name."""
    return {path.stem: Api(path) for path in sorted((FOLDER / "API_definitions").glob("*.yaml"))}


def api_at(resource: str) -> Api:
    """The API below whose root an address is."""
    return next(api for api in apis().values() if resource.startswith(api.root))


def require(value: Any, schema: Any, what: str) -> None:
    faults = problems(value, schema)
    assert not faults, f"{what}: {'; '.join(faults[:3])} in {json.dumps(value)[:400]}"


def problems(value: Any, schema: Any) -> list[str]:
    checker = _checker(json.dumps(schema, sort_keys=True, default=str))
    return [f"{one.message} at {'/'.join(map(str, one.instance_path))}" for one in checker.iter_errors(value)]


def require_error(status: int, document: Any) -> None:
    assert set(document) == {"status", "code", "message"}, document
    assert document["status"] == status
    assert 0 < len(document["code"]) <= CODE_MAX and 0 < len(document["message"]) <= MESSAGE_MAX


@lru_cache(maxsize=256)
def _checker(schema: str) -> Any:
    return jsonschema_rs.Draft4Validator(json.loads(schema), validate_formats=True, formats={"uuid": _is_uuid})


def _is_uuid(value: str) -> bool:
    return re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value) is not None


@lru_cache(maxsize=1)
def _common() -> Any:
    path = FOLDER / "common" / "CAMARA_common.yaml"
    return _resolved(path, _file(path), ())


def _at(document: Any, parts: list[str]) -> Any:
    for part in parts:
        document = document.get(part) if isinstance(document, dict) else None
    return document


@lru_cache(maxsize=16)
def _file(path: Path) -> Any:
    return yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _resolved(path: Path, node: Any, above: tuple[str, ...]) -> Any:
    """A node of the file at a path with every reference replaced by what it points to, within and without."""
    if isinstance(node, list):
        return [_resolved(path, one, above) for one in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("$ref"), str):
        file, _, pointer = node["$ref"].partition("#")
        target = (path.parent / file).resolve() if file else path
        name = f"{target.name}#{pointer}"
        assert name not in above, f"{name} refers to itself"
        found = _file(target)
        for part in pointer.strip("/").split("/"):
            found = found[part]
        return _resolved(target, found, (*above, name))
    # ``additionalProperties: false`` on a text, and ``format: integer``, are slips of the files that mean nothing.
    return {
        name: _resolved(path, value, above)
        for name, value in node.items()
        if name not in _NO_MEANING or (isinstance(value, dict) and name in ("title", "description"))
    }
