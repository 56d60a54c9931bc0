"""What is played by podman is what Kubernetes would take, and nothing in it is left to chance."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.engines.podman.manifest import pod_manifest, safe_name, user_of
from maillage.services.compute.errors import CodeRefused
from maillage.services.compute.model import Instance, Limits, Settings

MIB = 1024 * 1024
LIMITS = Limits(1500, 256 * MIB, 4, 4, 5.0, MIB, MIB, 0, 0)
INSTANCE = Instance(
    "wm-100~7", "d1", "acme.app", "acme", "wm-100", "sha256:" + "0" * 64, "image", "", Settings(port=9000), LIMITS
)
DNS_1123 = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
names = st.text(min_size=1, max_size=200)


def manifest_of(limits: Limits = LIMITS, volumes: tuple[str, ...] = (), **settings: Any) -> dict[str, Any]:
    changed = msgspec.structs.replace(INSTANCE, limits=limits, settings=Settings(**settings))
    return pod_manifest(changed, "localhost/maillage-versions:abc", "owner", volumes)


def valid_for_kubernetes(manifest: dict[str, Any]) -> None:
    """By the schemas made of Kubernetes' own OpenAPI documents; ``strict`` refuses fields that it does not know."""
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for version in ("1.30", "1.34"):
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_pod_that_kubernetes_takes() -> None:
    valid_for_kubernetes(manifest_of(volumes=("/data", "/var/lib/x"), config={"A": "1"}, outbound=["api.example.com"]))


def test_the_check_would_notice() -> None:
    wrong = manifest_of()
    wrong["spec"]["containers"][0]["securityContext"]["runAsUser"] = "nobody"
    with pytest.raises(Exception, match="nobody"):
        valid_for_kubernetes(wrong)


def test_nothing_that_a_container_could_use_against_the_store() -> None:
    spec = manifest_of()["spec"]
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "runAsNonRoot": True,
        "runAsUser": user_of(INSTANCE.id),
        "runAsGroup": user_of(INSTANCE.id),
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["resources"]["limits"] == {"cpu": "1500m", "memory": str(256 * MIB)}
    assert container["resources"]["requests"] == container["resources"]["limits"]
    assert "ports" not in container  # podman would open them on the host
    assert spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert all(set(volume) == {"name", "emptyDir"} for volume in spec["volumes"])


def test_what_the_image_writes_to_shares_half_of_the_memory() -> None:
    spec = manifest_of(volumes=("/data", "/tmp"))["spec"]
    assert [volume["emptyDir"]["sizeLimit"] for volume in spec["volumes"]] == [str(64 * MIB)] * 2
    assert [mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]] == ["/tmp", "/data"]
    assert {volume["emptyDir"]["medium"] for volume in spec["volumes"]} == {"Memory"}


def environment_of(manifest: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in manifest["spec"]["containers"][0]["env"]}


def test_the_environment_is_the_tenants_own_and_tells_the_port_and_the_way_out() -> None:
    assert environment_of(manifest_of(port=9000, config={"A": "b c", "HOME": "/data"})) == {
        "PORT": "9000",
        "HOME": "/data",
        "A": "b c",
    }
    assert environment_of(manifest_of(outbound=["a.example"]))["https_proxy"] == "http://127.0.0.1:3128"
    assert environment_of(manifest_of(outbound=["a.example"], port=3128))["https_proxy"] == "http://127.0.0.1:3129"


@pytest.mark.parametrize(
    ("limits", "config", "said"),
    [
        (msgspec.structs.replace(LIMITS, cpu=0), {}, "its lease has none"),
        (msgspec.structs.replace(LIMITS, memory_bytes=MIB), {}, "needs 8 MiB of memory"),
        (LIMITS, {"A=B": "1"}, "can't name a variable"),
        (LIMITS, {"": "1"}, "can't name a variable"),
        (LIMITS, {"A": "1\0"}, "holds a NUL"),
    ],
)
def test_what_no_container_can_have(limits: Limits, config: dict[str, str], said: str) -> None:
    with pytest.raises(CodeRefused, match=said):
        manifest_of(limits, config=config)


@given(names)
def test_any_name_becomes_a_dns_label(name: str) -> None:
    made = safe_name(name)
    assert DNS_1123.fullmatch(made)
    assert len(made) <= 63


@given(names, names)
def test_two_names_never_become_one(one: str, other: str) -> None:
    assert (safe_name(one) == safe_name(other)) == (one == other)


@given(names)
def test_users_are_numbers_far_from_those_of_the_host(name: str) -> None:
    assert 1_000_000_000 <= user_of(name) < 2_000_000_000


@given(names, st.lists(st.from_regex(r"/[a-z0-9/]{1,30}", fullmatch=True), max_size=8))
def test_every_name_in_a_manifest_is_one_that_kubernetes_allows(name: str, volumes: list[str]) -> None:
    instance = msgspec.structs.replace(INSTANCE, id=name, tenant=name, app=name)
    manifest = pod_manifest(instance, "localhost/maillage-versions:abc", "0123456789abcdef", volumes)
    said = [manifest["metadata"]["name"], *manifest["metadata"]["labels"].values()]
    said += [volume["name"] for volume in manifest["spec"]["volumes"]]
    assert all(DNS_1123.fullmatch(text) and len(text) <= 63 for text in said)
    assert len(set(said[-len(manifest["spec"]["volumes"]) :])) == len(manifest["spec"]["volumes"])
