"""Tables of robots: which there are, their missions and tracks; floors, and what is cleaned when. Bodies are JSON."""

import sqlalchemy as sa

from maillage.engines.records.tables import metadata

robots = sa.Table(
    "robots",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("manufacturer", sa.Text, nullable=False),
    sa.Column("serial", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("manufacturer", "serial"),
)
missions = sa.Table(
    "missions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("robot", sa.Text, sa.ForeignKey("robots.id", ondelete="CASCADE"), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("mission", sa.LargeBinary, nullable=False),
    sa.Column("path", sa.LargeBinary, nullable=False),
    sa.Column("progress", sa.LargeBinary, nullable=False),
    sa.Column("sent", sa.LargeBinary),
    sa.Index("missions_robot", "robot", "created_at", "id"),
    sa.Index("missions_ended", "ended_at"),
)
mission_tracks = sa.Table(
    "mission_tracks",
    metadata,
    sa.Column("mission", sa.Text, sa.ForeignKey("missions.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("part", sa.BigInteger, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
floors = sa.Table(
    "floors",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
cleanings = sa.Table(
    "cleanings",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("floor", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("cleanings_site", "site", "floor", "created_at"),
    sa.Index("cleanings_state", "state"),
)
cleaning_evidence = sa.Table(
    "cleaning_evidence",
    metadata,
    sa.Column("cleaning", sa.Text, sa.ForeignKey("cleanings.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
cleaning_schedules = sa.Table(
    "cleaning_schedules",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
robots_give_way = sa.Table(
    "robots_give_way",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
