"""Notices of robots, one after the other, while the robots themselves never wait for it."""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, NamedTuple

from maillage.kernel.errors import Category, Refusal
from maillage.kernel.notices import Notices

log = logging.getLogger(__name__)
WAITING_MAX = 10_000
AGAIN_S = 5.0
SAME_AFTER_S = 600.0
"""The same fault of a robot is news again after so long."""
FAULTS_MAX = 20
"""Faults of one robot that are told within ``SAME_AFTER_S``: one that stammers must not fill the store's sequence."""


class _Notice(NamedTuple):
    site: str
    topic: str
    about: str
    data: dict[str, Any]


class Teller:
    """What can't be told now is tried again; what is refused is logged and left out."""

    def __init__(self, notices: Notices, monotonic: Callable[[], float]) -> None:
        self._notices = notices
        self._monotonic = monotonic
        self._waiting: deque[_Notice] = deque()
        self._told: dict[str, dict[str, float]] = defaultdict(dict)
        self._some = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._tell_all())

    async def stop(self, within_s: float = 5.0) -> None:
        """What waits is told first, if that does not take too long."""
        try:
            async with asyncio.timeout(within_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("%d notices of robots were not taken", len(self._waiting))
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def tell(self, site: str, topic: str, about: str, **data: Any) -> None:
        """Soon."""
        if len(self._waiting) >= WAITING_MAX:
            log.error("the notice %s of %s is lost: %d wait to be taken", topic, about, WAITING_MAX)
            return
        self._waiting.append(_Notice(site, topic, about, data))
        self._idle.clear()
        self._some.set()

    def tell_fault(self, site: str, robot: str, kind: str, **data: Any) -> None:
        """A ``robots.error``, unless it was told of a moment ago or the robot has told too many."""
        now = self._monotonic()
        told = {key: at for key, at in self._told[robot].items() if now - at < SAME_AFTER_S}
        self._told[robot] = told
        key = f"{kind} {sorted(data.items())!r}"
        if key in told or len(told) >= FAULTS_MAX:
            return
        told[key] = now
        self.tell(site, "robots.error", f"robots/{robot}", type=kind, **data)

    async def _tell_all(self) -> None:
        while True:
            while self._waiting:
                if not await self._took(self._waiting[0]):
                    await asyncio.sleep(AGAIN_S)
                    continue
                self._waiting.popleft()
            self._idle.set()
            await self._some.wait()
            self._some.clear()

    async def _took(self, notice: _Notice) -> bool:
        try:
            await self._notices.note(*notice)
        except Refusal as refusal:
            if refusal.category is Category.UNAVAILABLE:
                return False
            log.warning("the notice %s of %s was refused: %s", notice.topic, notice.about, refusal.detail)
        except Exception:
            log.exception("the notice %s of %s could not be taken", notice.topic, notice.about)
        return True
