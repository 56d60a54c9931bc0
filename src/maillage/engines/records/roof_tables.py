"""Tables of roofs, where people live, roof leases and what is attached to them. Bodies are JSON unless said."""

import sqlalchemy as sa

from maillage.engines.records.tables import metadata

roofs = sa.Table(
    "roofs",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
roof_population = sa.Table(
    "roof_population",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),  # one row, 1
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("about", sa.LargeBinary, nullable=False),
    sa.Column("packed", sa.LargeBinary, nullable=False),  # CSV, gzip
)
roof_leases = sa.Table(
    "roof_leases",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("going_on", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("roof_leases_site", "site", "created_at"),
    sa.Index("roof_leases_tenant", "tenant", "created_at"),
    sa.Index("roof_leases_going_on", "going_on"),
)
roof_documents = sa.Table(
    "roof_documents",
    metadata,
    sa.Column("lease", sa.Text, sa.ForeignKey("roof_leases.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),  # as it was sent
)
