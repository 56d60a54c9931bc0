"""Quotas at a hub: what a tenant may have, over all stores, counting what is asked for and not yet seen granted."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from maillage.kernel.quotas import Pending, require
from maillage.kernel.scribe import View
from maillage.mesh.asking import Owners
from maillage.mesh.mirror import Mirror

CATCH_UP_S = 2.0
"""How long what was granted counts as pending at most, where its events don't come."""


class Allowance:
    """Exact for one hub. Several hubs see each other's grants a moment later, so that together they may exceed a quota
    by what is under way at the same instant."""

    def __init__(self, glance: Callable[[], View], mirror: Mirror, owners: Owners) -> None:
        self._glance = glance
        self._mirror = mirror
        self._owners = owners
        self._pending: dict[str, list[Pending]] = {}

    @asynccontextmanager
    async def reserved(
        self, tenant: str, needs: Mapping[str, int], start: int, end: int, count: int = 1
    ) -> AsyncIterator[None]:
        """Count needs at ``count`` sites while they are asked for; QuotaExceeded where they are too many."""
        view = self._glance()
        if tenant not in view.policy.quotas:
            yield
            return
        pending = self._pending.setdefault(tenant, [])
        wanted = {kind: quantity * count for kind, quantity in needs.items()}
        require(view.ledger, view.policy.quotas, tenant, wanted, start, end, pending)
        mine = Pending(wanted, start, end)
        pending.append(mine)
        try:
            yield
            await self._mirror.reach_all(self._owners.acknowledged, CATCH_UP_S)
        finally:
            pending.remove(mine)
            if not pending:
                self._pending.pop(tenant, None)
