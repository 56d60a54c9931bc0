"""Readiness: each part says for itself whether it works, and none can hang or break the answer."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from maillage.kernel import readiness
from maillage.kernel.errors import NotReady
from maillage.kernel.readiness import Readiness


async def fine() -> None:
    pass


async def full() -> None:
    raise NotReady("3 MiB are free, 64 are needed")


async def broken() -> None:
    raise ConnectionError("password=secret at 10.0.0.7")


async def hanging() -> None:
    await asyncio.Event().wait()


def report(**checks: Callable[[], Awaitable[object]]) -> dict[str, str]:
    one = Readiness()
    for name, check in checks.items():
        one.add(name, check)
    return asyncio.run(one.report())


def test_each_check_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "WITHIN_S", 0.02)
    assert report(writer=hanging, disk=full, records=broken, bus=fine) == {
        "writer": "no answer within 0.02 s",
        "disk": "3 MiB are free, 64 are needed",
        "records": "ConnectionError",
        "bus": "ok",
    }


def test_why_something_broke_is_for_the_log_only(caplog: pytest.LogCaptureFixture) -> None:
    assert "secret" not in str(report(records=broken))
    assert "password=secret" in caplog.text


def test_who_asks_at_the_same_time_or_soon_after_gets_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0

    async def counted() -> None:
        nonlocal made
        made += 1

    async def story() -> None:
        one = Readiness()
        one.add("counted", counted)
        await asyncio.gather(*(one.report() for _ in range(5)))
        await one.report()

    monkeypatch.setattr(readiness, "KEEP_S", 60.0)
    asyncio.run(story())
    assert made == 1
    monkeypatch.setattr(readiness, "KEEP_S", 0.0)
    asyncio.run(story())
    assert made == 3


def test_who_goes_away_spoils_nothing_for_the_others() -> None:
    async def story() -> dict[str, str]:
        one = Readiness()
        may_go = asyncio.Event()
        one.add("slow", may_go.wait)
        leaves, stays = asyncio.create_task(one.report()), asyncio.create_task(one.report())
        await asyncio.sleep(0)
        leaves.cancel()
        await asyncio.sleep(0)
        may_go.set()
        return await stays

    assert asyncio.run(story()) == {"slow": "ok"}
