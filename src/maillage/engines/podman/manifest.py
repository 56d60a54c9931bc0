"""An instance as a Kubernetes Pod: the same document is played by podman and would be taken by a cluster.

A Pod and not a Deployment, since an instance stands on one lease: whether it is started again is decided by whoever
keeps that lease, not by a controller.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from typing import Any

from maillage.services.compute.errors import CodeRefused
from maillage.services.compute.model import Instance

MEMORY_MIN = 8 * 1024 * 1024
"""Less than this and the container's own start does not fit."""
PIDS_MAX = 256
"""Processes and threads of one instance. No field of a Pod says it: podman is told apart, a cluster by its kubelet."""
OWNER_LABEL = "maillage.owner"
CONTAINER = "app"
EGRESS_PORTS = (3128, 3129)
"""Where the way out listens inside of the instance: the second one when the app has the first."""
_LABEL_MAX = 63
_TMP = "tmp"
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_.-][A-Za-z0-9_.-]{0,254}")


def safe_name(name: str, most: int = _LABEL_MAX) -> str:
    """A DNS-1123 label that no other name gets: as much of the name as fits, and 130 bits of its SHA-256."""
    mark = base64.b32encode(hashlib.sha256(name.encode()).digest()).decode().lower()[:26]
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[: most - len(mark) - 1].strip("-")
    return f"{words or 'x'}-{mark}"


def user_of(name: str) -> int:
    """A numeric user for an instance: one for each, since the kernel counts processes by user too. Should two ever fall
    together (one chance in 10^9 for a pair), they share that count, and nothing else."""
    return 1_000_000_000 + int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % 1_000_000_000


def egress_port(instance: Instance) -> int:
    return EGRESS_PORTS[0] if instance.settings.port != EGRESS_PORTS[0] else EGRESS_PORTS[1]


def pod_manifest(instance: Instance, image: str, owner: str, volumes: Sequence[str] = ()) -> dict[str, Any]:
    """``volumes`` are the paths that the image wants to write to besides ``/tmp``. CodeRefused for limits or an
    environment that no container can have."""
    _check(instance)
    paths = list(dict.fromkeys(["/tmp", *volumes]))  # noqa: S108
    tmp_bytes = instance.limits.memory_bytes // (2 * len(paths))
    names = [_TMP if index == 0 else f"{_TMP}-{index}" for index in range(len(paths))]
    pod = pod_name(instance, owner)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod,
            "labels": {
                "app.kubernetes.io/name": safe_name(instance.app),
                "app.kubernetes.io/instance": safe_name(instance.id),
                "app.kubernetes.io/managed-by": "maillage",
                "maillage.tenant": safe_name(instance.tenant),
                OWNER_LABEL: owner,
            },
        },
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": max(1, round(instance.settings.grace_s)),
            "containers": [_container(instance, image, [f"{pod}-{name}" for name in names], paths)],
            "volumes": [
                # Podman knows volumes by name, one space for all pods: hence the pod's name in it.
                {"name": f"{pod}-{name}", "emptyDir": {"medium": "Memory", "sizeLimit": str(tmp_bytes)}}
                for name in names
            ],
        },
    }


def pod_name(instance: Instance, owner: str) -> str:
    """Short enough for names of volumes, which have it in front, to be labels too."""
    return safe_name(f"{instance.id} {owner}", 50)


def _container(instance: Instance, image: str, volumes: Sequence[str], paths: Sequence[str]) -> dict[str, Any]:
    room = {"cpu": f"{instance.limits.cpu}m", "memory": str(instance.limits.memory_bytes)}
    user = user_of(instance.id)
    return {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "Never",
        "env": [{"name": name, "value": value} for name, value in _environment(instance).items()],
        # No ``ports``: to Kubernetes they are a remark, and podman would open each of them on the host.
        "resources": {"limits": room, "requests": dict(room)},
        "securityContext": {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [{"name": volume, "mountPath": path} for volume, path in zip(volumes, paths, strict=True)],
    }


def _environment(instance: Instance) -> dict[str, str]:
    """The tenant's own values go before ours."""
    ours = {"PORT": str(instance.settings.port), "HOME": "/tmp"}  # noqa: S108
    if instance.settings.outbound:
        way_out = f"http://127.0.0.1:{egress_port(instance)}"
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            ours |= {name: way_out, name.lower(): way_out}
        ours |= {"NO_PROXY": "localhost,127.0.0.1", "no_proxy": "localhost,127.0.0.1"}
    return ours | instance.settings.config


def _check(instance: Instance) -> None:
    limits = instance.limits
    if limits.cpu < 1:
        raise CodeRefused("a container needs cpu, and its lease has none", fault="cpu")
    if limits.memory_bytes < MEMORY_MIN:
        raise CodeRefused(
            f"a container needs {MEMORY_MIN >> 20} MiB of memory, and its lease has {limits.memory_bytes} bytes",
            fault="memory",
        )
    for name, value in instance.settings.config.items():
        if not _ENVIRONMENT_NAME.fullmatch(name):
            raise CodeRefused(
                f"config: {name[:60]!r} can't name a variable of the environment; write letters, digits, _ . or -",
                fault="config",
            )
        if "\0" in value:
            raise CodeRefused(f"config: the value of {name!r} holds a NUL", fault="config")
