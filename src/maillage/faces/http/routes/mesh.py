"""The mesh, at a hub: its nodes, the tokens that admit them, and what stores hold in escrow for it."""

from asyncio import to_thread
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post, put
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from maillage.bootstrap import Chain, Mesh
from maillage.faces.http.routes.parameters import Caller, TheChain
from maillage.kernel.documents import Quantity, ShortText
from maillage.kernel.errors import Invalid, NotFound
from maillage.kernel.quantities import from_thousandths, to_thousandths
from maillage.kernel.times import format_time
from maillage.mesh.directory import NodeStatus
from maillage.mesh.enrolment import EXPIRES_S, SITES_MAX, Joined
from maillage.mesh.errors import EnrolmentRefused
from maillage.mesh.ports import Enrolment, EscrowRule
from maillage.tenancy.principal import Principal

AHEAD_MIN_S, AHEAD_MAX_S = 300, 90 * 86_400


class Nodes(msgspec.Struct, frozen=True):
    """All nodes that were ever enrolled."""

    items: list[NodeStatus]
    next: None = None


class NewEnrolment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A node to be, and the sites that it will own."""

    node: ShortText
    sites: Annotated[list[ShortText], Meta(min_length=1, max_length=SITES_MAX)]
    expires_s: int = EXPIRES_S


class EnrolmentDocument(msgspec.Struct, frozen=True):
    """``token`` is there once, in the answer that made it; ``used_at`` when a node has joined with it."""

    id: str
    node: str
    sites: list[str]
    created_at: str
    expires_at: str
    used_at: str | None
    token: str | None = None


class Enrolments(msgspec.Struct, frozen=True):
    """All tokens that were made, the newest last."""

    items: list[EnrolmentDocument]
    next: None = None


class JoinDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a node joins with: the operator's token, the public half of its own key, and the sites it means to own."""

    token: Annotated[str, Meta(max_length=200)]
    public_key: Annotated[str, Meta(max_length=100)]
    sites: Annotated[list[ShortText], Meta(min_length=1, max_length=SITES_MAX)]


class NewEscrowRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At each store that offers the kind: so much of it, but at most this share of the pool, always for at least
    ``ahead_s`` seconds to come."""

    quantity: Quantity
    share: Annotated[float, Meta(gt=0, le=1)] = 0.25
    ahead_s: Annotated[int, Meta(ge=AHEAD_MIN_S, le=AHEAD_MAX_S)] = 86_400


class EscrowDocument(msgspec.Struct, frozen=True):
    """A rule, with the quantity in the kind's unit."""

    kind: str
    quantity: int | float
    share: float
    ahead_s: int


class EscrowRules(msgspec.Struct, frozen=True):
    """All rules; none for a kind means that nothing of it is held."""

    items: list[EscrowDocument]
    next: None = None


@post("/enrol", summary="Join as a node, with a token; needs no key", status_code=201)
async def join(data: JSONBody[JoinDocument], chain: TheChain, request: Request[Any, Any, Any]) -> Joined:
    enrolments = _mesh(chain).enrolments
    try:
        joined = await enrolments.join(data.token, data.public_key, data.sites)
    except (EnrolmentRefused, Invalid) as refusal:
        address = request.client.host if request.client else ""
        chain.identity.require_patience(address)
        chain.audit.refused(None, "node.join", refusal.slug, address, ",".join(data.sites[:5]))
        raise
    await chain.audit.done(
        Principal(joined.node, "node", f"node:{joined.node}"), "node.join", joined.node, ",".join(data.sites[:20])
    )
    return joined


@get("/v1/nodes", summary="The nodes of the chain: within reach or not, how far behind, what is wrong")
async def list_nodes(chain: TheChain, principal: Caller) -> Nodes:
    principal.require_staff()
    return Nodes(_mesh(chain).hub.nodes())


@delete("/v1/nodes/{node:str}", summary="Let a node speak for nothing any more")
async def revoke_node(node: FromPath[str], chain: TheChain, principal: Caller) -> None:
    principal.require_operator()
    await _mesh(chain).enrolments.revoke(node)
    await chain.audit.done(principal, "node.revoke", node)


