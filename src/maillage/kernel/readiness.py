"""Whether a process can do its work now: checks that each part of it adds, made when somebody asks."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from maillage.kernel.errors import NotReady

log = logging.getLogger(__name__)

OK = "ok"
WITHIN_S = 1.0
"""How long a check may take before it counts as failed."""
KEEP_S = 1.0
"""How long an answer is given again: whoever may ask without a key must not be able to keep a disk busy."""

Check = Callable[[], Awaitable[object]]
"""Returns where all is well, raises where not: NotReady, whose detail is shown to everybody, or whatever went wrong,
of which only the type is."""


class Readiness:
    """The checks of a process by name, in the order in which they were added."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._keep_until = 0.0
        self._looking: asyncio.Task[dict[str, str]] | None = None

    def add(self, name: str, check: Check) -> None:
        """Have ``check`` made whenever somebody asks. It should be cheap; longer than a second is a failure."""
        self._checks[name] = check

    async def report(self) -> dict[str, str]:
        """``ok`` or what is wrong, for each check."""
        if self._looking is None or (self._looking.done() and time.monotonic() >= self._keep_until):
            self._looking = asyncio.get_running_loop().create_task(self._look())
        return await asyncio.shield(self._looking)

    async def _look(self) -> dict[str, str]:
        found = await asyncio.gather(*(_made(name, check) for name, check in self._checks.items()))
        self._keep_until = time.monotonic() + KEEP_S
        return dict(zip(self._checks, found, strict=True))


async def _made(name: str, check: Check) -> str:
    try:
        async with asyncio.timeout(WITHIN_S):
            await check()
    except TimeoutError:
        return f"no answer within {WITHIN_S:g} s"
    except NotReady as refusal:
        return refusal.detail
    except Exception as fault:
        log.warning("%s is not ready", name, exc_info=fault)
        return type(fault).__name__
    return OK
