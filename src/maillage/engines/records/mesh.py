"""What the hubs of a mesh share, in a database."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from maillage.engines.records.claiming import forget_claims, standing_claims
from maillage.engines.records.directory import Directory
from maillage.engines.records.inserts import insert_if_new, insert_or_replace
from maillage.engines.records.tables import claims, escrow_rules, orders, voids
from maillage.mesh.ports import Claim, EscrowRule, MultiOrder, Void

_FINISHED = ("done", "undone")
_VOIDS = sa.select(*(voids.c[name] for name in Void.__struct_fields__))


class SqlMeshRecords(Directory):
    """``mesh.ports.MeshRecords``."""

    # -- where idempotency keys went -----------------------------------------------------------------------------

    def claims(self, wanted: Sequence[Claim]) -> list[Claim]:
        return standing_claims(self._database, wanted)

    def move_claim(self, claim: Claim, site: str, voided: bool) -> bool:
        """False also for a claim that is settled."""
        with self._database.transaction() as connection:
            unsettled = sa.update(claims).where(*_stands(claim), ~claims.c.settled)
            moved = connection.execute(unsettled.values(site=site)).rowcount
            if moved and voided:
                _enter_voids(connection, [Void(claim.tenant, claim.name, claim.site, claim.at)])
        return moved == 1

    def settle_claim(self, claim: Claim) -> bool:
        with self._database.statement() as connection:
            return connection.execute(sa.update(claims).where(*_stands(claim)).values(settled=True)).rowcount == 1

    def drop_claim(self, claim: Claim) -> bool:
        with self._database.statement() as connection:
            return connection.execute(sa.delete(claims).where(*_stands(claim))).rowcount == 1

    def forget_claims(self, before: int) -> int:
        with self._database.statement() as connection:
            connection.execute(sa.delete(orders).where(orders.c.alive_until < before, orders.c.step.in_(_FINISHED)))
        return forget_claims(self._database, before)

    def add_void(self, void: Void) -> None:
        with self._database.statement() as connection:
            _enter_voids(connection, [void])

    def voids(self) -> list[Void]:
        with self._database.reading() as connection:
            return [Void(*row) for row in connection.execute(_VOIDS.order_by(voids.c.at, voids.c.tenant, voids.c.key))]

    def drop_void(self, void: Void) -> None:
        which = (voids.c.tenant == void.tenant, voids.c.key == void.key, voids.c.site == void.site)
        with self._database.statement() as connection:
            connection.execute(sa.delete(voids).where(*which))

    # -- asks for several sites ----------------------------------------------------------------------------------

    def put_order(self, order: MultiOrder) -> bool:
        with self._database.statement() as connection:
            return _put_order(connection, order)

    def order(self, order_id: str) -> MultiOrder | None:
        with self._database.reading() as connection:
            row = connection.execute(sa.select(orders).where(orders.c.id == order_id)).first()
        return None if row is None else MultiOrder(*row)

    def finish_order(self, order: MultiOrder, voids: Sequence[Void]) -> bool:
        with self._database.transaction() as connection:
            written = _put_order(connection, order)
            if written:
                _enter_voids(connection, voids)
        return written

    def take_orders(self, hub: str, now: int, alive_until: int) -> list[MultiOrder]:
        """Of two hubs that ask at the same time each gets its own."""
        abandoned = sa.select(orders).where(orders.c.alive_until < now, orders.c.step.not_in(_FINISHED))
        with self._database.transaction() as connection:
            rows = connection.execute(abandoned.order_by(orders.c.id).with_for_update(skip_locked=True)).all()
            found = [MultiOrder(*row) for row in rows]
            taken = sa.update(orders).where(orders.c.id.in_([order.id for order in found]))
            if found:
                connection.execute(taken.values(hub=hub, alive_until=alive_until))
        return [msgspec.structs.replace(order, hub=hub, alive_until=alive_until) for order in found]

    # -- what is held to sell while a site is out of reach -------------------------------------------------------

    def escrow_rules(self) -> list[EscrowRule]:
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(escrow_rules).order_by(escrow_rules.c.kind))
            return [EscrowRule(*row) for row in rows]

    def put_escrow_rule(self, rule: EscrowRule) -> None:
        with self._database.statement() as connection:
            if rule.quantity == 0:
                connection.execute(sa.delete(escrow_rules).where(escrow_rules.c.kind == rule.kind))
            else:
                insert = insert_or_replace(connection, escrow_rules, "kind", "quantity", "share", "ahead_s")
                connection.execute(insert, msgspec.structs.asdict(rule))


def _stands(claim: Claim) -> list[sa.ColumnElement[bool]]:
    return [claims.c[name] == value for name, value in msgspec.structs.asdict(claim).items()]


def _put_order(connection: sa.Connection, order: MultiOrder) -> bool:
    ours = sa.and_(orders.c.hub == order.hub, orders.c.step.not_in(_FINISHED))
    insert = insert_or_replace(connection, orders, "id", "step", "alive_until", "body", where=ours)
    return connection.execute(insert, msgspec.structs.asdict(order)).rowcount == 1


def _enter_voids(connection: sa.Connection, wanted: Sequence[Void]) -> None:
    """In order of names: two that enter the same ones would otherwise wait for each other."""
    rows = sorted(map(msgspec.structs.asdict, wanted), key=lambda row: (row["tenant"], row["key"], row["site"]))
    if rows:
        connection.execute(insert_if_new(connection, voids), rows)
