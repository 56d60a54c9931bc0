"""The host: all instances of the sites whose ledger is here."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from random import SystemRandom
from weakref import WeakValueDictionary

from maillage.kernel.errors import NotFound, Refusal
from maillage.kernel.events import Ended, Extended, Reclaimed, Released, Voided
from maillage.kernel.ports import Clock, Committed
from maillage.kernel.readings import Readings
from maillage.services.compute.errors import InUse, NoInstance
from maillage.services.compute.follow.state import TrackedValues
from maillage.services.compute.hosting.actor import Actor
from maillage.services.compute.hosting.place import Rooms
from maillage.services.compute.hosting.ports import (
    CodeByDigest,
    InstanceStore,
    LogsOfInstances,
    MetersOfInstances,
    RuntimesByKind,
    StatusListener,
)
from maillage.services.compute.hosting.settling import until_settled
from maillage.services.compute.hosting.tenure import Tenure, tenures
from maillage.services.compute.model import Instance, InstanceStatus
from maillage.services.compute.ports import Inbound, Outbound

log = logging.getLogger(__name__)

SHUTDOWN_GRACE_S = 5.0
"""How long requests under way may still take when the store's computer goes down, whatever instances were promised."""


class Host:
    """Every instance stands on a lease of its tenant in the ledger that ``office`` is of, one on each; it ends when
    that does (see ``tenure``). ``listen`` has to hear what that ledger commits.

    What ``store`` keeps is what runs, also after a restart, with or without a hub.
    """

    def __init__(
        self,
        runtimes: RuntimesByKind,
        blobs: CodeByDigest,
        store: InstanceStore,
        clock: Clock,
        logs: LogsOfInstances,
        metering: MetersOfInstances,
        office: Readings,
        chance: Callable[[], float] | None = None,
    ) -> None:
        self._rooms = Rooms(runtimes, blobs, clock, logs, metering)
        self._store = store
        self._office = office
        self._chance = chance or SystemRandom().random
        self._actors: dict[str, Actor] = {}
        self._of_app: dict[str, dict[str, Actor]] = {}
        self._listeners: list[StatusListener] = []
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._forgetting: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def start(self) -> None:
        """Bring back what was running, as far as its leases still allow; the rest is forgotten."""
        kept = await asyncio.to_thread(self._store.all)
        known = await self._office.read(lambda view: tenures(view, [instance.id for instance in kept]))
        now = self._rooms.clock.now()
        for instance in kept:
            tenure = known.get(instance.id)
            if tenure is not None and tenure.tenant == instance.tenant and tenure.is_live(now):
                self._enter(instance, tenure)
                continue
            log.info("instance %s does not come back: its lease is over", instance.id)
            await self._end_leftover(instance)
            await asyncio.to_thread(self._store.drop, instance.id)

    async def stop(self) -> None:
        """End all, for the process ends; they come back with the next ``start``."""
        self._stopping = True
        actors = list(self._actors.values())
        graces = [min(actor.wanted.settings.grace_s, SHUTDOWN_GRACE_S) for actor in actors]
        stops = (actor.stop("the store's computer stops", grace) for actor, grace in zip(actors, graces, strict=True))
        await asyncio.gather(*stops, *self._forgetting, return_exceptions=True)

    # -- what is to run ------------------------------------------------------------------------------------------

    async def put(self, instance: Instance) -> None:
        """Have it run, or run like this from now on; returns when that is kept, and ``statuses`` say what comes of it.

        NotFound where its lease is not its tenant's or not of this owner, LeaseState where that can't carry it (any
        more), InUse where it carries an instance of another deployment.
        """
        async with self._turns.setdefault(instance.id, asyncio.Lock()):
            self.require_free(instance)
            actor = self._actors.get(instance.id)
            known = await self._office.read(lambda view: tenures(view, [instance.id]))
            self._require_live(instance, known.get(instance.id), new=actor is None or actor.is_over)
            await asyncio.to_thread(self._store.put, instance)
            # What was committed meanwhile nobody told an actor that is not entered yet: look again, without waiting.
            tenure = tenures(self._office.glance(), [instance.id]).get(instance.id, known[instance.id])
            actor = self._actors.get(instance.id)
            if actor is None or actor.is_over:
                self._enter(instance, tenure)
            else:
                actor.put(instance)

    async def drop(self, instance_id: str) -> None:
        """End it after its grace and forget it; returns then. Does nothing where it is not known."""
        actor = self._actors.get(instance_id)
        if actor is not None:
            await actor.stop("nobody wants it any more", actor.wanted.settings.grace_s)
        async with self._turns.setdefault(instance_id, asyncio.Lock()):
            if actor is not None and self._actors.get(instance_id) is actor:
                self._leave(actor)
            if instance_id not in self._actors:
                await asyncio.to_thread(self._store.drop, instance_id)

    @property
    def values(self) -> TrackedValues | None:
        """Where code of sessions keeps its state; None where no runtime here gives it such a place."""
        return self._rooms.runtimes.values

    def has_lease(self, lease_id: str) -> bool:
        """Whether a lease is of the ledger here, and held or confirmed."""
        lease = self._office.glance().ledger.leases.get(lease_id)
        return lease is not None and lease.is_active

    # -- what runs -----------------------------------------------------------------------------------------------

    def statuses(self) -> list[InstanceStatus]:
        """Of all instances, those that have ended included until they are dropped. From any thread."""
        return [actor.status for actor in list(self._actors.values())]

    def status(self, instance_id: str) -> InstanceStatus | None:
        actor = self._actors.get(instance_id)
        return None if actor is None else actor.status

    def takes(self, site: str) -> bool:  # noqa: ARG002
        """Whether instances can be put at a site now: always, since this is where it is."""
        return True

    def told(self, instance_id: str) -> Instance | None:
        """What an instance was last told to run as, None where it is not here."""
        actor = self._actors.get(instance_id)
        return None if actor is None else actor.wanted

    def all_told(self) -> list[Instance]:
        """What each was last told."""
        return [actor.wanted for actor in self._actors.values()]

    def is_told(self, instance: Instance) -> bool:
        """Whether it was last told to run exactly like this."""
        return self.told(instance.id) == instance

    def deployment_of(self, instance_id: str) -> str | None:
        """The deployment that an instance is of, None where the instance is not here."""
        told = self.told(instance_id)
        return None if told is None else told.deployment

    async def settled(self, instance_ids: Iterable[str], within_s: float) -> None:
        """Wait until each runs as it was told to or is known not to, or so long."""
        await until_settled(self, instance_ids, within_s)

    def ready(self, app_id: str) -> list[Instance]:
        """Instances of an app that take anybody's requests and are healthy: those of sessions are not among them."""
        return [serving for actor in self._of_app.get(app_id, {}).values() if (serving := actor.serving) is not None]

    async def invoke(self, instance_id: str, request: Inbound) -> Outbound:
        """Answer a request; NoInstance where it does not run here, else what the runtime raises."""
        actor = self._actors.get(instance_id)
        if actor is None:
            raise NoInstance(f"the instance {instance_id[:100]!r} does not run here")
        return await actor.invoke(request)

    def subscribe(self, listener: StatusListener) -> Callable[[], None]:
        """Have changes of state told from now on; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def listen(self, committed: Committed) -> None:
        """Hear what was committed, and let go what stands on leases that are over."""
        for event in committed.events:
            if isinstance(event, Ended | Released | Reclaimed | Voided | Extended) and event.lease is not None:
                actor = self._actors.get(event.lease)
                if actor is not None and not actor.is_over:
                    actor.tell(actor.tenure.after(event))

    def require_free(self, instance: Instance) -> None:
        """InUse where the lease carries an instance of another deployment."""
        actor = self._actors.get(instance.id)
        if actor is not None and actor.wanted.deployment != instance.deployment and not actor.is_over:
            raise InUse(
                f"the lease {instance.id} carries an instance of another deployment; a lease carries one",
                deployment=actor.wanted.deployment,
            )

    # -- keeping the books ---------------------------------------------------------------------------------------

    def _require_live(self, instance: Instance, tenure: Tenure | None, new: bool) -> None:
        if tenure is None or tenure.tenant != instance.tenant:
            raise NotFound(f"there is no lease {instance.id[:100]!r} of {instance.tenant} here")
        now = self._rooms.clock.now()
        if new or not tenure.is_live(now):
            tenure.require_room(now)

    def _enter(self, instance: Instance, tenure: Tenure) -> None:
        actor = Actor(instance, tenure, self._rooms, self._chance, self._changed)
        former = self._actors.get(instance.id)
        if former is not None:
            self._leave(former)
        self._actors[instance.id] = actor
        if not instance.of_session:
            self._of_app.setdefault(instance.app, {})[instance.id] = actor

    def _leave(self, actor: Actor) -> None:
        instance = actor.wanted
        del self._actors[instance.id]
        of_app = self._of_app.get(instance.app, {})
        of_app.pop(instance.id, None)
        if not of_app:
            self._of_app.pop(instance.app, None)

    def _changed(self, status: InstanceStatus) -> None:
        actor = self._actors.get(status.id)
        if status.state == "stopped" and actor is not None and not self._stopping:
            task = asyncio.get_running_loop().create_task(self._forget(status.id))
            self._forgetting.add(task)
            task.add_done_callback(self._forgetting.discard)
        for listener in list(self._listeners):
            listener(status)

    async def _forget(self, instance_id: str) -> None:
        """Keep no longer what has ended because its lease is over: it must not come back."""
        async with self._turns.setdefault(instance_id, asyncio.Lock()):
            try:
                known = await self._office.read(lambda view: tenures(view, [instance_id]))
            except Refusal as refusal:  # the next start looks at its lease anyway
                log.warning("instance %s is not forgotten yet: %s", instance_id, refusal.detail)
                return
            tenure = known.get(instance_id)
            if tenure is None or not tenure.is_live(self._rooms.clock.now()):
                await asyncio.to_thread(self._store.drop, instance_id)

    async def _end_leftover(self, instance: Instance) -> None:
        """What a process before this one left running, as containers go on without it."""
        try:
            await self._rooms.runtimes.of(instance.kind).stop(instance.id, 0.0)
        except Refusal as refusal:
            log.error("what is left of instance %s could not be ended: %s", instance.id, refusal.detail)
