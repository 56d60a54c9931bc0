"""The records that the hubs of a simulated chain share: durable and atomic at once, and out of reach now and then."""

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

import msgspec

from maillage.kernel.errors import AlreadyExists, RecordsUnavailable
from maillage.kernel.sites import Site
from maillage.mesh.ports import Claim, Enrolment, EscrowRule, MultiOrder, NodeRecord, SiteEntry, Void

T = TypeVar("T")
FINISHED = ("done", "undone")


class SimRecords:
    """``away`` refuses everything; ``fault_share`` of the calls fail besides, before or after they were done.
    ``all_orders`` keeps those that the hubs have dropped, for the checker."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.away = False
        self.fault_share = 0.0
        self.entries: dict[str, SiteEntry] = {}
        self.node_records: dict[str, NodeRecord] = {}
        self.standing: dict[tuple[str, str], Claim] = {}
        self.due: dict[tuple[str, str, str], Void] = {}
        self.orders: dict[str, MultiOrder] = {}
        self.all_orders: dict[str, MultiOrder] = {}
        self.rules: dict[str, EscrowRule] = {}
        self._enrolments: dict[str, Enrolment] = {}

    # -- sites and nodes -----------------------------------------------------------------------------------------

    def sites(self) -> list[SiteEntry]:
        return self._done(lambda: list(self.entries.values()))

    def put_sites(self, sites: Sequence[Site]) -> None:
        def put() -> None:
            for site in sites:
                known = self.entries.get(site.id)
                self.entries[site.id] = SiteEntry(site, None if known is None else known.node)

        self._done(put)

    def nodes(self) -> list[NodeRecord]:
        return self._done(lambda: list(self.node_records.values()))

    def enter_node(self, node: NodeRecord, sites: Sequence[str]) -> None:
        """Enter a node and what it owns, as its enrolment would have."""
        self.node_records[node.id] = node
        for name in sites:
            self.entries[name] = SiteEntry(self.entries[name].site, node.id)

    def add_enrolment(self, enrolment: Enrolment) -> None:
        def add() -> None:
            if any(known.id == enrolment.id for known in self._enrolments.values()):
                raise AlreadyExists(f"there is an enrolment {enrolment.id}")
            self._enrolments[enrolment.digest] = enrolment

        self._done(add)

    def enrolments(self) -> list[Enrolment]:
        return self._done(lambda: list(self._enrolments.values()))

    def redeem(self, digest: str, public_key: str, sites: Sequence[str], at: int) -> NodeRecord | None:
        return self._done(lambda: self._redeem(digest, public_key, sites, at))

    def revoke_node(self, node: str, at: int) -> None:
        self._done(lambda: self._revoke(node, at))

    # -- claims --------------------------------------------------------------------------------------------------

    def claims(self, wanted: Sequence[Claim]) -> list[Claim]:
        return self._done(lambda: [self.standing.setdefault((claim.tenant, claim.key), claim) for claim in wanted])

    def move_claim(self, claim: Claim, site: str, voided: bool) -> bool:
        def move() -> bool:
            if not self._stands(claim) or claim.settled:
                return False
            self.standing[claim.tenant, claim.key] = msgspec.structs.replace(claim, site=site)
            if voided:
                self._owe(Void(claim.tenant, claim.name, claim.site, claim.at))
            return True

        return self._done(move)

    def settle_claim(self, claim: Claim) -> bool:
        def settle() -> bool:
            if not self._stands(claim):
                return False
            self.standing[claim.tenant, claim.key] = msgspec.structs.replace(claim, settled=True)
            return True

        return self._done(settle)

    def drop_claim(self, claim: Claim) -> bool:
        def drop() -> bool:
            return self._stands(claim) and self.standing.pop((claim.tenant, claim.key), None) is not None

        return self._done(drop)

    def forget_claims(self, before: int) -> int:
        def forget() -> int:
            old = [name for name, claim in self.standing.items() if claim.at < before]
            for name in old:
                del self.standing[name]
            for order in list(self.orders.values()):
                if order.alive_until < before and order.step in FINISHED:
                    del self.orders[order.id]
            return len(old)

        return self._done(forget)

    # -- what must be made void ------------------------------------------------------------------------------------

    def add_void(self, void: Void) -> None:
        self._done(lambda: self._owe(void))

    def voids(self) -> list[Void]:
        return self._done(lambda: sorted(self.due.values(), key=lambda void: (void.at, void.tenant, void.key)))

    def drop_void(self, void: Void) -> None:
        self._done(lambda: self.due.pop((void.tenant, void.key, void.site), None))

    # -- asks for several sites ------------------------------------------------------------------------------------

    def put_order(self, order: MultiOrder) -> bool:
        return self._done(lambda: self._put_order(order))

    def order(self, order_id: str) -> MultiOrder | None:
        return self._done(lambda: self.orders.get(order_id))

    def finish_order(self, order: MultiOrder, voids: Sequence[Void]) -> bool:
        def finish() -> bool:
            if not self._put_order(order):
                return False
            for void in voids:
                self._owe(void)
            return True

        return self._done(finish)

    def take_orders(self, hub: str, now: int, alive_until: int) -> list[MultiOrder]:
        def take() -> list[MultiOrder]:
            abandoned = [
                order for order in self.orders.values() if order.alive_until < now and order.step not in FINISHED
            ]
            taken = [msgspec.structs.replace(order, hub=hub, alive_until=alive_until) for order in abandoned]
            self.orders.update((order.id, order) for order in taken)
            return taken

        return self._done(take)

    # -- what is held to sell while a site is out of reach ---------------------------------------------------------

    def escrow_rules(self) -> list[EscrowRule]:
        return self._done(lambda: sorted(self.rules.values(), key=lambda rule: rule.kind))

    def put_escrow_rule(self, rule: EscrowRule) -> None:
        def put() -> None:
            self.rules[rule.kind] = rule
            if rule.quantity == 0:
                del self.rules[rule.kind]

        self._done(put)

    # -- shared ----------------------------------------------------------------------------------------------------

    def _done(self, work: Callable[[], T]) -> T:
        if self.away or (self.fault_share and self._random.random() < self.fault_share):
            raise RecordsUnavailable("the simulated records are out of reach")
        answer = work()
        if self.fault_share and self._random.random() < self.fault_share:
            raise RecordsUnavailable("the answer of the simulated records was lost")
        return answer

    def _stands(self, claim: Claim) -> bool:
        return self.standing.get((claim.tenant, claim.key)) == claim

    def _owe(self, void: Void) -> None:
        self.due.setdefault((void.tenant, void.key, void.site), void)

    def _put_order(self, order: MultiOrder) -> bool:
        known = self.orders.get(order.id)
        if known is not None and (known.hub != order.hub or known.step in FINISHED):
            return False
        self.orders[order.id] = self.all_orders[order.id] = order
        return True

    def _redeem(self, digest: str, public_key: str, sites: Sequence[str], at: int) -> NodeRecord | None:
        token = self._enrolments.get(digest)
        if token is None or token.used_at is not None or token.expires_at <= at or not set(sites) <= set(token.sites):
            return None
        self._enrolments[digest] = msgspec.structs.replace(token, used_at=at)
        node = NodeRecord(token.node, public_key, at)
        former = [entry.node for name in sites if (entry := self.entries[name]).node not in (None, node.id)]
        self.enter_node(node, sites)
        for name in former:
            if name is not None and all(entry.node != name for entry in self.entries.values()):
                self._revoke(name, at)
        return node

    def _revoke(self, node: str, at: int) -> None:
        record = self.node_records.get(node)
        if record is not None and record.revoked_at is None:
            self.node_records[node] = msgspec.structs.replace(record, revoked_at=at)
            for name, entry in self.entries.items():
                if entry.node == node:
                    self.entries[name] = SiteEntry(entry.site, None)
