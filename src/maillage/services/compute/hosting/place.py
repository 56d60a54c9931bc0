"""One place on a lease in which code runs: brought up, looked at, left."""

import asyncio
import logging
import os
from pathlib import Path

import msgspec

from maillage.kernel.ports import Clock
from maillage.services.compute.errors import CodeFault
from maillage.services.compute.hosting.health import problem_of
from maillage.services.compute.hosting.ports import CodeByDigest, LogsOfInstances, MetersOfInstances, RuntimesByKind
from maillage.services.compute.model import BESIDE, CodeKind, Health, Instance
from maillage.services.compute.ports import Runtime

log = logging.getLogger(__name__)

START_MAX_S = 300.0
"""What does not start within five minutes, an image that has to be fetched included, did not start."""
STOP_MAX_S = 30.0
"""How long a runtime may take to end something once its grace is over."""
PROBE_EVERY_MAX_S = 1.0
"""How often to ask one that has just started whether it is healthy, whatever its checks are afterwards."""
SIDE_BY_SIDE: frozenset[CodeKind] = frozenset({"component", "command"})
"""Of these two can run on one lease for the moment of a change, since they hold nothing between requests. A container
has its memory and its port for itself all the time, and its lease has room for one."""


class Rooms(msgspec.Struct, frozen=True):
    """What all places of a site share."""

    runtimes: RuntimesByKind
    blobs: CodeByDigest
    clock: Clock
    logs: LogsOfInstances
    metering: MetersOfInstances


class Place(msgspec.Struct, frozen=True):
    """Where an instance runs; ``name`` is what its runtime knows it by."""

    instance: Instance
    name: str
    runtime: Runtime

    @property
    def runs(self) -> bool:
        return self.name in self.runtime.running()


def other_name(place: Place) -> str:
    """The other of the two places that a lease has."""
    lease = place.instance.lease
    return lease if place.name != lease else lease + BESIDE


def can_stand_beside(former: Instance, latter: Instance) -> bool:
    return former.kind in SIDE_BY_SIDE and latter.kind in SIDE_BY_SIDE


async def brought_up(rooms: Rooms, instance: Instance, name: str) -> Place:
    """The place, once what runs there is healthy. CodeFault or another refusal says why it is not, and then nothing
    runs there; the same when this is cancelled."""
    place = Place(instance, name, rooms.runtimes.of(instance.kind))
    code = Path(os.devnull) if instance.reference else await rooms.blobs.path(instance.digest)
    note, count = rooms.logs.note(instance.id), rooms.metering.count(instance.id)
    try:
        try:
            async with asyncio.timeout(START_MAX_S):
                await place.runtime.start(msgspec.structs.replace(instance, id=name), code, note, count)
        except TimeoutError:
            raise CodeFault(f"it did not start within {START_MAX_S:g} s", instance=instance.id, fault="time") from None
        await _until_healthy(place, instance.settings.health)
    except BaseException:
        await asyncio.shield(left(place, 0.0))
        raise
    return place


async def left(place: Place, grace_s: float) -> None:
    """End what runs there. A runtime that fails at it is told of in the log: nobody could do more about it."""
    try:
        async with asyncio.timeout(grace_s + STOP_MAX_S):
            await place.runtime.stop(place.name, grace_s)
    except Exception as fault:
        log.error("instance %s could not be ended: %s: %s", place.name, type(fault).__name__, fault)


async def _until_healthy(place: Place, health: Health) -> None:
    """As long as an instance that serves may fail its checks, so long one that starts may take to pass the first."""
    if not health.path:
        return
    ends_at = asyncio.get_running_loop().time() + health.every_s * health.failures
    while problem := await problem_of(place.runtime, place.name, health):
        if not place.runs:
            raise CodeFault("it ended as it started", instance=place.instance.id, fault="exit")
        wait_s = min(health.every_s, PROBE_EVERY_MAX_S)
        if asyncio.get_running_loop().time() + wait_s > ends_at:
            raise CodeFault(f"it did not become healthy: {problem}", instance=place.instance.id, fault="answer")
        await asyncio.sleep(wait_s)
