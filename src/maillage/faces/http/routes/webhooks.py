"""Webhooks: a tenant's own addresses that are told what happens to its leases; an operator's hear of everything."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta

from maillage.faces.http.routes.parameters import PAGE_DEFAULT, Caller, Limit, TheChain
from maillage.kernel.errors import Invalid, NotAllowed
from maillage.kernel.times import format_time
from maillage.tenancy.access import Principal
from maillage.tenancy.webhooks.ports import Delivery, Webhook

IDS_MAX = 1_000


class NewWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``types`` are types of CloudEvents, ``*`` at the end for all that begin so; everything that the tenant may follow
    where there are none. ``tenant`` is for operators."""

    url: Annotated[str, Meta(min_length=1, max_length=2_048)]
    types: list[Annotated[str, Meta(min_length=1, max_length=100)]] = []
    tenant: Annotated[str, Meta(max_length=64)] | None = None


class WebhookDocument(msgspec.Struct, frozen=True):
    """``reason`` says why it is disabled; ``failing_since`` is set while nothing is taken."""

    id: str
    tenant: str
    url: str
    types: list[str]
    state: Literal["enabled", "disabled"]
    reason: str | None
    created_at: str
    failing_since: str | None


class WebhookDocuments(msgspec.Struct, frozen=True):
    """Webhooks, the oldest first."""

    items: list[WebhookDocument]
    next: None = None


class IssuedSecret(msgspec.Struct, frozen=True):
    """``secret`` is shown this once."""

    id: str
    secret: str


class RotatedSecret(msgspec.Struct, frozen=True):
    """``secret`` is shown this once; the former one signs too until ``former_until``."""

    id: str
    secret: str
    former_until: str


class WebhookTest(msgspec.Struct, frozen=True):
    """``id`` is the ``webhook-id`` that it was sent by; ``status`` what the receiver answered, if it did."""

    id: str
    delivered: bool
    status: int | None
    reason: str | None


class DeadLetter(msgspec.Struct, frozen=True):
    """An event that was given up, and why."""

    id: str
    attempts: int
    reason: str
    given_up_at: str
    event: dict[str, Any]


class DeadLetters(msgspec.Struct, frozen=True):
    """A page of them, in the order in which they happened."""

    items: list[DeadLetter]
    next: str | None


class ReplayDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which dead letters to try again; all of them without ``ids``."""

    ids: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=IDS_MAX)] | None = None


class Replayed(msgspec.Struct, frozen=True):
    """How many are tried again."""

    replayed: int


@post("/v1/webhooks", summary="Register an address; its secret is shown once")
async def create_webhook(data: JSONBody[NewWebhook], chain: TheChain, principal: Caller) -> IssuedSecret:
    _sees(principal)
    tenant, sees = principal.tenant, principal.sees
    if data.tenant not in (None, principal.tenant):
        principal.require_operator()
        owner = chain.access.tenant(data.tenant)
        tenant, sees = owner.id, owner.id if owner.role == "tenant" else None
    issued = await chain.webhooks.create(tenant, sees, data.url, data.types)
    await chain.audit.done(principal, "webhook.create", issued.webhook.id, f"for {tenant}")
    return IssuedSecret(issued.webhook.id, issued.secret)


@get("/v1/webhooks", summary="Webhooks, the oldest first; a tenant sees its own")
async def list_webhooks(
    chain: TheChain,
    principal: Caller,
    tenant: Annotated[str | None, QueryParameter(max_length=64, description="for those who see all")] = None,
) -> WebhookDocuments:
    found = await chain.webhooks.list_webhooks(_sees(principal) or tenant)
    return WebhookDocuments([_document(webhook) for webhook in found])


@get("/v1/webhooks/{webhook:str}", summary="One webhook")
async def get_webhook(webhook: FromPath[str], chain: TheChain, principal: Caller) -> WebhookDocument:
    return _document(await chain.webhooks.get(webhook, _sees(principal)))


@delete("/v1/webhooks/{webhook:str}", summary="Forget a webhook, and what was to be delivered to it")
async def delete_webhook(webhook: FromPath[str], chain: TheChain, principal: Caller) -> None:
    await chain.webhooks.delete(webhook, _sees(principal))
    await chain.audit.done(principal, "webhook.delete", webhook)


@post("/v1/webhooks/{webhook:str}/rotate", summary="A new secret, shown once", status_code=200)
async def rotate_webhook(webhook: FromPath[str], chain: TheChain, principal: Caller) -> RotatedSecret:
    issued = await chain.webhooks.rotate(webhook, _sees(principal))
    await chain.audit.done(principal, "webhook.rotate", webhook)
    return RotatedSecret(webhook, issued.secret, format_time(issued.webhook.former_until))


@post("/v1/webhooks/{webhook:str}/test", summary="Send a made-up event now, and say what came of it", status_code=200)
async def test_webhook(webhook: FromPath[str], chain: TheChain, principal: Caller) -> WebhookTest:
    tested = await chain.webhooks.test(webhook, _sees(principal))
    outcome = tested.outcome
    return WebhookTest(tested.message_id, outcome.taken, outcome.status, outcome.reason or None)


@get("/v1/webhooks/{webhook:str}/dead", summary="Dead letters: events that were given up, each with the reason")
async def list_dead(
    webhook: FromPath[str],
    chain: TheChain,
    principal: Caller,
    cursor: Annotated[str | None, QueryParameter(max_length=20, description="the `next` of the former page")] = None,
    limit: Limit = PAGE_DEFAULT,
) -> DeadLetters:
    dead = await chain.webhooks.dead(webhook, _sees(principal), _after(cursor), limit + 1)
    more = str(dead[limit - 1].number) if len(dead) > limit else None
    return DeadLetters([_dead_letter(delivery) for delivery in dead[:limit]], more)


@post("/v1/webhooks/{webhook:str}/replay", summary="Try dead letters again, all or those named", status_code=200)
async def replay_webhook(
    webhook: FromPath[str],
    chain: TheChain,
    principal: Caller,
    data: JSONBody[ReplayDocument | None] = None,
) -> Replayed:
    count = await chain.webhooks.replay(webhook, _sees(principal), None if data is None else data.ids)
    await chain.audit.done(principal, "webhook.replay", webhook, f"{count} deliveries")
    return Replayed(count)


@post("/v1/webhooks/{webhook:str}/enable", summary="Send again to a webhook that was disabled", status_code=200)
async def enable_webhook(webhook: FromPath[str], chain: TheChain, principal: Caller) -> WebhookDocument:
    enabled = await chain.webhooks.enable(webhook, _sees(principal))
    await chain.audit.done(principal, "webhook.enable", webhook)
    return _document(enabled)


def _sees(principal: Principal) -> str | None:
    """The tenant whose webhooks the caller may see and move, None for those of all. NotAllowed for nodes."""
    if principal.role == "node":
        raise NotAllowed("webhooks are for tenants and operators; this key is a node's")
    return principal.sees


def _after(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise Invalid("cursor", "is not one that this list gave; start again without it")
    return int(cursor)


def _document(webhook: Webhook) -> WebhookDocument:
    return WebhookDocument(
        webhook.id,
        webhook.tenant,
        webhook.url,
        webhook.types,
        "enabled" if webhook.disabled_at is None else "disabled",
        webhook.reason or None,
        format_time(webhook.created_at),
        None if webhook.failing_since is None else format_time(webhook.failing_since),
    )


def _dead_letter(delivery: Delivery) -> DeadLetter:
    event = msgspec.json.decode(delivery.body)
    return DeadLetter(delivery.id, delivery.attempts, delivery.reason, format_time(delivery.settled_at or 0), event)


HANDLERS = [
    create_webhook,
    list_webhooks,
    get_webhook,
    delete_webhook,
    rotate_webhook,
    test_webhook,
    list_dead,
    replay_webhook,
    enable_webhook,
]
