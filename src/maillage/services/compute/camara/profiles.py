"""Application Profiles: what an app needs of the network and of the machine, kept under an id."""

import asyncio
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from maillage.kernel.ports import Clock
from maillage.services.compute.camara import sizes
from maillage.services.compute.camara.device import Strict
from maillage.services.compute.camara.faults import Fault, invalid, missing
from maillage.services.compute.camara.names import new_id
from maillage.services.compute.camara.ports import CamaraRecords, Entry

Uuid = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\Z")]
_MS = {
    "Days": 86_400_000.0,
    "Hours": 3_600_000.0,
    "Minutes": 60_000.0,
    "Seconds": 1_000.0,
    "Milliseconds": 1.0,
    "Microseconds": 1e-3,
    "Nanoseconds": 1e-6,
}


class Duration(Strict, frozen=True):
    """A time, as CAMARA_common has it."""

    value: Annotated[int, Meta(ge=1, lt=1 << 31)] | UnsetType = UNSET
    unit: Literal["Days", "Hours", "Minutes", "Seconds", "Milliseconds", "Microseconds", "Nanoseconds"] | UnsetType = (
        UNSET
    )

    @property
    def ms(self) -> float | None:
        """None where it says not enough to be a time."""
        return None if self.value is UNSET or self.unit is UNSET else self.value * _MS[self.unit]


class Rate(Strict, frozen=True):
    value: Annotated[int, Meta(ge=0, le=1_024)] | UnsetType = UNSET
    unit: Literal["Bps", "Kbps", "Mbps", "Gbps", "Tbps"] | UnsetType = UNSET


class Amount(Strict, frozen=True):
    value: Annotated[int, Meta(ge=0, le=1_024)] | UnsetType = UNSET
    unit: Literal["Kb", "Mb", "Gb", "Tb"] | UnsetType = UNSET

    @property
    def thousandths(self) -> int:
        """Of a GiB; 0 where it says not enough to be an amount."""
        return 0 if self.value is UNSET or self.unit is UNSET else sizes.size(self.value, self.unit)


class NetworkThresholds(Strict, frozen=True):
    """What the app needs of the network, as the API has it."""

    packet_delay_budget: Duration | UnsetType = UNSET
    target_min_downstream_rate: Rate | UnsetType = UNSET
    target_min_upstream_rate: Rate | UnsetType = UNSET
    packet_loss_error_rate: Annotated[int, Meta(ge=1, le=10)] | UnsetType = UNSET
    jitter: Duration | UnsetType = UNSET

    def __post_init__(self) -> None:
        _require_some(self)


class ComputeThresholds(Strict, frozen=True):
    """What the app needs of the machine, as the API has it."""

    target_min_cpu: Annotated[float, Meta(ge=0)] | UnsetType = msgspec.field(default=UNSET, name="targetMinCPU")
    target_min_memory: Amount | UnsetType = UNSET
    gpu_vendor_type: Literal["Nvidia", "AMD"] | UnsetType = UNSET
    gpu_model_name: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET
    target_min_gpu: Annotated[int, Meta(ge=0)] | UnsetType = msgspec.field(default=UNSET, name="targetMinGPU")
    target_min_gpu_memory: Amount | UnsetType = msgspec.field(default=UNSET, name="targetMinGPUMemory")
    target_min_ephemeral_storage: Amount | UnsetType = UNSET
    target_min_persistent_storage: Amount | UnsetType = UNSET

    def __post_init__(self) -> None:
        _require_some(self)


class ProfileRequest(Strict, frozen=True):
    """One of the two parts, or both."""

    network_quality_thresholds: NetworkThresholds | UnsetType = UNSET
    compute_resources: ComputeThresholds | UnsetType = UNSET

    def __post_init__(self) -> None:
        _require_some(self)


class Profile(Strict, frozen=True):
    """A profile as it comes in for a change, with its id."""

    application_profile_id: Uuid
    network_quality_thresholds: NetworkThresholds | UnsetType = UNSET
    compute_resources: ComputeThresholds | UnsetType = UNSET

    @property
    def within_ms(self) -> float | None:
        """The longest round trip that the delay budget, which is one way, allows."""
        network = self.network_quality_thresholds
        if network is UNSET or network.packet_delay_budget is UNSET:
            return None
        budget_ms = network.packet_delay_budget.ms
        return None if budget_ms is None else 2 * budget_ms

    @property
    def needs(self) -> dict[str, int]:
        """Thousandths by kind. Storage of both sorts is disk; who makes the GPU, and which, is not known of stores."""
        wanted = self.compute_resources
        if wanted is UNSET:
            return {}
        disk = [
            one.thousandths
            for one in (wanted.target_min_ephemeral_storage, wanted.target_min_persistent_storage)
            if one
        ]
        needs = {
            "cpu": 0 if wanted.target_min_cpu is UNSET else sizes.cpu(str(Decimal(repr(wanted.target_min_cpu)))),
            "memory": wanted.target_min_memory.thousandths if wanted.target_min_memory else 0,
            "gpu": 1_000 * wanted.target_min_gpu if wanted.target_min_gpu else 0,
            "disk": sum(disk),
        }
        return {kind: quantity for kind, quantity in needs.items() if quantity}


class Profiles:
    """``sees`` None is somebody who may see those of all tenants."""

    def __init__(self, records: CamaraRecords, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    async def create(self, tenant: str, request: ProfileRequest) -> dict[str, Any]:
        profile_id, body = new_id(), msgspec.json.encode(request)
        entry = Entry(profile_id, "profile", tenant, f"profile {profile_id}", self._clock.now(), body)
        await asyncio.to_thread(self._records.add, entry)
        return _document(entry)

    async def read(self, profile_id: str, sees: str | None) -> dict[str, Any]:
        return _document(await self._entry(profile_id, sees))

    async def find(self, profile_id: str, sees: str | None) -> Profile:
        return msgspec.convert(await self.read(profile_id, sees), Profile)

    async def update(self, profile_id: str, sees: str | None, profile: Profile) -> dict[str, Any]:
        """The whole set of thresholds is replaced."""
        if profile.application_profile_id.lower() != profile_id.lower():
            raise invalid("applicationProfileId", "is another than that of the address")
        if not (profile.network_quality_thresholds or profile.compute_resources):
            raise invalid("body", "one of networkQualityThresholds and computeResources must be there")
        entry = await self._entry(profile_id, sees)
        request = ProfileRequest(profile.network_quality_thresholds, profile.compute_resources)
        changed = msgspec.structs.replace(entry, body=msgspec.json.encode(request), revision=entry.revision + 1)
        if not await asyncio.to_thread(self._records.change, changed):
            raise Fault(409, "ABORTED", "Somebody else changed the profile at the same time; read it again.")
        return _document(changed)

    async def delete(self, profile_id: str, sees: str | None) -> None:
        entry = await self._entry(profile_id, sees)
        await asyncio.to_thread(self._records.drop, "profile", entry.id)

    async def _entry(self, profile_id: str, sees: str | None) -> Entry:
        entry = await asyncio.to_thread(self._records.entry, "profile", profile_id.lower())
        if entry is None or sees not in (None, entry.tenant):
            raise missing("application profile")
        return entry


def _require_some(document: msgspec.Struct) -> None:
    if all(getattr(document, name) is UNSET for name in document.__struct_fields__):
        raise ValueError("at least one property must be there")


def _document(entry: Entry) -> dict[str, Any]:
    return {"applicationProfileId": entry.id, **msgspec.json.decode(entry.body)}
