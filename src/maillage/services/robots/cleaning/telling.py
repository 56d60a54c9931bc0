"""Notices of cleanings: what began, what stands, how it ended, with figures."""

import logging
from typing import Any

from maillage.kernel.errors import Refusal
from maillage.kernel.notices import Notices
from maillage.services.robots.cleaning.model import Cleaning

log = logging.getLogger(__name__)


class Teller:
    """What can't be told is logged: a cleaning does not wait for it."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices

    async def tell(self, cleaning: Cleaning, verb: str, **more: Any) -> None:
        """``robots.cleaning.<verb>`` about a cleaning."""
        data = {"floor": cleaning.floor, **figures_of(cleaning), **more}
        if cleaning.schedule:
            data["schedule"] = cleaning.schedule
        try:
            await self._notices.note(cleaning.site, f"robots.cleaning.{verb}", f"cleanings/{cleaning.id}", data)
        except Refusal as refusal:
            log.warning("cleaning %s: that it is %s could not be told: %s", cleaning.id, verb, refusal.detail)


def figures_of(cleaning: Cleaning) -> dict[str, Any]:
    """How it does, small."""
    run = cleaning.runs[-1] if cleaning.runs else None
    return {
        "robot": cleaning.robot if run is None else run.robot,
        "runs": len(cleaning.runs),
        "share": round(cleaning.share, 4),
        "cleaned_m2": cleaning.cleaned_m2,
        "left_m2": cleaning.left_m2,
        "reason": cleaning.reason,
        "detail": cleaning.detail[:300],
    }
