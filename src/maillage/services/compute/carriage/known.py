"""What a hub knows of instances: those that the records want, and what the owners of their sites said of them last.

A node is believed about its own sites alone, and about no instance there that neither the records want nor a lease of
the chain carries.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from maillage.kernel.leases import site_of
from maillage.kernel.ports import Clock
from maillage.mesh.directory import Directory
from maillage.services.compute.carriage.messages import InstancesGiven, Told, mark_of
from maillage.services.compute.model import Instance, InstanceStatus

RELOAD_S = 1.0
"""All that the records want is read again no more often, whoever asks for what is not known."""
TURNS = 5
"""Reads of a deployment's instances that may find it changed meanwhile, before what is so now has to do."""


class _Heard(msgspec.Struct, frozen=True):
    node: str
    boot: str
    told: Told


class _Position(msgspec.Struct):
    """How far a node was heard; ``naming`` are those named since it began anew, None once that was all."""

    boot: str
    upto: int
    naming: set[str] | None


class InstanceRecords(Protocol):
    """What is wanted in stores. Calls block; threads may come at once."""

    def instances(self, deployment_id: str | None = None) -> list[Instance]: ...


class Known:
    """Use on one event loop."""

    def __init__(
        self, directory: Directory, records: InstanceRecords, is_lease: Callable[[str], bool], clock: Clock
    ) -> None:
        self._directory = directory
        self._records = records
        self._is_lease = is_lease
        self._clock = clock
        self._began_at = clock.now()
        self._wanted: dict[str, Instance] = {}
        self._marks: dict[str, str] = {}
        self._of_app: dict[str, dict[str, Instance]] = {}
        self._of_digest: dict[str, dict[str, Instance]] = {}
        self._of_deployment: dict[str, dict[str, Instance]] = {}
        self._of_site: dict[str, dict[str, Instance]] = {}
        self._heard: dict[str, dict[str, _Heard]] = {}  # by site
        self._doubtful: dict[str, set[str]] = {}  # by node
        self._positions: dict[str, _Position] = {}
        self._changes = 0
        self._reloading = asyncio.Lock()
        self._reloaded_at = 0.0

    # -- what is wanted ------------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Take over all that the records want."""
        await self._read(None)
        self._reloaded_at = time.monotonic()

    async def reload(self) -> None:
        """The same, unless that was done a moment ago."""
        async with self._reloading:
            if time.monotonic() - self._reloaded_at >= RELOAD_S:
                await self.load()

    async def look_up(self, deployment_id: str) -> None:
        """Take over what the records want of a deployment; another hub may have changed it."""
        await self._read(deployment_id)

    def want(self, instance: Instance) -> None:
        self._changes += 1
        self._drop(instance.id)
        self._enter(instance)

    def unwant(self, instance_id: str) -> None:
        self._changes += 1
        self._drop(instance_id)
        self._sure(instance_id)

    def doubt(self, instance_id: str) -> None:
        """It was not put, or nobody knows whether it was: that is to be looked into once its node is heard again."""
        node = self._directory.owner(site_of(instance_id))
        if node is not None:
            self._doubtful.setdefault(node, set()).add(instance_id)

    def doubts(self, node: str) -> set[str]:
        """Those of a node's instances; they are doubted no more."""
        return self._doubtful.pop(node, set())

    def wanted(self, instance_id: str) -> Instance | None:
        return self._wanted.get(instance_id)

    def needs(self, node: str, digest: str) -> bool:
        """Whether something with this code is to run at one of the node's sites."""
        return any(self._directory.owns(node, instance.site) for instance in self._of_digest.get(digest, {}).values())

    # -- what is so ----------------------------------------------------------------------------------------------

    def position(self, node: str) -> tuple[str, int]:
        """The node's start that was heard of, and up to which change of it."""
        position = self._positions.get(node)
        return ("", 0) if position is None else (position.boot, position.upto)

    def hear(self, node: str, boot: str, told: Told) -> bool:
        """What a node says of one instance; whether that was news, and the node's to say."""
        name, site = told.id, site_of(told.id)
        if not self._directory.owns(node, site):
            return False
        former = self._heard.get(site, {}).get(name)
        if former is not None and (former.node, former.boot) == (node, boot) and former.told.number >= told.number:
            return False
        if told.status is not None and (told.status.id != name or not (name in self._wanted or self._is_lease(name))):
            return False
        self._sure(name)
        if told.status is None:
            return self._heard.get(site, {}).pop(name, None) is not None or name in self._wanted
        self._heard.setdefault(site, {})[name] = _Heard(node, boot, told)
        return True

    def hear_page(self, node: str, given: InstancesGiven) -> set[str]:
        """What a node says of many: ids of those of which there is news."""
        position = self._positions.get(node)
        if given.since == 0 or position is None or position.boot != given.boot:
            position = self._positions[node] = _Position(given.boot, given.upto, set())
        news = {told.id for told in given.items if self.hear(node, given.boot, told)}
        if position.naming is not None:
            position.naming.update(told.id for told in given.items)
        position.upto = given.upto
        if not given.more and position.naming is not None:
            news |= self._all_named(node, position.naming)
            position.naming = None
        return news

    def stale(self, node: str, items: Sequence[Told]) -> set[str]:
        """Deployments of instances that a node has otherwise than is known here to be wanted: another hub may have
        changed them."""
        found = set()
        for told in items:
            instance = self._wanted.get(told.id)
            is_so = instance is None if told.status is None else told.mark == self._marks.get(told.id)
            if not is_so and self._directory.owns(node, site_of(told.id)):
                found.add(told.deployment if instance is None else instance.deployment)
        return found

    def status(self, instance_id: str) -> InstanceStatus | None:
        """As its node said it last. ``unknown`` where that is out of reach, or was not heard of it since this hub
        started; None where it said that there is no such instance, or nobody wants one."""
        instance, heard = self._wanted.get(instance_id), self._believed(instance_id)
        if heard is None and instance is None:
            return None
        node = self._directory.owner(site_of(instance_id))
        reachable = node is not None and self._directory.is_reachable(node)
        status = None if heard is None else heard.told.status
        if reachable and status is not None:
            return status
        if reachable and node is not None and self._is_sure(node, instance_id):
            return None
        detail = "its store has not said yet" if reachable else "its store is out of reach"
        if status is not None:
            return InstanceStatus(instance_id, status.digest, "unknown", status.since, status.restarts, detail)
        digest = "" if instance is None else instance.digest
        return InstanceStatus(instance_id, digest, "unknown", self._began_at, 0, detail)

    def statuses(self) -> list[InstanceStatus]:
        """Of all that are wanted, but those of which their nodes know nothing. From any thread."""
        return [status for name in list(self._wanted) if (status := self.status(name)) is not None]

    def deployment_of(self, instance_id: str) -> str | None:
        instance = self._wanted.get(instance_id)
        if instance is not None:
            return instance.deployment
        heard = self._believed(instance_id)
        return None if heard is None else heard.told.deployment

    def is_told(self, instance: Instance) -> bool:
        """Whether its node was last told to run exactly this, or can't be told anything now."""
        status = self.status(instance.id)
        if status is not None and status.state == "unknown":
            return True
        heard = self._believed(instance.id)
        return heard is not None and heard.told.mark == mark_of(instance)

    def ready(self, app_id: str) -> list[Instance]:
        """Instances of an app whose nodes are within reach and said that they take requests: anybody's, which those of
        sessions don't."""
        found = []
        for name, instance in self._of_app.get(app_id, {}).items():
            if instance.of_session:
                continue
            status = self.status(name)
            if status is not None and status.state == "ready":
                found.append(instance)
        return found

    # -- keeping the books ---------------------------------------------------------------------------------------

    def _believed(self, instance_id: str) -> _Heard | None:
        """Its site may have another owner by now."""
        site = site_of(instance_id)
        heard = self._heard.get(site, {}).get(instance_id)
        return heard if heard is not None and self._directory.owns(heard.node, site) else None

    def _is_sure(self, node: str, instance_id: str) -> bool:
        """Whether what the node did not name does not exist there."""
        position = self._positions.get(node)
        return position is not None and position.naming is None and instance_id not in self._doubtful.get(node, ())

    def _sure(self, instance_id: str) -> None:
        self._doubtful.get(self._directory.owner(site_of(instance_id)) or "", set()).discard(instance_id)

    def _all_named(self, node: str, named: set[str]) -> set[str]:
        """Forget what the node does not name any more; ids of that, and of what it should have named."""
        lacking = set()
        for site in self._directory.sites_of(node):
            heard = self._heard.get(site, {})
            gone = heard.keys() - named
            for name in gone:
                del heard[name]
            lacking |= gone | (self._of_site.get(site, {}).keys() - named)
        return lacking

    async def _read(self, deployment_id: str | None) -> None:
        """Of a deployment, or of all."""
        for _ in range(TURNS):
            changes = self._changes
            found = await asyncio.to_thread(self._records.instances, deployment_id)
            if changes == self._changes:
                break
        self._take_over(found, deployment_id)

    def _take_over(self, instances: Sequence[Instance], deployment_id: str | None) -> None:
        found = {instance.id for instance in instances}
        former = self._wanted if deployment_id is None else self._of_deployment.get(deployment_id, {})
        for name in [name for name in former if name not in found]:
            self._drop(name)
        for instance in instances:
            if self._wanted.get(instance.id) != instance:
                self._drop(instance.id)
                self._enter(instance)

    def _enter(self, instance: Instance) -> None:
        self._wanted[instance.id] = instance
        self._marks[instance.id] = mark_of(instance)
        for index, key in self._indexes(instance):
            index.setdefault(key, {})[instance.id] = instance

    def _drop(self, instance_id: str) -> None:
        instance = self._wanted.pop(instance_id, None)
        if instance is None:
            return
        del self._marks[instance_id]
        for index, key in self._indexes(instance):
            of_key = index[key]
            del of_key[instance_id]
            if not of_key:
                del index[key]

    def _indexes(self, instance: Instance) -> list[tuple[dict[str, dict[str, Instance]], str]]:
        return [
            (self._of_app, instance.app),
            (self._of_digest, instance.digest),
            (self._of_deployment, instance.deployment),
            (self._of_site, instance.site),
        ]
