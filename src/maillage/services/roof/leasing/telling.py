"""Notices of roof leases: who did what, where."""

import logging
from typing import Any

from maillage.kernel.errors import Refusal
from maillage.kernel.notices import Notices
from maillage.services.roof.leasing.model import RoofLease

log = logging.getLogger(__name__)

MOUNTS_TOLD = 20
"""A notice has no room for more."""


class Teller:
    """What can't be told is logged: a roof lease does not wait for it."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices

    async def tell(self, lease: RoofLease) -> None:
        """``roof.lease.<act>`` about the last step of a lease."""
        step = lease.history[-1]
        data: dict[str, Any] = {
            "tenant": lease.tenant,
            "state": lease.state,
            "by": step.by,
            "mounts": list(lease.mounts[:MOUNTS_TOLD]),
            "lease": lease.lease,
            "note": step.note[:300],
        }
        try:
            await self._notices.note(lease.site, f"roof.lease.{step.act}", f"roof-leases/{lease.id}", data)
        except Refusal as refusal:
            log.warning("roof lease %s: %s could not be told: %s", lease.id, step.act, refusal.detail)
