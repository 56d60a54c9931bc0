"""Tenants, keys, quotas, the audit, kinds and price books. Takes over an SQLite file of version 0.1 with its data."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_FORMER = ("tenants", "keys", "kinds", "price_books")

_SQLITE_GUARDS = (
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END",
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END",
    # INSERT OR REPLACE removes a row without asking the trigger above.
    "CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit"
    " WHEN EXISTS (SELECT 1 FROM audit WHERE number = NEW.number)"
    " BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END",
)
_POSTGRESQL_GUARDS = (
    "CREATE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'the audit only grows'; END $$",
    "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_only_grows()",
    "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_only_grows()",
)


def upgrade() -> None:
    former = sa.inspect(op.get_bind()).has_table("tenants")
    if former:
        for table in _FORMER:
            op.rename_table(table, f"{table}_0_1")
    _create_tables()
    sqlite = op.get_bind().dialect.name == "sqlite"
    for guard in _SQLITE_GUARDS if sqlite else _POSTGRESQL_GUARDS:
        op.execute(guard)
    if former:
        _take_over()


def _create_tables() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "tenants",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, sa.ForeignKey("tenants.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("per_s", sa.Double),
        sa.Column("burst", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
    )
    op.create_table(
        "quotas",
        sa.Column("tenant", sa.Text, sa.ForeignKey("tenants.id"), primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("most", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("credential", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("audit_actor", "audit", ["actor", "number"])
    op.create_index("audit_action", "audit", ["action", "number"])
    op.create_table(
        "kinds",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
    )
    op.create_table(
        "price_books",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    revision_row = op.create_table(
        "revision",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(revision_row, [{"id": 1, "value": 0}])


def _take_over() -> None:
    op.execute("INSERT INTO tenants(id, name, role, created_at) SELECT id, name, role, created_at FROM tenants_0_1")
    op.execute(
        "INSERT INTO keys(id, tenant, name, digest, created_at, revoked_at)"
        " SELECT id, tenant, name, digest, created_at, revoked_at FROM keys_0_1"
    )
    op.execute(
        "INSERT INTO kinds(name, unit, description) SELECT name, unit, description FROM kinds_0_1 ORDER BY rowid"
    )
    op.execute("INSERT INTO price_books(id, body) SELECT id, body FROM price_books_0_1")
    for table in reversed(_FORMER):
        op.drop_table(f"{table}_0_1")
