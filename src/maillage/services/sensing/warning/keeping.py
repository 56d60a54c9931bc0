"""Keeping what early warning has learnt: days of it, which a restart must not cost."""

import asyncio
import logging
from typing import Protocol

from maillage.kernel.errors import Malformed
from maillage.kernel.threads import to_the_end
from maillage.services.sensing.warning.early import EarlyWarning

log = logging.getLogger(__name__)
SAVE_EVERY_S = 900.0
"""A crash costs so much of what was learnt, out of days."""


class Learnt(Protocol):
    """Where it is kept. OSError where that can't be done."""

    def load(self) -> bytes | None: ...

    def save(self, body: bytes) -> None: ...


class WarningKeeper:
    """Restores at the start, saves now and then and at the end."""

    def __init__(self, warning: EarlyWarning, learnt: Learnt) -> None:
        self._warning = warning
        self._learnt = learnt
        self._saving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        try:
            saved = await to_the_end(self._learnt.load)
            if saved is not None:
                self._warning.restore(saved)
        except (OSError, Malformed) as fault:
            log.warning("what early warning had learnt is lost: %s", fault)
        self._saving = asyncio.get_running_loop().create_task(self._save_now_and_then())

    async def stop(self) -> None:
        if self._saving is not None:
            self._saving.cancel()
            await asyncio.gather(self._saving, return_exceptions=True)
            self._saving = None
            await self._save()

    async def _save_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            await self._save()

    async def _save(self) -> None:
        if not self._warning.anything_learnt:
            return
        try:
            await to_the_end(self._learnt.save, self._warning.save())
        except OSError as fault:
            log.warning("what early warning has learnt could not be kept: %s", fault)
