"""The table of who may connect to the stores' brokers."""

import sqlalchemy as sa

from maillage.engines.records.tables import metadata

device_clients = sa.Table(
    "device_clients",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("device_clients_site", "site"),
)
