"""Waiting for an event, but not for ever, and never beyond one's own end."""

import asyncio

import pytest

from maillage.kernel.waiting import signalled


def test_it_says_whether_the_event_came_in_time() -> None:
    async def main() -> tuple[bool, bool]:
        event = asyncio.Event()
        late = await signalled(event, 0.01)
        asyncio.get_running_loop().call_soon(event.set)
        return late, await signalled(event, 10)

    assert asyncio.run(main()) == (False, True)


@pytest.mark.parametrize("turns", range(4))
def test_a_cancellation_that_comes_with_the_event_is_not_lost(turns: int) -> None:
    """Somebody who waits over and over would never end else, and whoever stops it waits for ever."""

    async def over_and_over(event: asyncio.Event) -> None:
        while True:
            event.clear()
            await signalled(event, 0.05)

    async def main() -> None:
        event = asyncio.Event()
        waiting = asyncio.get_running_loop().create_task(over_and_over(event))
        await asyncio.sleep(0.01)
        event.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        done, _ = await asyncio.wait([waiting], timeout=1)
        assert done

    asyncio.run(main())