@post("/v1/nodes/{node:str}/readmit", summary="Hear a node again that was set aside", status_code=200)
async def readmit_node(node: FromPath[str], chain: TheChain, principal: Caller) -> NodeStatus:
    principal.require_operator()
    hub = _mesh(chain).hub
    found = [status for status in hub.nodes() if status.id == node]
    if not found:
        raise NotFound(f"there is no node {node[:64]!r}")
    hub.mirror.readmit(node)
    await chain.audit.done(principal, "node.readmit", node, found[0].set_aside or "")
    return next(status for status in hub.nodes() if status.id == node)


@post("/v1/enrolments", summary="Make a token by which one node may join, once", status_code=201)
async def create_enrolment(data: JSONBody[NewEnrolment], chain: TheChain, principal: Caller) -> EnrolmentDocument:
    principal.require_operator()
    enrolment, token = await _mesh(chain).enrolments.invite(data.node, data.sites, data.expires_s)
    await chain.audit.done(principal, "node.invite", data.node, ",".join(data.sites[:20]))
    return _enrolment(enrolment, token)


@get("/v1/enrolments", summary="Tokens that were made, without the tokens themselves")
async def list_enrolments(chain: TheChain, principal: Caller) -> Enrolments:
    principal.require_operator()
    return Enrolments([_enrolment(enrolment) for enrolment in await _mesh(chain).enrolments.all()])


@get("/v1/escrow", summary="What stores are asked to hold for the hub, by kind")
async def list_escrow(chain: TheChain, principal: Caller) -> EscrowRules:
    principal.require_staff()
    rules = await to_thread(_mesh(chain).hub.records.escrow_rules)
    return EscrowRules([_escrow(rule) for rule in rules])


@put("/v1/escrow/{kind:str}", summary="Have stores hold some of a kind, for the hub to sell while they are cut off")
async def put_escrow(
    kind: FromPath[str], data: JSONBody[NewEscrowRule], chain: TheChain, principal: Caller
) -> EscrowDocument:
    principal.require_operator()
    chain.policy.require_kind(kind)
    rule = EscrowRule(kind, to_thousandths(data.quantity, "quantity"), data.share, data.ahead_s)
    await to_thread(_mesh(chain).hub.records.put_escrow_rule, rule)
    await chain.audit.done(principal, "escrow.set", kind, f"{from_thousandths(rule.quantity)}, share {rule.share}")
    return _escrow(rule)


@delete("/v1/escrow/{kind:str}", summary="Hold no more of a kind: what is held runs out")
async def drop_escrow(kind: FromPath[str], chain: TheChain, principal: Caller) -> None:
    principal.require_operator()
    records = _mesh(chain).hub.records
    if kind not in {rule.kind for rule in await to_thread(records.escrow_rules)}:
        raise NotFound(f"there is no escrow of {kind[:40]!r}")
    await to_thread(records.put_escrow_rule, EscrowRule(kind, 0, 1.0, AHEAD_MIN_S))
    await chain.audit.done(principal, "escrow.drop", kind)


def _mesh(chain: Chain) -> Mesh:
    if chain.mesh is None:
        raise NotFound("this server is not a hub, so it has no nodes; 'maillage hub' starts one")
    return chain.mesh


def _enrolment(enrolment: Enrolment, token: str | None = None) -> EnrolmentDocument:
    used_at = None if enrolment.used_at is None else format_time(enrolment.used_at)
    created_at, expires_at = format_time(enrolment.created_at), format_time(enrolment.expires_at)
    return EnrolmentDocument(enrolment.id, enrolment.node, enrolment.sites, created_at, expires_at, used_at, token)


def _escrow(rule: EscrowRule) -> EscrowDocument:
    return EscrowDocument(rule.kind, from_thousandths(rule.quantity), rule.share, rule.ahead_s)


HANDLERS = [
    join,
    list_nodes,
    revoke_node,
    readmit_node,
    create_enrolment,
    list_enrolments,
    list_escrow,
    put_escrow,
    drop_escrow,
]
