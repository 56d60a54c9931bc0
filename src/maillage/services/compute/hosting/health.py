"""Health checks: a request like any other, by the way that any other takes. The code can't tell it from one, and it is
metered like one: who sets a path asks for it, and without a path there is none."""

import asyncio
from collections.abc import AsyncIterator

from maillage.kernel.errors import Refusal
from maillage.services.compute.model import Health
from maillage.services.compute.ports import Inbound, Runtime

HEALTHY = range(200, 400)


async def problem_of(runtime: Runtime, place: str, health: Health) -> str:
    """Why the check at ``GET path`` failed, empty where it passed; ``place`` is what the runtime knows it by."""
    headers = [("host", "localhost"), ("user-agent", "maillage-health")]
    path, _, query = health.path.partition("?")
    try:
        async with asyncio.timeout(health.timeout_s):
            answer = await runtime.invoke(place, Inbound("GET", path, query, headers, _no_body()))
            async for _ in answer.body:
                pass
    except TimeoutError:
        return f"GET {health.path} took longer than {health.timeout_s:g} s"
    except Refusal as refusal:
        return f"GET {health.path}: {refusal.detail}"
    return "" if answer.status in HEALTHY else f"GET {health.path} answered {answer.status}"


async def _no_body() -> AsyncIterator[bytes]:
    return
    yield b""
