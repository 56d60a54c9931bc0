"""One scenario's request, or several that differ in one thing, and what was answered."""

import json
from collections.abc import Callable
from typing import Any

import httpx

from tests.camara import schemas
from tests.camara.world import World

NONE: Any = object()
"""A body that is not sent at all."""
OWN_ID: Any = "the id in the path"
"""Stands in a body for the id of what the request is about."""
MISFITS: dict[str, Any] = {
    "phoneNumber": "foobar",
    "ipv4Address": {"publicAddress": "foobar"},
    "ipv6Address": "foobar",
    "networkAccessIdentifier": 5,
}
"""Values that no identifier of a device can have."""


class Exchange:
    """What is sent is put together by the steps and sent when the first of them asks for the answer. While ``fits`` it
    must be as the file says, before it is sent."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.resource = ""
        self.operation_id = ""
        self.headers: dict[str, str] = {}
        self.given: dict[str, str | None] = {}
        self.runs = False
        self.changes: list[Callable[[Any], Any]] = []
        self.variants: list[Callable[[Any], Any]] = []
        self.fits = True
        self.submitted: dict[str, Any] = {}
        self.sent: Any = None
        self._answers: list[httpx.Response] = []

    @property
    def api(self) -> schemas.Api:
        return schemas.api_at(self.resource)

    @property
    def operation(self) -> schemas.Operation:
        return self.api.operations[self.operation_id]

    @property
    def answers(self) -> list[httpx.Response]:
        """At least one; to every variant of the request there is one."""
        if not self._answers:
            for variant in self.variants or [lambda body: body]:
                self._answers.append(self._send(variant))
        return self._answers

    @property
    def documents(self) -> list[Any]:
        return [answer.json() for answer in self.answers]

    @property
    def document(self) -> Any:
        (document,) = self.documents
        return document

    def change(self, name: str, value: Any) -> None:
        """Set a property of the body, by its path."""
        self.changes.append(lambda body: _with(body, name.removeprefix("$.").split("."), value))

    def drop(self, name: str) -> None:
        self.changes.append(lambda body: {key: value for key, value in body.items() if key != name})

    def parameter(self, name: str, value: str | None) -> None:
        """A parameter of the path where the operation has it there, else of the query; None for one that is there."""
        self.given[name] = value

    def _send(self, variant: Callable[[Any], Any]) -> httpx.Response:
        operation, body = self.operation, NONE
        if operation.body_schema is not None:
            body = default_body(self.world, self.operation_id)
            for change in [*self.changes, variant]:
                body = NONE if body is NONE else change(body)
        for name in {*_parts(operation.template), *self.given}:
            self.given[name] = self.given.get(name) or default_id(self.world, self.operation_id, name, self.runs)
        parts = {name: str(value) for name, value in self.given.items() if f"{{{name}}}" in operation.template}
        query = {name: str(value) for name, value in self.given.items() if name not in parts}
        if isinstance(body, dict) and body.get("applicationProfileId") is OWN_ID:
            body = {**body, "applicationProfileId": parts["applicationProfileId"]}
        if self.fits:
            places = {"path": parts, "query": query, "header": self.headers}
            operation.require_request(places, None if body is NONE else body)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "content-type"}
        if body is not NONE:
            headers["content-type"] = operation.content_type
        self.sent = body
        answer = self.world.client.request(
            operation.method,
            self.api.root + operation.template.format(**parts),
            params=query or None,
            headers=headers,
            content=None if body is NONE else json.dumps(body),
        )
        operation.require_answer(answer.status_code, answer.headers, answer.content)
        assert answer.headers["x-correlator"], "the correlator is always there"
        return answer


def default_body(world: World, operation_id: str) -> Any:
    """A body that would do."""
    if operation_id == "submitApp":
        return world.manifest()
    if operation_id == "createAppInstance":
        return {"name": world.name("counter"), "appId": world.running()[0], "edgeCloudZoneId": world.zone()}
    if operation_id == "createAppDeployment":
        return {
            "appDeploymentName": world.name("Spread"),
            "appId": world.running()[0],
            "edgeCloudZones": [world.zone()],
        }
    if operation_id == "updateAppDeployment":
        return {"appDeploymentName": world.name("Spread")}
    if operation_id == "readClosestEdgeCloudZone":
        return {"device": world.device()}
    if operation_id == "discoverOptimalEdge":
        return {"device": world.device(), "applicationProfileId": world.profile()}
    if operation_id == "getOptimalAppEndpoints":
        return {"device": world.device(), "appId": world.running()[0]}
    thresholds = {"packetDelayBudget": {"value": 12, "unit": "Milliseconds"}, "packetLossErrorRate": 3}
    wanted: dict[str, Any] = {"networkQualityThresholds": thresholds, "computeResources": {"targetMinCPU": 0.5}}
    if operation_id == "updateApplicationProfile":
        wanted["applicationProfileId"] = OWN_ID
    return wanted


def default_id(world: World, operation_id: str, name: str, runs: bool) -> str:
    """Of something that is there; of its own for what will delete it. ``runs`` where instances of an app are to run."""
    if name == "appDeploymentId":
        return world.deployment(world.running()[0])
    if name == "applicationProfileId":
        return world.profile()
    if name in ("region", "edgeCloudRegion"):
        return "Ozarks"
    if name == "appInstanceId" and operation_id == "deleteAppInstance":
        return str(world.instance(world.running()[0])["appInstanceId"])
    if name == "appId" and operation_id == "deleteApp" and not runs:
        return world.app()
    app, instance = world.running()
    return {"appId": app, "appInstanceId": instance}[name]


def _parts(template: str) -> list[str]:
    return [part[1:-1] for part in template.split("/") if part.startswith("{")]


def _with(body: Any, names: list[str], value: Any) -> Any:
    whole = dict(body) if isinstance(body, dict) else {}
    first, *rest = names
    whole[first] = _with(whole.get(first, {}), rest, value) if rest else value
    return whole
