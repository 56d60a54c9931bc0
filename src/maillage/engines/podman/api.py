"""Podman's REST interface (libpod) over a Unix socket, as far as it is used here."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any

import httpx

BASE = "http://podman/v4.0.0/libpod"
WITHIN_S = 60.0
SLOW_S = 600.0


class PodmanFault(Exception):
    """Podman answered no, or not at all (``status`` 0)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """Each call gives the parsed answer, or raises PodmanFault."""

    def __init__(self, socket: str) -> None:
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=socket, limits=httpx.Limits(keepalive_expiry=1.0)),
        )

    async def get(self, path: str, **params: Any) -> Any:
        return await self._call("GET", path, params)

    async def post(self, path: str, body: Any = None, **params: Any) -> Any:
        """Never cut short: who is cancelled waits for podman's answer first, so that what it made is known."""
        content = None if body is None else json.dumps(body).encode()
        return await _whole(self._call("POST", path, params, content, "application/json"))

    async def delete(self, path: str, **params: Any) -> None:
        """Does nothing where there is nothing of that name. Never cut short."""
        try:
            await _whole(self._call("DELETE", path, params))
        except PodmanFault as fault:
            if fault.status != 404:
                raise

    async def exists(self, path: str) -> bool:
        try:
            await self._call("GET", f"{path}/exists", {})
        except PodmanFault as fault:
            if fault.status == 404:
                return False
            raise
        return True

    async def send(self, path: str, kind: str, body: AsyncIterator[bytes] | bytes, **params: Any) -> Any:
        """Post a body of another sort than JSON, or something that takes long: within SLOW_S."""
        return await self._call("POST", path, params, body, kind, SLOW_S)

    async def answers(self) -> bool:
        try:
            await self._call("GET", "/_ping", {})
        except PodmanFault:
            return False
        return True

    async def close(self) -> None:
        await self._client.aclose()

    async def _call(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any],
        content: AsyncIterator[bytes] | bytes | None = None,
        kind: str = "",
        within_s: float = WITHIN_S,
    ) -> Any:
        headers = {"content-type": kind} if content is not None else {}
        try:
            answer = await self._client.request(
                method, BASE + path, params=params, content=content, headers=headers, timeout=within_s
            )
        except httpx.HTTPError as fault:
            raise PodmanFault(0, f"podman does not answer: {str(fault) or type(fault).__name__}") from None
        if answer.status_code >= 400:
            raise PodmanFault(answer.status_code, _message(answer))
        return _parsed(answer)


async def _whole(work: Coroutine[Any, Any, Any]) -> Any:
    task = asyncio.get_running_loop().create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])[:500]
    except (ValueError, KeyError, TypeError):
        return answer.text[:500]


def _parsed(answer: httpx.Response) -> Any:
    """One document, or of a pull, which tells every step, the list of them."""
    try:
        return json.loads(answer.text)
    except ValueError:
        return [json.loads(line) for line in answer.text.splitlines() if line.startswith("{")]
