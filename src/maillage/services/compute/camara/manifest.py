"""What an app is to CAMARA: its manifest, checked as the schema has it, and then for what a store can run."""

import re
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from maillage.kernel.quantities import QUANTITY_MAX
from maillage.services.compute.camara import sizes
from maillage.services.compute.camara.device import Port, Strict
from maillage.services.compute.camara.faults import invalid

Name = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]{1,63}\Z")]
Provider = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]{7,63}\Z")]
Text = Annotated[str, Meta(max_length=64)]
InterfaceId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{2,30}[A-Za-z0-9]\Z")]
_MEBI = "Mb"

_OWN = re.compile(r"maillage:([A-Za-z][A-Za-z0-9_-]{1,63})(?:@(sha256:[0-9a-f]{64}))?")
_OCI = re.compile(r"(?:oci|docker|https)://(\S+)")


class AppRepo(Strict, frozen=True):
    type: Literal["PRIVATEREPO", "PUBLICREPO"]
    image_path: Annotated[str, Meta(max_length=2_048)]
    user_name: Text | UnsetType = UNSET
    credentials: Annotated[str, Meta(max_length=2_048)] | UnsetType = UNSET
    auth_type: Literal["DOCKER", "HTTP_BASIC", "HTTP_BEARER", "NONE"] | UnsetType = UNSET
    checksum: Annotated[str, Meta(pattern=r"^(?:[A-Fa-f0-9]{32}|[A-Fa-f0-9]{64})\Z")] | UnsetType = UNSET


class Gpu(Strict, frozen=True):
    gpu_memory: Annotated[int, Meta(ge=0, le=16_384)]
    num_gpu: Annotated[int, Meta(ge=0, le=16)] = msgspec.field(name="numGPU")


class Storage(Strict, frozen=True):
    storage_size: Annotated[str, Meta(max_length=32, pattern=r"^\d+(GB|MB)\Z")]
    mount_point: Text
    name: Text | UnsetType = UNSET


class Resources(Strict, frozen=True):
    """Of a container: what else CAMARA knows runs in no store."""

    infra_kind: Literal["container"]
    num_cpu: Annotated[str, Meta(max_length=16, pattern=r"^\d+((\.\d{1,3})|(m))?\Z")] = msgspec.field(name="numCPU")
    memory: Annotated[int, Meta(ge=1, le=16_384)]
    storage: Annotated[list[Storage], Meta(max_length=50)] | UnsetType = UNSET
    gpu: Gpu | UnsetType = UNSET

    @property
    def needs(self) -> dict[str, int]:
        """Thousandths by kind."""
        disks = [] if self.storage is UNSET else self.storage
        needs = {
            "cpu": sizes.cpu(self.num_cpu),
            "memory": sizes.size(self.memory, _MEBI),
            "disk": sum(sizes.storage(disk.storage_size) for disk in disks),
            "gpu": 0 if self.gpu is UNSET else 1_000 * self.gpu.num_gpu,
        }
        return {kind: quantity for kind, quantity in needs.items() if quantity}


class OperatingSystem(Strict, frozen=True):
    architecture: Literal["x86_64", "x86"]
    family: Literal["RHEL", "UBUNTU", "COREOS", "WINDOWS", "OTHER"]
    version: Literal["OS_VERSION_UBUNTU_2204_LTS", "OS_VERSION_RHEL_8", "OS_MS_WINDOWS_2022", "OTHER"]
    license: Literal["OS_LICENSE_TYPE_FREE", "OS_LICENSE_TYPE_ON_DEMAND", "OTHER"]


class Interface(Strict, frozen=True):
    """A port of a component, and who may reach it."""

    interface_id: InterfaceId
    protocol: Literal["TCP", "UDP", "ANY"]
    port: Port
    visibility_type: Literal["VISIBILITY_EXTERNAL", "VISIBILITY_INTERNAL"]

    @property
    def is_external(self) -> bool:
        return self.visibility_type == "VISIBILITY_EXTERNAL"


class Component(Strict, frozen=True):
    component_name: Text
    network_interfaces: Annotated[list[Interface], Meta(min_length=1, max_length=100)]


class Manifest(Strict, frozen=True):
    """AppManifest of the API: what an app is, where its code is, and what it needs."""

    name: Name
    version: Text
    app_provider: Provider
    package_type: Literal["QCOW2", "OVA", "CONTAINER", "HELM", "CSAR"]
    app_repo: AppRepo
    required_resources: Resources
    component_spec: Annotated[list[Component], Meta(max_length=100)]
    operating_system: OperatingSystem | UnsetType = UNSET

    @property
    def external(self) -> list[Interface]:
        """Interfaces that are open to the app's own clients."""
        return [one for part in self.component_spec for one in part.network_interfaces if one.is_external]

    @property
    def port(self) -> int | UnsetType:
        """Where the app listens for its clients, if it has any."""
        return self.external[0].port if self.external else UNSET


class Source(msgspec.Struct, frozen=True):
    """Where the code is: ``app`` of the tenant's own and which version (a digest or ``latest``), or ``reference`` of an
    OCI image."""

    app: str = ""
    version: str = ""
    reference: str = ""


def require_runnable(manifest: Manifest) -> None:
    """Fault 400 for what is well said and runs in no store."""
    if manifest.package_type != "CONTAINER":
        raise invalid("packageType", "stores run CONTAINER only: OCI images, and WebAssembly that was uploaded here")
    if len(manifest.component_spec) != 1:
        raise invalid("componentSpec", "an app here has one component, that of its image")
    if any(one.protocol == "UDP" for one in manifest.external):
        raise invalid("componentSpec", "apps are called by HTTP: an external interface is TCP")
    if len({one.port for one in manifest.external}) > 1:
        raise invalid("componentSpec", "an app has one external port")
    system = manifest.operating_system
    if system is not UNSET and (system.architecture != "x86_64" or system.family == "WINDOWS"):
        raise invalid("operatingSystem", "stores run x86_64 and no Windows")
    needs = manifest.required_resources.needs
    if "cpu" not in needs:
        raise invalid("requiredResources.numCPU", "is 0; an app needs some of a processor")
    for kind, quantity in needs.items():
        if quantity > 1_000 * QUANTITY_MAX:
            raise invalid("requiredResources", f"asks for more {kind} than can be counted")
    if manifest.app_repo.credentials is not UNSET or manifest.app_repo.user_name is not UNSET:
        raise invalid("appRepo", "images are fetched without credentials; upload the archive at /v1/apps instead")


def source_of(repo: AppRepo) -> Source:
    """Where an image path leads. Fault 400 for one that leads nowhere here."""
    checksum = "" if repo.checksum is UNSET else repo.checksum.lower()
    if len(checksum) == 32:
        raise invalid("appRepo.checksum", "is an MD5; containers are named by their SHA-256")
    own = _OWN.fullmatch(repo.image_path)
    if own is not None:
        digest = f"sha256:{checksum}" if checksum else ""
        if own[2] and digest and own[2] != digest:
            raise invalid("appRepo.checksum", "is another than the digest in imagePath")
        return Source(own[1], own[2] or digest or "latest")
    elsewhere = _OCI.fullmatch(repo.image_path)
    if elsewhere is None:
        raise invalid("appRepo.imagePath", "should be maillage:APP@sha256:..., oci://..., docker://... or https://...")
    reference = elsewhere[1]
    if checksum and "@" not in reference:
        reference += f"@sha256:{checksum}"
    return Source(reference=reference)
