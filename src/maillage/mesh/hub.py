"""A hub: it knows the whole chain, finds in its mirror, and has the owners decide. Several may serve one chain."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from maillage.kernel.announcer import Announcer
from maillage.kernel.find import Finder
from maillage.kernel.owner import OwnerOffice
from maillage.kernel.policy import Policy
from maillage.kernel.ports import Clock, Journal, SnapshotStore
from maillage.kernel.sites import HOLDING
from maillage.kernel.writer import Writer
from maillage.mesh.allowance import Allowance
from maillage.mesh.asking import Headers, Owners
from maillage.mesh.claims import ClaimDesk
from maillage.mesh.directory import Directory, NodeStatus
from maillage.mesh.enrolment import Credentials
from maillage.mesh.escrow import EVERY_S as ESCROW_EVERY_S
from maillage.mesh.escrow import Escrow
from maillage.mesh.follower import Follower
from maillage.mesh.history import history_page, sites_page
from maillage.mesh.messages import (
    CHANGED_SUBJECT,
    UNREADABLE,
    Alive,
    CredentialsGiven,
    CredentialsWanted,
    HistoryGiven,
    HistoryWanted,
    HubRequest,
    PolicyGiven,
    PolicyWanted,
    ServiceWanted,
    SitesWanted,
)
from maillage.mesh.mirror import Mirror, Told
from maillage.mesh.node import Node
from maillage.mesh.office import HubOffice
from maillage.mesh.ports import Bus, MeshRecords, Message, Subscription
from maillage.mesh.router import Router
from maillage.mesh.several import Several
from maillage.mesh.voider import Voider

log = logging.getLogger(__name__)

RELOAD_EVERY_S = 30.0
FORGET_EVERY_S = 3_600.0
CLAIM_KEEP_S = 86_400 + 3_600
"""As long as owners remember keys, and longer than their clocks are apart."""
STRANGERS_MAX = 1_000
"""Names of strangers that are kept, so that each is reported once."""

_alive = msgspec.json.Decoder(Alive)
_requests = msgspec.json.Decoder(HubRequest)
_packed = msgspec.msgpack.Encoder()
_encoder = msgspec.json.Encoder()


AnswerNode = Callable[[str, bytes], Awaitable[bytes]]
"""What a service answers a node that asked it."""


class OwnLedger(msgspec.Struct, frozen=True):
    """The parts of the hub's ledger of holdings, which are those of any owner."""

    writer: Writer
    office: OwnerOffice
    announcer: Announcer


