"""Robots, their missions and tracks; floors, cleanings and their schedules."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "robots",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("manufacturer", sa.Text, nullable=False),
        sa.Column("serial", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("manufacturer", "serial"),
    )
    op.create_table(
        "missions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("robot", sa.Text, sa.ForeignKey("robots.id", ondelete="CASCADE"), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("mission", sa.LargeBinary, nullable=False),
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("progress", sa.LargeBinary, nullable=False),
        sa.Column("sent", sa.LargeBinary),
    )
    op.create_index("missions_robot", "missions", ["robot", "created_at", "id"])
    op.create_index("missions_ended", "missions", ["ended_at"])
    op.create_table(
        "mission_tracks",
        sa.Column("mission", sa.Text, sa.ForeignKey("missions.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("part", sa.BigInteger, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "floors",
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "cleanings",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("floor", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("cleanings_site", "cleanings", ["site", "floor", "created_at"])
    op.create_index("cleanings_state", "cleanings", ["state"])
    op.create_table(
        "cleaning_evidence",
        sa.Column("cleaning", sa.Text, sa.ForeignKey("cleanings.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "cleaning_schedules",
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "robots_give_way",
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
