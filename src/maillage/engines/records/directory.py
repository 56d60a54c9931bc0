"""The directory in a database: sites, the nodes that own their ledgers, and the tokens by which nodes join.

Whoever changes it takes turns with all others: what a redeemed token gives one node it takes from another.
"""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from maillage.engines.records.database import Database, Turn
from maillage.engines.records.inserts import insert_if_new, insert_or_replace
from maillage.engines.records.tables import enrolments, nodes
from maillage.engines.records.tables import sites as site_table
from maillage.kernel.errors import AlreadyExists
from maillage.kernel.sites import Site
from maillage.mesh.ports import Enrolment, NodeRecord, SiteEntry

_ENROLMENTS = sa.select(*(enrolments.c[name] for name in Enrolment.__struct_fields__)).order_by(enrolments.c.number)
_CHANGE_SITE = sa.update(site_table).where(site_table.c.id == sa.bindparam("which")).values(body=sa.bindparam("now"))
_sites = msgspec.json.Decoder(list[str])
_site = msgspec.json.Decoder(Site)


class Directory:
    """The directory's part of ``mesh.ports.MeshRecords``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sites(self) -> list[SiteEntry]:
        with self._database.reading() as connection:
            rows = connection.execute(
                sa.select(site_table.c.body, site_table.c.node).order_by(site_table.c.number)
            ).all()
        return [SiteEntry(_site.decode(body), node) for body, node in rows]

    def put_sites(self, sites: Sequence[Site]) -> None:
        bodies = {site.id: msgspec.json.encode(site).decode() for site in sites}
        with self._database.transaction() as connection:
            self._database.take_turn(connection, Turn.DIRECTORY)
            known = {row.id: row.body for row in connection.execute(sa.select(site_table.c.id, site_table.c.body))}
            number = connection.execute(sa.select(sa.func.max(site_table.c.number))).scalar() or 0
            new = [site for site in bodies if site not in known]
            changed = [site for site, body in bodies.items() if known.get(site, body) != body]
            if changed:
                connection.execute(_CHANGE_SITE, [{"which": site, "now": bodies[site]} for site in changed])
            if new:
                rows = [
                    {"number": number + place, "id": site, "body": bodies[site]} for place, site in enumerate(new, 1)
                ]
                connection.execute(sa.insert(site_table), rows)

    def nodes(self) -> list[NodeRecord]:
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(nodes).order_by(nodes.c.created_at, nodes.c.id))
            return [NodeRecord(*row) for row in rows]

    def add_enrolment(self, enrolment: Enrolment) -> None:
        """AlreadyExists where the id or the token was entered before."""
        row = msgspec.structs.asdict(enrolment) | {"sites": msgspec.json.encode(enrolment.sites).decode()}
        with self._database.transaction() as connection:
            if not connection.execute(insert_if_new(connection, enrolments), row).rowcount:
                raise AlreadyExists(f"there is an enrolment {enrolment.id!r} already", enrolment=enrolment.id)

    def enrolments(self) -> list[Enrolment]:
        with self._database.reading() as connection:
            return [_enrolment(row) for row in connection.execute(_ENROLMENTS)]

    def redeem(self, digest: str, public_key: str, sites: Sequence[str], at: int) -> NodeRecord | None:
        """None also where a site is not among the token's, or not in the directory."""
        with self._database.transaction() as connection:
            self._database.take_turn(connection, Turn.DIRECTORY)
            row = connection.execute(_ENROLMENTS.where(enrolments.c.digest == digest)).first()
            token = None if row is None else _enrolment(row)
            if token is None or token.used_at is not None or at >= token.expires_at:
                return None
            owners = _owners(connection, sites)
            if not set(sites) <= set(token.sites) or not set(sites) <= owners.keys():
                return None
            connection.execute(sa.update(enrolments).where(enrolments.c.id == token.id).values(used_at=at))
            node = NodeRecord(token.node, public_key, at)
            _give(connection, node, sites)
            _revoke_those_without_sites(connection, set(owners.values()) - {None, node.id}, at)
            return node

    def revoke_node(self, node: str, at: int) -> None:
        with self._database.transaction() as connection:
            self._database.take_turn(connection, Turn.DIRECTORY)
            connection.execute(sa.update(site_table).where(site_table.c.node == node).values(node=None))
            connection.execute(
                sa.update(nodes).where(nodes.c.id == node, nodes.c.revoked_at.is_(None)).values(revoked_at=at)
            )


def _enrolment(row: sa.Row[*tuple[object, ...]]) -> Enrolment:
    fields = dict(row._mapping)
    return Enrolment(**fields | {"sites": _sites.decode(fields["sites"])})


def _owners(connection: sa.Connection, wanted: Sequence[str]) -> dict[str, str | None]:
    """The node of each of these sites that the directory has."""
    rows = connection.execute(sa.select(site_table.c.id, site_table.c.node).where(site_table.c.id.in_(wanted)))
    return {row.id: row.node for row in rows}


def _give(connection: sa.Connection, node: NodeRecord, wanted: Sequence[str]) -> None:
    insert = insert_or_replace(connection, nodes, "id", "public_key", "created_at", "revoked_at")
    connection.execute(insert, msgspec.structs.asdict(node))
    connection.execute(sa.update(site_table).where(site_table.c.id.in_(wanted)).values(node=node.id))


def _revoke_those_without_sites(connection: sa.Connection, former: set[str | None], at: int) -> None:
    owns_one = sa.exists().where(site_table.c.node == nodes.c.id)
    left = sa.update(nodes).where(nodes.c.id.in_(former), nodes.c.revoked_at.is_(None), ~owns_one)
    connection.execute(left.values(revoked_at=at))
