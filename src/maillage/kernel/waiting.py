"""Waiting for an event, but not for ever."""

import asyncio


async def signalled(event: asyncio.Event, within_s: float | None) -> bool:
    """Whether the event was set within that time; None waits for as long as it takes.

    ``asyncio.wait_for`` won't do: before Python 3.12 it loses a cancellation that comes just as the event is set.
    """
    try:
        async with asyncio.timeout(within_s):
            return await event.wait()
    except TimeoutError:
        return event.is_set()
