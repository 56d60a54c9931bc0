"""What the mesh needs from outside: a bus between processes, and records that the hubs of a chain share."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from maillage.kernel.sites import Site

SUBJECT_SEPARATOR = "."


class Unreachable(Exception):
    """Nobody serves the subject, or no answer came in time: what was asked may or may not have been done."""


class Message(msgspec.Struct, frozen=True):
    """What came over the bus. ``headers`` carry the trace and nothing that the meaning depends on."""

    subject: str
    body: bytes
    headers: Mapping[str, str] = {}


Serve = Callable[[Message], Awaitable[bytes]]
Hear = Callable[[Message], Awaitable[None]]


class Subscription(Protocol):
    async def stop(self) -> None:
        """Take no more messages."""
        ...


class Bus(Protocol):
    """Carries bytes between processes. Subjects are words with dots between; those that are listened to may hold ``*``
    for one word and end in ``>`` for all that follow, as NATS has it.

    It promises little on purpose: a request may be lost, come late, or be done though its answer is lost; what is
    carried comes at least once, mostly in order. Whoever uses it numbers what matters and asks again for gaps.
    """

    @property
    def connected(self) -> bool: ...

    async def request(
        self, subject: str, body: bytes, timeout_s: float, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """The answer of whoever serves the subject; Unreachable at once where nobody does, else after the timeout."""
        ...

    async def serve(self, subject: str, handler: Serve) -> Subscription:
        """Answer requests, several at a time. A handler that raises leaves the request without an answer."""
        ...

    async def send(self, subject: str, body: bytes) -> None:
        """Tell whoever listens now; lost where nobody does or the line is down."""
        ...

    async def listen(self, subject: str, handler: Hear) -> Subscription:
        """Hear what is sent, one message after another."""
        ...

    async def carry(self, subject: str, body: bytes, message_id: str) -> None:
        """Hand over a message that is kept for those who collect, also while they are away; when this returns the
        carrier has it. The same ``message_id`` again soon after is dropped. Unreachable where it could not be handed
        over (and may have been all the same)."""
        ...

    async def collect(self, subject: str, name: str, handler: Hear) -> Subscription:
        """Get what is carried, each message at least once, one after another, from where the collector ``name`` left
        off. A message counts as got when its handler returns, and comes again when it raises."""
        ...

    async def close(self) -> None: ...


class NodeRecord(msgspec.Struct, frozen=True):
    """A node that was enrolled. ``public_key`` proves who it is on the bus; times are seconds UTC. A node that was
    revoked speaks for no site any more."""

    id: str
    public_key: str
    created_at: int
    revoked_at: int | None = None


class SiteEntry(msgspec.Struct, frozen=True):
    """A site as the hub's directory has it, and the node that owns its ledger (None: not in the mesh yet)."""

    site: Site
    node: str | None = None


class Enrolment(msgspec.Struct, frozen=True):
    """A token by which one node may join for these sites, once, before ``expires_at``. ``digest`` is the token's
    SHA-256; ``node`` the id that the node will have."""

    id: str
    digest: str
    node: str
    sites: list[str]
    created_at: int
    expires_at: int
    used_at: int | None = None


class Claim(msgspec.Struct, frozen=True):
    """Where a tenant's idempotency key was taken to (nowhere, where ``site`` is empty). ``digest`` stands for the body
    that came with the key, ``maker`` for the one attempt that entered it and alone may take it elsewhere, unless a
    repeat has ``settled`` it."""

    tenant: str
    key: str
    digest: str
    site: str
    at: int
    maker: str
    settled: bool = False

    @property
    def name(self) -> str:
        """The key by which owners are asked: of this attempt alone. What is made void for it takes nothing from a
        later attempt with the same key of the caller's."""
        return f"{self.key}@{self.maker}"


class Void(msgspec.Struct, frozen=True):
    """A key, as its owner was asked with it, that a site may have granted though its answer never came: to be made void
    there, however late. ``at`` is when it was asked, or a little earlier."""

    tenant: str
    key: str
    site: str
    at: int


class MultiOrder(msgspec.Struct, frozen=True):
    """An ask for several sites: ``body`` is its state, ``step`` one of holding, confirming, done, undone.

    ``hub`` works on it; after ``alive_until`` (seconds UTC) another may take it over.
    """

    id: str
    hub: str
    step: str
    alive_until: int
    body: bytes


class EscrowRule(msgspec.Struct, frozen=True):
    """How much of a kind a hub holds at each site to sell while the site is out of reach: ``quantity`` thousandths, but
    no more than ``share`` (0 to 1) of the pool's size, always for at least ``ahead_s`` seconds to come."""

    kind: str
    quantity: int
    share: float
    ahead_s: int


class MeshRecords(Protocol):
    """The hub's directory and what its hubs must not forget. Each call is durable when it returns; several hub
    processes share them, and each call is atomic among all."""

    def sites(self) -> list[SiteEntry]:
        """In the order in which they came."""
        ...

    def put_sites(self, sites: Sequence[Site]) -> None:
        """Enter sites or replace their records; who owns them stays."""
        ...

    def nodes(self) -> list[NodeRecord]: ...

    def add_enrolment(self, enrolment: Enrolment) -> None: ...

    def enrolments(self) -> list[Enrolment]:
        """All that were made, the newest last."""
        ...

    def redeem(self, digest: str, public_key: str, sites: Sequence[str], at: int) -> NodeRecord | None:
        """Use a token up: enter its node with this key, give it these sites (all among the token's), and revoke nodes
        that owned one of them and own nothing else then. None, and nothing changed, where there is no such token, it
        was used, or has expired."""
        ...

    def revoke_node(self, node: str, at: int) -> None:
        """The node speaks for nothing any more; its sites have no owner until another is enrolled for them."""
        ...

    def claims(self, wanted: Sequence[Claim]) -> list[Claim]:
        """Enter those claims whose (tenant, key) has none yet, and return what stands for each, in order."""
        ...

    def move_claim(self, claim: Claim, site: str, voided: bool) -> bool:
        """Take a key to another site, if it still stands exactly as given; with ``voided``, note in the same step that
        its name must be made void at the former one. False, and nothing changed, where it stands otherwise, or is
        settled."""
        ...

    def settle_claim(self, claim: Claim) -> bool:
        """Let nobody move it any more, if it still stands exactly as given."""
        ...

    def drop_claim(self, claim: Claim) -> bool:
        """Forget it, if it still stands exactly as given."""
        ...

    def forget_claims(self, before: int) -> int:
        """Drop claims made before an instant, and finished orders kept alive until then; how many claims."""
        ...

    def add_void(self, void: Void) -> None: ...

    def voids(self) -> list[Void]:
        """Those not yet acknowledged by their sites."""
        ...

    def drop_void(self, void: Void) -> None: ...

    def put_order(self, order: MultiOrder) -> bool:
        """Enter an order, or replace the one of that id. False, and nothing changed, where it is finished or another
        hub works on it."""
        ...

    def order(self, order_id: str) -> MultiOrder | None: ...

    def finish_order(self, order: MultiOrder, voids: Sequence[Void]) -> bool:
        """In one step: like ``put_order`` (the step is done or undone then), and enter what must be made void."""
        ...

    def take_orders(self, hub: str, now: int, alive_until: int) -> list[MultiOrder]:
        """Take over the orders under way (neither done nor undone) that nobody keeps alive any more."""
        ...

    def escrow_rules(self) -> list[EscrowRule]: ...

    def put_escrow_rule(self, rule: EscrowRule) -> None:
        """A rule of quantity 0 removes that of its kind."""
        ...
