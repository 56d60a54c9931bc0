"""Deployments as they come in and go out."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from maillage.kernel.asks import Ask
from maillage.kernel.documents import AskDocument, NearDocument, Quantity, ShortText, ask_of
from maillage.kernel.errors import Invalid
from maillage.kernel.leases import LeaseClass
from maillage.kernel.policy import Policy
from maillage.kernel.quantities import from_micro, from_thousandths
from maillage.kernel.times import format_time
from maillage.services.compute.model import (
    Deployment,
    Health,
    Instance,
    InstanceState,
    InstanceStatus,
    Placement,
    RestartPolicy,
)
from maillage.services.compute.settings_documents import SettingsFields

POINTS_MAX, INSTANCES_MAX, LEASES_MAX = 100, 1_000, 1_000

AppId = Annotated[str, Meta(min_length=1, max_length=140)]
VersionText = Annotated[str, Meta(min_length=1, max_length=80)]
LeaseIds = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=200)]], Meta(min_length=1, max_length=LEASES_MAX)
]
InstanceCount = Annotated[int, Meta(ge=1, le=INSTANCES_MAX)]


class PointDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """WGS84 degrees."""

    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]


class NewDeployment(SettingsFields, frozen=True, kw_only=True, rename={"lease_class": "class"}):
    """Either on ``leases`` that the tenant has, or ``near`` points, on leases that are taken and kept for it."""

    app: AppId
    version: VersionText = "latest"
    leases: LeaseIds | None = None
    near: Annotated[list[PointDocument], Meta(min_length=1, max_length=POINTS_MAX)] | None = None
    within_km: Annotated[float, Meta(ge=0, le=20_100)] | None = None
    within_ms: Annotated[float, Meta(ge=0, le=10_000)] | None = None
    instances: InstanceCount | None = None
    needs: Annotated[dict[ShortText, Quantity], Meta(examples=[{"cpu": 1, "memory": 0.5}])] | None = None
    lease_class: LeaseClass | None = None
    max_price: Quantity | None = None


class DeploymentChange(SettingsFields, frozen=True, kw_only=True):
    """What is to be otherwise. ``revision`` is that of the deployment as the caller knows it; it may come as the
    If-Match header instead."""

    revision: int | None = None
    version: VersionText | UnsetType = UNSET
    leases: LeaseIds | UnsetType = UNSET
    instances: InstanceCount | UnsetType = UNSET


class Missing(msgspec.Struct, frozen=True):
    """An instance that could not be placed (yet): on which lease or near which point, and the refusal that says why."""

    lease: str | None
    near: PointDocument | None
    problem: str
    detail: str


class InstanceDocument(msgspec.Struct, frozen=True):
    """``version`` is the one that runs now. ``state`` is ``unknown`` where its store does not say."""

    id: str
    lease: str
    deployment: str
    app: str
    site: str
    version: str
    state: InstanceState
    since: str | None
    restarts: int
    detail: str | None
    own_lease: bool


class RolloutDocument(msgspec.Struct, frozen=True):
    """``updated`` ``of`` all instances run as the deployment says."""

    state: Literal["done", "rolling", "rolled-back"]
    updated: int
    of: int
    detail: str | None


class DeploymentDocument(msgspec.Struct, frozen=True, rename={"lease_class": "class"}):
    """A deployment: what is wanted, and under ``placed`` and ``missing`` what is so."""

    id: str
    app: str
    tenant: str
    version: str
    former: str | None
    revision: int
    created_at: str
    leases: list[str] | None
    near: list[PointDocument] | None
    within_km: float | None
    within_ms: float | None
    instances: int
    needs: dict[str, int | float] | None
    lease_class: LeaseClass | None
    max_price: str | None
    config: dict[str, str]
    outbound: list[str]
    health: Health
    restart: RestartPolicy
    grace_s: float
    request_s: float
    port: int
    public: bool
    rollout: RolloutDocument
    placed: list[InstanceDocument]
    missing: list[Missing]


def placement_of(document: NewDeployment, policy: Policy) -> Placement:
    """Where a new deployment is to go; Invalid or UnknownKind naming the field that is wrong."""
    if (document.leases is None) == (document.near is None):
        raise Invalid("leases", "say either leases, or near some points: one of the two")
    if document.leases is not None:
        for name in ("within_km", "within_ms", "instances", "needs", "lease_class", "max_price"):
            if getattr(document, name) is not None:
                raise Invalid("class" if name == "lease_class" else name, "goes with near, not with leases")
        return Placement(leases=_distinct(document.leases))
    points = document.near or []
    if document.needs is None:
        raise Invalid("needs", "says what each instance is to have, such as {'cpu': 1, 'memory': 0.5}")
    lease_class: LeaseClass = document.lease_class or "firm"
    asked = AskDocument(
        needs=document.needs,
        near=NearDocument(points[0].lat, points[0].lon, document.within_km, document.within_ms),
        lease_class=lease_class,
        max_price=document.max_price,
    )
    ask: Ask = ask_of(asked, policy)
    return Placement(
        [],
        [(point.lat, point.lon) for point in points],
        document.within_km,
        document.within_ms,
        document.instances or len(points),
        ask.needs,
        lease_class,
        ask.max_price,
    )


def placement_after(document: DeploymentChange, placement: Placement) -> Placement:
    """What a change makes of where instances are."""
    if document.instances is not UNSET:
        if not placement.points:
            raise Invalid("instances", "this deployment has one on each of its leases; change those")
        placement = msgspec.structs.replace(placement, instances=document.instances)
    if document.leases is not UNSET:
        if placement.points:
            raise Invalid("leases", "this deployment takes its leases itself; change instances")
        placement = msgspec.structs.replace(placement, leases=_distinct(document.leases))
    return placement


def instance_document(instance: Instance, status: InstanceStatus | None) -> InstanceDocument:
    """An instance as it goes out; ``status`` None where its store does not say."""
    return InstanceDocument(
        instance.id,
        instance.lease,
        instance.deployment,
        instance.app,
        instance.site,
        instance.digest if status is None else status.digest,
        "unknown" if status is None else status.state,
        None if status is None else format_time(status.since),
        0 if status is None else status.restarts,
        None if status is None else status.detail or None,
        instance.own_lease,
    )


def deployment_document(
    deployment: Deployment,
    instances: Sequence[Instance],
    statuses: Mapping[str, InstanceStatus | None],
    missing: Sequence[Missing],
) -> DeploymentDocument:
    """A deployment as it goes out, with what has come of it."""
    placement, settings = deployment.placement, deployment.settings
    near = [PointDocument(lat, lon) for lat, lon in placement.points] or None
    rollout = deployment.rollout
    updated = sum(
        (each.digest, each.settings) == (deployment.digest, settings)
        and (status := statuses.get(each.id)) is not None
        and status.settled == "yes"
        for each in instances
    )
    return DeploymentDocument(
        deployment.id,
        deployment.app,
        deployment.tenant,
        deployment.digest,
        deployment.former or None,
        deployment.changes,
        format_time(deployment.created_at),
        placement.leases or None,
        near,
        placement.within_km,
        placement.within_ms,
        placement.instances if near else len(placement.leases),
        {kind: from_thousandths(quantity) for kind, quantity in placement.needs.items()} or None,
        placement.lease_class if near else None,
        None if placement.max_price is None else from_micro(placement.max_price),
        settings.config,
        settings.outbound,
        settings.health,
        settings.restart,
        settings.grace_s,
        settings.request_s,
        settings.port,
        settings.public,
        RolloutDocument(rollout.state, updated, len(instances), rollout.detail or None),
        [instance_document(instance, statuses.get(instance.id)) for instance in instances],
        list(missing),
    )


def _distinct(leases: list[str]) -> list[str]:
    if len(set(leases)) < len(leases):
        raise Invalid("leases", "names a lease twice; a lease carries one instance")
    return leases
