"""Claims: which site an idempotency key was taken to, remembered by all hubs before the site is asked.

Many asks come at the same time, and one commit of the records serves them all.
"""

import asyncio
from collections.abc import Sequence

import msgspec

from maillage.mesh.ports import Claim, MeshRecords, Void

BATCH_MAX = 256
SEVERAL = "*"
"""Stands in a claim for the place where an order for several sites is, before the order's id."""


class ClaimDesk:
    """Gathers claims while the last batch is on its way to the records."""

    def __init__(self, records: MeshRecords) -> None:
        self._records = records
        self._waiting: list[tuple[Claim, asyncio.Future[Claim]]] = []
        self._task: asyncio.Task[None] | None = None

    async def claim(self, claim: Claim) -> Claim:
        """Enter the claim unless its key has one; what stands."""
        answer: asyncio.Future[Claim] = asyncio.get_running_loop().create_future()
        self._waiting.append((claim, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())
        return await answer

    async def move(self, claim: Claim, site: str, voided: bool) -> bool:
        """Take it to another site, if it still stands as given."""
        return await asyncio.to_thread(self._records.move_claim, claim, site, voided)

    async def settle(self, claim: Claim) -> bool:
        """Let nobody move it, if it still stands as given."""
        return await asyncio.to_thread(self._records.settle_claim, claim)

    async def give_up(self, claim: Claim) -> bool:
        """Forget it, and note that what its site may have granted must be made void, if it still stands as given."""
        if claim.site:
            if not await self.move(claim, "", True):
                return False
            claim = msgspec.structs.replace(claim, site="")
        return await self.drop(claim)

    async def drop(self, claim: Claim) -> bool:
        """Forget it, if it still stands as given."""
        return await asyncio.to_thread(self._records.drop_claim, claim)

    async def void(self, tenant: str, key: str, site: str, now: int) -> None:
        """Note that a key must be made void at a site."""
        await asyncio.to_thread(self._records.add_void, Void(tenant, key, site, now))

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
            try:
                stand = await asyncio.to_thread(self._records.claims, [claim for claim, _ in batch])
            except Exception as fault:
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(fault)
            else:
                _give(batch, stand)


def _give(batch: Sequence[tuple[Claim, asyncio.Future[Claim]]], stand: Sequence[Claim]) -> None:
    for (_, answer), claim in zip(batch, stand, strict=True):
        if not answer.done():
            answer.set_result(claim)
