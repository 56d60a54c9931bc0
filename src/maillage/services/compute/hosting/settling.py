"""Waiting for instances to run as they were told to."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from maillage.kernel.waiting import signalled
from maillage.services.compute.hosting.ports import StatusListener
from maillage.services.compute.model import InstanceStatus


class Statuses(Protocol):
    def status(self, instance_id: str) -> InstanceStatus | None: ...

    def subscribe(self, listener: StatusListener) -> Callable[[], None]: ...


async def until_settled(hosts: Statuses, instance_ids: Iterable[str], within_s: float) -> None:
    """Wait until each runs as it was told to or is known not to, or so long."""
    waiting = {name for name in instance_ids if (status := hosts.status(name)) and status.settled == "no"}
    done = asyncio.Event()

    def heard(status: InstanceStatus) -> None:
        if status.settled != "no" or status.state in ("stopping", "stopped"):
            waiting.discard(status.id)
            if not waiting:
                done.set()

    unsubscribe = hosts.subscribe(heard)
    try:
        if waiting:
            await signalled(done, within_s)
    finally:
        unsubscribe()
