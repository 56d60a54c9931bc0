"""Requests that an app makes: to the hosts that its deployment lists, at addresses that were looked at."""

import asyncio
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx
import msgspec

import maillage
from maillage.services.compute.ports import HeaderList
from maillage.tenancy.webhooks.targets import Resolve, is_public, resolve_by_system

CONNECT_WITHIN_S = 5.0
_PORTS = {"http": 80, "https": 443}
_METHOD = re.compile(r"[A-Z]{1,16}")
_URL = re.compile(r"[!#-;=?-\[\]_a-z~]{1,4096}")
_OURS = {"host", "content-length", "connection", "transfer-encoding", "upgrade", "te", "trailer", "expect"}
_OURS |= {"proxy-connection", "keep-alive", "accept-encoding"}


class NotSent(Exception):
    """The request may not be made; the text says why."""


class NotAnswered(Exception):
    """It was made, or tried, and came to nothing; the text says why."""


class Answer(msgspec.Struct):
    status: int
    headers: HeaderList
    body: bytes


class Outgoing(msgspec.Struct):
    method: str
    url: str
    headers: HeaderList
    body: bytes


class OutboundHttp:
    """Runs on the event loop. Connections are not kept, nor shared between tenants."""

    def __init__(self, resolve: Resolve = resolve_by_system) -> None:
        self._resolve = resolve
        self._client: httpx.AsyncClient | None = None

    async def send(self, request: Outgoing, listed: Sequence[str], within_s: float, body_max: int) -> Answer:
        """NotSent, NotAnswered. A host on the list is reached at public addresses; at another one only where the list
        has that very address too."""
        scheme, host, port = _target(request, listed)
        try:
            async with asyncio.timeout(within_s):
                address = await self._address(host, port, listed)
                return await self._exchange(request, scheme, host, port, address, body_max)
        except TimeoutError:
            raise NotAnswered(f"no answer within {within_s:.1f} s") from None
        except httpx.LocalProtocolError as fault:
            raise NotSent(f"it can't be sent: {fault}"[:200]) from None
        except (httpx.HTTPError, OSError) as fault:
            raise NotAnswered(f"{type(fault).__name__}: {fault}".rstrip(": ")[:200]) from None
        except (httpx.InvalidURL, ValueError) as fault:
            raise NotSent(f"it can't be sent: {fault}"[:200]) from None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _address(self, host: str, port: int, listed: Sequence[str]) -> str:
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError):
            addresses = []
        if not addresses:
            raise NotAnswered(f"{host} can't be resolved to an address")
        for address in addresses:
            if not is_public(address) and not _lists(listed, address, port):
                raise NotSent(f"{host} leads to {address}, which is not public; list that address too to allow it")
        return addresses[0]

    async def _exchange(
        self, request: Outgoing, scheme: str, host: str, port: int, address: str, body_max: int
    ) -> Answer:
        client = self._opened()
        parts = urlsplit(request.url)
        headers = [(name, value) for name, value in request.headers if name.lower() not in _OURS]
        name = f"[{host}]" if ":" in host else host
        headers.append(("host", name if port == _PORTS[scheme] else f"{name}:{port}"))
        headers.append(("accept-encoding", "identity"))
        shown = f"[{address}]" if ":" in address else address
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = client.build_request(
            *(request.method, f"{scheme}://{shown}:{port}{path}"),
            headers=headers,
            content=request.body,
            extensions={"sni_hostname": host},  # the certificate is the name's, the connection goes to the address
        )
        answer = await client.send(sent, stream=True)
        try:
            body = bytearray()
            async for part in answer.aiter_raw():
                body += part
                if len(body) > body_max:
                    raise NotAnswered(f"the answer's body has more than {body_max} bytes")
        finally:
            await answer.aclose()
        return Answer(answer.status_code, list(answer.headers.multi_items()), bytes(body))

    def _opened(self) -> httpx.AsyncClient:
        """Made when it is first needed: loading the certificates of the world takes a while."""
        if self._client is None:
            self._client = httpx.AsyncClient(
                headers={"user-agent": f"Maillage/{maillage.__version__}"},
                timeout=httpx.Timeout(None, connect=CONNECT_WITHIN_S),
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
                follow_redirects=False,
                trust_env=False,
            )
        return self._client


def _target(request: Outgoing, listed: Sequence[str]) -> tuple[str, str, int]:
    if not _METHOD.fullmatch(request.method):
        raise NotSent(f"{request.method[:20]!r} is no method")
    if not _URL.fullmatch(request.url):
        raise NotSent("the URL holds characters that a URL can't have, or more than 4096 of them")
    try:
        parts = urlsplit(request.url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError as fault:
        raise NotSent(f"it is no URL: {fault}") from None
    host = parts.hostname or ""
    if not port or not host or "@" in parts.netloc:
        raise NotSent("the URL must begin with http:// or https:// and a host, without a user")
    if not _lists(listed, host, port):
        raise NotSent(f"{host}:{port} is not on the deployment's outbound list")
    return parts.scheme, host, port


def _lists(listed: Sequence[str], host: str, port: int) -> bool:
    """An entry without a port means the ports that the web has by default."""
    name = f"[{host}]" if ":" in host else host
    return any(
        entry.lower() == f"{name}:{port}" or (entry.lower() in (name, host) and port in _PORTS.values())
        for entry in listed
    )
