"""The tables of the cold chain; what makes them is migration 0008. Instants are seconds UTC, bodies JSON."""

import sqlalchemy as sa

from maillage.engines.records.tables import metadata

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # the type that SQLite can count up by itself

alarms = sa.Table(
    "alarms",
    metadata,
    sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("nth", sa.BigInteger, nullable=False),
    sa.Column("unit", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("alarms_site", "site", "unit", "number"),
    sa.Index("alarms_state", "state", "number"),
    sqlite_autoincrement=True,
)
alarm_states = sa.Table(
    "alarm_states",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
alarm_deliveries = sa.Table(
    "alarm_deliveries",
    metadata,
    sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("alarm", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("alarm_deliveries_alarm", "alarm"),
    sa.Index("alarm_deliveries_state", "state"),
)
escalation_plans = sa.Table(
    "escalation_plans",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
haccp_log = sa.Table(
    "haccp_log",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
