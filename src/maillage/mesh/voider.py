"""Making keys void at sites whose answer never came, however long it takes to reach them."""

import asyncio
import logging

from maillage.kernel.errors import Refusal
from maillage.mesh.asking import Owners
from maillage.mesh.attempt import key_at
from maillage.mesh.directory import Directory
from maillage.mesh.messages import VoidKey
from maillage.mesh.ports import MeshRecords, Void

log = logging.getLogger(__name__)

EVERY_S = 2.0
AT_ONCE = 32


class Voider:
    """Several hubs may do the same at the same time: making void twice is the same as once."""

    def __init__(self, owners: Owners, directory: Directory, records: MeshRecords) -> None:
        self._owners = owners
        self._directory = directory
        self._records = records

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.once()
            except Exception:
                log.exception("keys could not be made void; they will be")
            await asyncio.sleep(EVERY_S)

    async def once(self) -> None:
        """Try all that can be reached."""
        due = [void for void in await asyncio.to_thread(self._records.voids) if self._directory.reaches(void.site)]
        for start in range(0, len(due), AT_ONCE):
            await asyncio.gather(*(self._make_void(void) for void in due[start : start + AT_ONCE]))

    async def _make_void(self, void: Void) -> None:
        try:
            request = VoidKey(void.tenant, key_at(void.key, void.site), void.at)
            await self._owners.ask(void.site, request, bool)
        except Refusal as refusal:
            log.info("the key of %s at %s is not void yet: %s", void.tenant, void.site, refusal.detail)
        else:
            await asyncio.to_thread(self._records.drop_void, void)
