"""Waiting for what goes over the wire and comes back, in the machine's time."""

import asyncio
from collections.abc import Callable

from maillage.kernel.errors import NotReady

WITHIN_S = 60.0
LOOK_S = 0.0005


async def until(condition: Callable[[], object], what: str, within_s: float = WITHIN_S) -> None:
    """Return once it holds; NotReady, naming what was waited for, where that takes too long."""
    try:
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110  what is waited for is at the other end of a wire
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        raise NotReady(f"waited for {within_s:g} s until {what}; is this machine overloaded?") from None
