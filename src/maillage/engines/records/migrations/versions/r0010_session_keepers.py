"""Which hub keeps a session that follows a device; "" in a chain of one process."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("sessions", sa.Column("keeper", sa.Text, nullable=False, server_default=""))
