"""The tables of sensing's registry; what makes them is migration 0007. Bodies are JSON."""

import sqlalchemy as sa

from maillage.engines.records.tables import metadata

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # the type that SQLite can count up by itself

sensing_profiles = sa.Table(
    "sensing_profiles",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
sensing_devices = sa.Table(
    "sensing_devices",
    metadata,
    sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("sensing_devices_site", "site"),
)
