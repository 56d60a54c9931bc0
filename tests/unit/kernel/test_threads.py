"""Work in a thread is done when its caller goes on, also where the caller was cancelled."""

import asyncio
import threading

import pytest

from maillage.kernel.threads import to_the_end


def test_it_hands_on_what_the_work_returns_and_raises() -> None:
    assert asyncio.run(to_the_end(divmod, 7, 2)) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(to_the_end(divmod, 7, 0))


@pytest.mark.parametrize("fails", [False, True])
def test_who_is_cancelled_goes_on_only_when_the_work_is_done(fails: bool) -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(10)
        done.set()
        if fails:
            raise OSError("too late to tell")

    async def cancelled() -> None:
        working = asyncio.create_task(to_the_end(work))
        await asyncio.to_thread(begun.wait, 10)
        working.cancel()
        await asyncio.sleep(0.05)
        assert not working.done() and not done.is_set()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert done.is_set()

    asyncio.run(cancelled())
