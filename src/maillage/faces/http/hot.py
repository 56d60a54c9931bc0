"""The two routes that carry the load, as bare ASGI: a framework would cost more than the lease.

They take their asks apart with the same documents and give them to the same office as everything else.
"""

from time import monotonic
from typing import Any

import msgspec

from maillage.bootstrap import Chain
from maillage.faces import problems
from maillage.faces.http.answers import JSON, Receive, Scope, Send, decoded, read_body, send_body, send_json
from maillage.faces.operations.tally import Tally
from maillage.kernel import spans
from maillage.kernel.asks import Ask
from maillage.kernel.documents import KEY_MAX, AskDocument, LeaseDocument, LeasesGrantedDocument, ask_of, digest_of
from maillage.kernel.errors import Invalid, Refusal
from maillage.tenancy.access import Principal

BATCH_MAX = 1_000
_NOT_IN_BATCH = Invalid("count", "an ask for several sites is all or nothing and stands by itself, not in a batch")


class BatchDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Asks that are granted or refused each by itself, in this order."""

    leases: list[AskDocument]


class BatchResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """``lease`` with status 201, or ``problem`` with the status it would have had by itself."""

    status: int
    lease: LeaseDocument | None = None
    problem: dict[str, Any] | None = None


class BatchResults(msgspec.Struct, frozen=True):
    """As many results as there were asks, in their order."""

    results: list[BatchResult]


class HotRoutes:
    """POST /v1/leases and POST /v1/leases/batch."""

    def __init__(self, chain: Chain, tally: Tally) -> None:
        self._office = chain.office
        self._policy = chain.policy
        self._tally = tally
        self._ask = msgspec.json.Decoder(AskDocument)
        self._batch = msgspec.json.Decoder(BatchDocument)
        self._encode = msgspec.json.Encoder().encode

    async def lease(self, principal: Principal, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        try:
            document: AskDocument = decoded(self._ask, body)
            ask = self._checked(document, principal)
            key = _idempotency_key(scope)
            digest = None if key is None else digest_of(document)
            with spans.span("ask"):
                if ask.asks_for_several:
                    principal.charge(ask.leases_wanted - 1, monotonic(), counted=1)
                    leases = await self._office.lease_all(principal.tenant, ask, key, digest)
                else:
                    lease = await self._office.lease(principal.tenant, ask, key, digest)
        except Refusal as refusal:
            self._tally.refused[refusal.slug] += 1
            raise
        self._tally.granted[ask.cls] += 1
        if ask.asks_for_several:
            await send_json(send, 201, LeasesGrantedDocument(leases))
            return
        location = ((b"location", f"/v1/leases/{lease.id}".encode()),)
        await send_body(send, 201, JSON, self._encode(lease), location)

    async def batch(self, principal: Principal, scope: Scope, receive: Receive, send: Send) -> None:
        document: BatchDocument = decoded(self._batch, await read_body(receive))
        if not 1 <= len(document.leases) <= BATCH_MAX:
            raise Invalid("leases", f"a batch has 1 to {BATCH_MAX} asks, not {len(document.leases)}")
        principal.charge(len(document.leases) - 1, monotonic(), counted=1)  # the gate has counted the request as one
        asks: list[Ask | Refusal] = []
        for item in document.leases:
            try:
                ask = self._checked(item, principal)
                asks.append(_NOT_IN_BATCH if ask.asks_for_several else ask)
            except Refusal as refusal:
                asks.append(refusal)
        key = _idempotency_key(scope)
        digests = [None if key is None else digest_of(item) for item in document.leases]
        with spans.span("ask", {"maillage.asks": len(asks)}):
            answers = await self._office.lease_batch(principal.tenant, asks, key, digests)
        for item, answer in zip(document.leases, answers, strict=True):
            if isinstance(answer, Refusal):
                self._tally.refused[answer.slug] += 1
            else:
                self._tally.granted[item.lease_class] += 1
        await send_json(send, 200, BatchResults([_result(answer) for answer in answers]))

    def _checked(self, document: AskDocument, principal: Principal) -> Ask:
        principal.require_class(document.lease_class)
        return ask_of(document, self._policy)


def _result(answer: LeaseDocument | Refusal) -> BatchResult:
    if isinstance(answer, LeaseDocument):
        return BatchResult(201, lease=answer)
    problem = problems.of_refusal(answer)
    return BatchResult(problem["status"], problem=problem)


def _idempotency_key(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"idempotency-key":
            key: str = value.decode("latin-1").strip()
            if not 1 <= len(key) <= KEY_MAX or not key.isprintable():
                raise Invalid("Idempotency-Key", f"is 1 to {KEY_MAX} printable characters")
            return key
    return None
