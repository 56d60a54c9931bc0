"""Instances in stores, as a hub has them: what ``hosting.host.Host`` is to a process that owns its sites."""

from collections.abc import AsyncIterator, Callable, Iterable

from maillage.kernel.errors import Refusal, SiteUnreachable
from maillage.kernel.leases import site_of
from maillage.mesh.asking import is_doubtful
from maillage.mesh.directory import Directory
from maillage.services.compute.carriage.asking import ASK_TIMEOUT_S, InstanceOwners
from maillage.services.compute.carriage.known import Known
from maillage.services.compute.carriage.messages import (
    BODY_BYTES_MAX,
    DropInstance,
    InstanceDropped,
    InstancePut,
    LogGiven,
    PutInstance,
    ReadLog,
    RunGiven,
    RunRequest,
)
from maillage.services.compute.carriage.service import one_chunk
from maillage.services.compute.errors import BodyTooLarge, CodeFault, InUse, NoInstance
from maillage.services.compute.hosting.ports import StatusListener
from maillage.services.compute.hosting.settling import until_settled
from maillage.services.compute.logs import LogPage
from maillage.services.compute.model import Instance, InstanceStatus
from maillage.services.compute.ports import Inbound, Outbound

RUN_SLACK_S = 0.6
"""A node holds to ``request_s`` by itself; the way there and back takes no longer, or the store counts as out of
reach."""


class RemoteHosts:
    """What it says of instances is what their nodes said last. Use on one event loop."""

    def __init__(self, owners: InstanceOwners, directory: Directory, known: Known) -> None:
        self._owners = owners
        self._directory = directory
        self._known = known
        self._listeners: list[StatusListener] = []

    # -- what is to run ------------------------------------------------------------------------------------------

    def takes(self, site: str) -> bool:
        return self._directory.reaches(site)

    async def put(self, instance: Instance) -> None:
        """Returns when its node keeps it. As of ``Host.put``; SiteUnreachable where the node does not answer. Then it
        is put again once the node is heard, as long as it is wanted."""
        self.require_free(instance)
        former = self._known.wanted(instance.id)
        self._known.want(instance)
        try:
            done = await self._owners.ask(instance.site, PutInstance(instance), InstancePut, ASK_TIMEOUT_S)
        except Refusal as refusal:
            if is_doubtful(refusal) or (isinstance(refusal, SiteUnreachable) and former is not None):
                self._known.doubt(instance.id)
            elif former is None or self._known.status(instance.id) is None:
                self._known.unwant(instance.id)
            raise
        node = self._directory.owner(instance.site)
        if node is not None and done.told.id == instance.id and self._known.hear(node, done.boot, done.told):
            self.tell([instance.id])

    async def drop(self, instance_id: str) -> None:
        """End it after its grace; returns then. SiteUnreachable where its node does not answer."""
        gone = False
        while not gone:
            request = DropInstance(instance_id)
            gone = (await self._owners.ask(site_of(instance_id), request, InstanceDropped, ASK_TIMEOUT_S)).gone
        self._known.unwant(instance_id)

    def require_free(self, instance: Instance) -> None:
        holder = self._known.deployment_of(instance.id)
        if holder not in (None, instance.deployment):
            raise InUse(
                f"the lease {instance.id} carries an instance of another deployment; a lease carries one",
                deployment=holder,
            )

    # -- what runs -----------------------------------------------------------------------------------------------

    def status(self, instance_id: str) -> InstanceStatus | None:
        return self._known.status(instance_id)

    def statuses(self) -> list[InstanceStatus]:
        """Of all that are wanted, as far as they were put."""
        return self._known.statuses()

    def deployment_of(self, instance_id: str) -> str | None:
        return self._known.deployment_of(instance_id)

    def is_told(self, instance: Instance) -> bool:
        return self._known.is_told(instance)

    def ready(self, app_id: str) -> list[Instance]:
        return self._known.ready(app_id)

    async def settled(self, instance_ids: Iterable[str], within_s: float) -> None:
        await until_settled(self, instance_ids, within_s)

    async def invoke(self, instance_id: str, request: Inbound) -> Outbound:
        """Hand a request to its node and give the answer, each whole in one message. SiteUnreachable where none came;
        BodyTooLarge where one is larger than that."""
        instance = self._known.wanted(instance_id)
        if instance is None:
            raise NoInstance(f"the instance {instance_id[:100]!r} is not here any more", instance=instance_id)
        asked = RunRequest(
            instance_id, request.method, request.path, request.query, request.headers, await _whole(request.body)
        )
        try:
            given = await self._owners.ask(instance.site, asked, RunGiven, instance.limits.request_s + RUN_SLACK_S)
        except CodeFault as fault:
            fault.extra["instance"] = instance_id  # what a node says is not the place for it
            raise
        return Outbound(given.status, given.headers, one_chunk(given.body))

    async def log(self, instance_id: str, after: int | None, limit: int) -> LogPage:
        """Lines of an instance's log, as ``Logs.read`` has them, or fewer where they are more than a message takes."""
        request = ReadLog(instance_id, after, limit)
        return (await self._owners.ask(site_of(instance_id), request, LogGiven, ASK_TIMEOUT_S)).page

    # -- who wants to know ---------------------------------------------------------------------------------------

    def subscribe(self, listener: StatusListener) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self, instance_ids: Iterable[str]) -> None:
        """Have it known that there may be news of these, as far as anybody wants them."""
        for name in instance_ids:
            instance = self._known.wanted(name)
            if instance is None:
                continue
            status = self.status(name) or InstanceStatus(name, instance.digest, "unknown", 0, 0, "it is not there")
            for listener in list(self._listeners):
                listener(status)


async def _whole(body: AsyncIterator[bytes]) -> bytes:
    came = bytearray()
    async for chunk in body:
        came += chunk
        if len(came) > BODY_BYTES_MAX:
            raise BodyTooLarge(
                f"the body has more than {BODY_BYTES_MAX:,} bytes, and a hub carries no more; send it to the app at its"
                " store's own address",
                most=BODY_BYTES_MAX,
            )
    return bytes(came)
