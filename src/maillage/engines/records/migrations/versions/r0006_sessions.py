"""Sessions that follow devices."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("app", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("plan", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.LargeBinary),
        sa.ForeignKeyConstraint(["app", "digest"], ["versions.app", "versions.digest"]),
        sa.UniqueConstraint("app", "device"),
    )
    op.create_index("sessions_version", "sessions", ["app", "digest"])
