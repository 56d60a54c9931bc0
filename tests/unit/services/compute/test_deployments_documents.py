"""What is asked of a deployment has to make sense: a mistake is named, and what is right is taken as it is meant."""

from typing import Any

import msgspec
import pytest

from maillage.kernel.errors import Invalid, UnknownKind
from maillage.kernel.policy import Policy
from maillage.services.compute.deployment_documents import (
    DeploymentChange,
    NewDeployment,
    placement_after,
    placement_of,
)
from maillage.services.compute.model import Health, Placement, Settings
from maillage.services.compute.settings_documents import settings_of

HERE = {"lat": 36.37, "lon": -94.21}
NEAR: dict[str, Any] = {"near": [HERE], "needs": {"cpu": 1}}


def read(**fields: Any) -> tuple[Placement, Settings]:
    document = msgspec.convert({"app": "acme.shop", **fields}, NewDeployment)
    return placement_of(document, Policy()), settings_of(document, Settings())


def test_what_is_left_out_is_as_usual() -> None:
    assert read(leases=["wm-1~1"]) == (Placement(leases=["wm-1~1"]), Settings())
    placement, _ = read(near=[HERE, HERE], needs={"cpu": "0.5", "memory": 0.25})
    assert (placement.instances, placement.needs, placement.lease_class) == (2, {"cpu": 500, "memory": 250}, "firm")


def test_everything_can_be_said() -> None:
    placement, settings = read(
        **NEAR,
        **{"class": "spot", "max_price": "0.05", "within_km": 5, "within_ms": 10, "instances": 3},
        config={"A": "1"},
        outbound=["API.example.com", "api.example.com", "10.0.0.1:80"],
        health={"path": "/x?y=1", "every_s": 1, "timeout_s": 0.5, "failures": 1},
        restart="never",
        grace_s=0,
        request_s=300,
        port=80,
        public=True,
    )
    assert placement == Placement([], [(36.37, -94.21)], 5, 10, 3, {"cpu": 1_000}, "spot", 50_000)
    health = Health("/x?y=1", 1, 0.5, 1)
    outbound = ["api.example.com", "10.0.0.1:80"]
    assert settings == Settings({"A": "1"}, outbound, health, "never", 0, 300, 80, True)


def test_a_change_changes_what_it_names() -> None:
    base = Settings({"A": "1"}, ["x.example"], Health("/x"), grace_s=1)
    document = msgspec.convert({"revision": 1, "config": {"B": "2"}}, DeploymentChange)
    assert settings_of(document, base) == Settings({"B": "2"}, ["x.example"], Health("/x"), grace_s=1)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "leases"),
        ({"leases": ["wm-1~1"], "near": [HERE]}, "leases"),
        ({"leases": ["wm-1~1", "wm-1~1"]}, "leases"),
        ({"leases": ["wm-1~1"], "instances": 2}, "instances"),
        ({"leases": ["wm-1~1"], "class": "spot"}, "class"),
        ({"near": [HERE]}, "needs"),
        ({"near": [HERE], "needs": {"cpu": 0}}, "needs"),
        ({"near": [HERE], "needs": {}}, "needs"),
        ({**NEAR, "config": {"a b": "c"}}, "config"),
        ({**NEAR, "config": {"a": "\0"}}, "config"),
        ({**NEAR, "config": {"a": "x" * 40_000}}, "config"),
        ({**NEAR, "config": {f"a{number}": "" for number in range(65)}}, "config"),
        ({**NEAR, "outbound": ["http://example.com"]}, "outbound"),
        ({**NEAR, "outbound": ["example.com:99999"]}, "outbound"),
        ({**NEAR, "outbound": ["*"]}, "outbound"),
        ({**NEAR, "outbound": [".".join(["a" * 60] * 5)]}, "outbound"),
        ({**NEAR, "outbound": [f"{number}.example" for number in range(33)]}, "outbound"),
        ({**NEAR, "health": {"path": "healthz"}}, "health.path"),
        ({**NEAR, "health": {"path": "/a b"}}, "health.path"),
        ({**NEAR, "health": {"path": "/a\r\nx: y"}}, "health.path"),
    ],
)
def test_a_mistake_is_named(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(**fields)
    assert refused.value.extra["field"] == field


def test_a_kind_that_the_chain_has_not_is_unknown() -> None:
    with pytest.raises(UnknownKind):
        read(near=[HERE], needs={"cpu": 1, "cup": 1})


@pytest.mark.parametrize(
    "fields",
    [
        {"near": [HERE], "unheard": 1},
        {"near": [{**HERE, "x": 1}]},
        {"near": [{"lat": 91, "lon": 0}]},
        {"near": []},
        {"leases": []},
        {"leases": ["x"], "grace_s": 31},
        {"leases": ["x"], "request_s": 0},
        {"leases": ["x"], "port": 0},
        {"leases": ["x"], "restart": "sometimes"},
        {"leases": ["x"], "health": {"every_s": 0}},
        {"near": [HERE], "instances": 0},
    ],
)
def test_a_document_of_another_shape_is_none(fields: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"app": "acme.shop", **fields}, NewDeployment)


@pytest.mark.parametrize(
    ("fields", "placement", "field"),
    [
        ({"instances": 2}, Placement(leases=["wm-1~1"]), "instances"),
        ({"leases": ["wm-1~1"]}, Placement(points=[(0, 0)]), "leases"),
        ({"leases": ["wm-1~1", "wm-1~1"]}, Placement(leases=["wm-1~1"]), "leases"),
    ],
)
def test_a_change_keeps_to_the_way_it_was_placed(fields: dict[str, Any], placement: Placement, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        placement_after(msgspec.convert(fields, DeploymentChange), placement)
    assert refused.value.extra["field"] == field
