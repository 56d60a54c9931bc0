"""Work in threads that whoever waits for it can't leave behind."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def to_the_end(work: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
    """What ``work`` returns, done in a thread. A thread can't be stopped: where the caller is cancelled meanwhile, that
    is told only once the work is done, so that what is undone thereafter was not still being done."""
    working = asyncio.ensure_future(asyncio.to_thread(work, *args, **more))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise
