"""Sending one request: to an address that was looked at, within a time, reading next to nothing of the answer."""

import asyncio
import ssl
from collections.abc import Mapping

import httpx

import maillage
from maillage.kernel.errors import Invalid
from maillage.kernel.ports import Clock
from maillage.tenancy.webhooks.ports import Outcome
from maillage.tenancy.webhooks.schedule import retry_after_s
from maillage.tenancy.webhooks.targets import Resolve, Target, parse_target, resolve_by_system, resolved

CONNECT_WITHIN_S = 5.0
WITHIN_S = 15.0
ADDRESSES_TRIED = 2
READ_MAX = 4_096
"""Bytes of an answer's body that are read, so that an ordinary end of it is not cut off; nothing is kept of them."""
READ_WITHIN_S = 1.0
_REASON_MAX = 200


class HttpSender:
    """Connections are not kept: a name is resolved and looked at for every request, and two names at one address may
    not share what was proved for one of them."""

    def __init__(
        self,
        clock: Clock,
        allow_local: bool,
        resolve: Resolve = resolve_by_system,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._clock = clock
        self._allow_local = allow_local
        self._resolve = resolve
        self._tls = tls
        self._client: httpx.AsyncClient | None = None

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Post a body, once; whatever goes wrong is in the outcome."""
        try:
            async with asyncio.timeout(WITHIN_S):
                target = parse_target(url, self._allow_local)
                addresses = await resolved(target, self._allow_local, self._resolve)
                return await self._try(target, addresses[:ADDRESSES_TRIED], headers, body)
        except TimeoutError:
            return Outcome(None, f"no answer within {WITHIN_S:g} s")
        except Invalid as refusal:
            return Outcome(None, refusal.detail[:_REASON_MAX])
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as fault:
            return Outcome(None, _told(fault))

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _try(self, target: Target, addresses: list[str], headers: Mapping[str, str], body: bytes) -> Outcome:
        """At the first address that takes a connection."""
        for address in addresses[:-1]:
            try:
                return await self._post(target, address, headers, body)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._post(target, addresses[-1], headers, body)

    async def _post(self, target: Target, address: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        sent = {
            "host": target.host_header,
            "content-type": "application/cloudevents+json",
            "accept-encoding": "identity",
            **headers,
        }
        client, url = self._opened(), target.url_at(address)
        # The certificate is checked against the name although the connection goes to the address.
        by_name = {"sni_hostname": target.host}
        answer = await client.send(
            client.build_request("POST", url, headers=sent, content=body, extensions=by_name), stream=True
        )
        try:
            await _skim(answer)
        finally:
            await answer.aclose()
        wait_s = retry_after_s(answer.headers.get("retry-after"), self._clock.now())
        outcome = Outcome(answer.status_code, retry_after_s=wait_s)
        return outcome if outcome.taken else Outcome(answer.status_code, f"answered {answer.status_code}", wait_s)

    def _opened(self) -> httpx.AsyncClient:
        """Made when it is first needed: loading the certificates of the world takes a while."""
        if self._client is None:
            self._client = httpx.AsyncClient(
                verify=self._tls or True,
                headers={"user-agent": f"Maillage/{maillage.__version__}"},
                timeout=httpx.Timeout(WITHIN_S, connect=CONNECT_WITHIN_S),
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
                follow_redirects=False,
                trust_env=False,  # a proxy would resolve the name again, and be told of the secret parts of URLs
            )
        return self._client


async def _skim(answer: httpx.Response) -> None:
    """The status has come, so the request was taken or not: what becomes of the body changes nothing."""
    got = 0
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            async for part in answer.aiter_raw():
                got += len(part)
                if got > READ_MAX:
                    return
    except (httpx.HTTPError, TimeoutError):
        return


def _told(fault: Exception) -> str:
    """What went wrong, by the sort of it where the library has no words."""
    if isinstance(fault, httpx.ConnectTimeout):
        return f"no connection within {CONNECT_WITHIN_S:g} s"
    return f"{type(fault).__name__}: {fault}".rstrip(": ")[:_REASON_MAX]