class Hub:
    """``own`` runs already; ``refused`` hears what nodes were refused; ``headers`` carry the trace of an ask on."""

    def __init__(
        self,
        hub_id: str,
        journal: Journal,
        snapshots: SnapshotStore,
        announcer: Announcer,
        own: OwnLedger,
        clock: Clock,
        bus: Bus,
        records: MeshRecords,
        policy: Policy,
        make_id: Callable[[], str],
        refused: Told,
        credentials: Credentials,
        headers: Headers = dict,
    ) -> None:
        self.id = hub_id
        self.policy = policy
        self.records = records
        self.directory = Directory(records, clock)
        self.mirror = Mirror(
            journal, snapshots, announcer, self.directory.owns, refresh=self.directory.load, told=refused
        )
        self.finder = Finder(lambda: self.mirror.ledger, policy, self._shut)
        announcer.subscribe(self.finder.listen)
        self.services: dict[str, AnswerNode] = {}
        """By name: they answer what nodes that own sites ask them."""
        self.heeded: list[Callable[[str, Alive], None]] = []
        """Called with each sign of life of a node of the chain."""
        self._bus = bus
        self._clock = clock
        self._refused = refused
        self._credentials = credentials
        owners = Owners(bus, self.directory, headers)
        claims = ClaimDesk(records)
        allowance = Allowance(self._glance, self.mirror, owners)
        router = Router(owners, self.directory, self.finder, self._glance, claims, allowance, clock, hub_id, make_id)
        several = Several(
            owners, claims, allowance, records, router.candidates, router.stand_in, clock, hub_id, make_id
        )
        self.office = HubOffice(
            self.finder, self.mirror, owners, self.directory, router, several, allowance, policy, clock
        )
        self.escrow = Escrow(hub_id, own.writer, self.mirror, owners, self.directory, records, clock, make_id)
        self.follower = Follower(bus, self.mirror, hub_id, refused, self._is_known)
        self._own = Node(
            f"{HOLDING}{hub_id}", [], own.writer.keeper, own.office, clock, own.announcer, bus, take_policy=None
        )
        self._several = several
        self._voider = Voider(owners, self.directory, records)
        self._strangers: set[str] = set()
        self._subscriptions: list[Subscription] = []
        self._tasks: list[asyncio.Task[Any]] = []

    async def start(self) -> None:
        """Serve; what the mirror lacks comes in meanwhile."""
        await self.directory.load()
        self.mirror.start()
        await self.follower.start()
        self._subscriptions = [
            await self._bus.listen("node.*.alive", self._hear_alive),
            await self._bus.listen(CHANGED_SUBJECT, self._heed_change),
            await self._bus.serve("hub.ask.*", self._answer),
        ]
        await self._own.start()
        work = (self._reload, self._forget, self._voider.run, self._several.sweep, self._hold)
        self._tasks = [asyncio.get_running_loop().create_task(one()) for one in work]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._own.stop()
        for subscription in self._subscriptions:
            await subscription.stop()
        await self.follower.stop()
        await self.mirror.stop()

    async def changed(self) -> None:
        """Tell nodes and other hubs that the operator changed something, and heed it here."""
        await self.directory.load()
        await self._bus.send(CHANGED_SUBJECT, self.id.encode())

    def nodes(self) -> list[NodeStatus]:
        """All nodes that were ever enrolled, and how they do."""
        position, aside = self.mirror.position, self.mirror.set_aside
        return [self.directory.status(node, position, aside) for node in self.directory.nodes]

    def caught_up(self) -> bool:
        """Whether the mirror has all that the nodes within reach said they had committed."""
        return all(
            self.mirror.position(node) >= self.directory.end_of(node) or node in self.mirror.set_aside
            for node in self.directory.nodes
            if self.directory.is_reachable(node)
        )

    def _glance(self) -> Any:
        return self.office.glance()

    def _shut(self, site: str) -> str | None:
        """Why a site is not to be offered: a store out of reach, or a holding while its store is within reach."""
        store, sign, hub = site.partition(HOLDING)
        if not sign:
            return None if self.directory.reaches(site) else "out_of_reach"
        return None if hub == self.id and not self.directory.reaches(store) and self.directory.reaches(site) else ""

    async def _hear_alive(self, message: Message) -> None:
        node = message.subject.split(".")[1]
        if not await self._is_known(node):
            return
        try:
            alive = _alive.decode(message.body)
        except UNREADABLE as fault:
            self._refused(node, f"a sign of life that can't be read: {str(fault)[:300]}")
            return
        self.directory.heard(node, alive)
        self.follower.told_end(node, alive.end)
        for heed in self.heeded:
            heed(node, alive)

    async def _is_known(self, node: str) -> bool:
        """Whether a node of the chain speaks; one that joined through another hub may not be in the directory yet."""
        if self.directory.is_revoked(node):
            await self.directory.refresh()
        if not self.directory.is_revoked(node):
            return True
        if node not in self._strangers and len(self._strangers) < STRANGERS_MAX:
            self._strangers.add(node)
            self._refused(node, "it speaks, and is no node of this chain, or no longer")
        return False

    async def _answer(self, message: Message) -> bytes:
        node = message.subject.rpartition(".")[2]
        request = _requests.decode(message.body)
        if isinstance(request, PolicyWanted):
            return _encoder.encode(PolicyGiven(list(self.policy.kinds.values()), self.policy.pricing.book))
        if isinstance(request, CredentialsWanted):
            return _encoder.encode(CredentialsGiven(self._renewed(node, request.public_key)))
        if not self.directory.sites_of(node):
            await self.directory.load()
        if not self.directory.sites_of(node):
            raise LookupError(f"{node} asks for its past, and owns nothing")  # no answer: an empty one would be wrong
        if isinstance(request, SitesWanted):
            records = [self.directory.entries[site].site for site in self.directory.sites_of(node)]
            return _packed.encode(sites_page(records, request.after))
        if isinstance(request, ServiceWanted):
            return await self.services[request.service](node, request.body)  # no answer where it is not here
        return await self._history(node, request)

    def _renewed(self, node: str, public_key: str) -> str | None:
        known = self.directory.nodes.get(node)
        if known is None or known.revoked_at is not None or known.public_key != public_key:
            self._refused(node, "it asks for credentials that are not its own")
            return None
        return self._credentials(node, public_key, self.directory.sites_of(node))

    async def _history(self, node: str, wanted: HistoryWanted) -> bytes:
        journal, names = self.mirror.journal, frozenset(self.directory.sites_of(node))
        body, following = await asyncio.to_thread(history_page, journal, wanted.pos.get(self.id, 0), names)
        hubs = sorted({self.id, *self.directory.hubs()})
        return _packed.encode(HistoryGiven(self.id, body, following, hubs))

    async def _heed_change(self, message: Message) -> None:
        if message.body != self.id.encode():
            await self.directory.load()

    async def _reload(self) -> None:
        while True:
            await asyncio.sleep(RELOAD_EVERY_S)
            try:
                await self.directory.load()
            except Exception:
                log.exception("the directory could not be read again; the former stays")

    async def _forget(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.records.forget_claims, self._clock.now() - CLAIM_KEEP_S)
            except Exception:
                log.exception("old claims could not be dropped; they will be")
            await asyncio.sleep(FORGET_EVERY_S)

    async def _hold(self) -> None:
        """Renew escrow, and serve each holding as soon as it exists."""
        while True:
            try:
                await self._own.serve(self.escrow.holdings())
                await self.escrow.once()
                await self._own.serve(self.escrow.holdings())
            except Exception:
                log.exception("escrow could not be renewed; it will be tried again")
            await asyncio.sleep(ESCROW_EVERY_S)
