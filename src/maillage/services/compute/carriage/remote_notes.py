"""Lines for the logs of instances in stores, from a hub: said once, and lost where the store does not hear."""

import asyncio
import logging

from maillage.kernel.errors import Refusal
from maillage.kernel.leases import site_of
from maillage.services.compute.carriage.asking import ASK_TIMEOUT_S, InstanceOwners
from maillage.services.compute.carriage.messages import LineNoted, NoteLine
from maillage.services.compute.model import LogLine
from maillage.services.compute.ports import Note

log = logging.getLogger(__name__)


class RemoteNotes:
    """``hosting.ports.LogsOfInstances``. Use on one event loop."""

    def __init__(self, owners: InstanceOwners) -> None:
        self._owners = owners
        self._sending: set[asyncio.Task[None]] = set()

    def note(self, instance_id: str) -> Note:
        def noted(line: LogLine) -> None:
            task = asyncio.get_running_loop().create_task(self._send(instance_id, line))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

        return noted

    async def stop(self) -> None:
        """What is not said by now is not said."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    async def _send(self, instance_id: str, line: LogLine) -> None:
        try:
            await self._owners.ask(site_of(instance_id), NoteLine(instance_id, line), LineNoted, ASK_TIMEOUT_S)
        except Refusal as refusal:
            log.info("%s is not told %r: %s", instance_id, line.text, refusal.detail)
