"""Apps, their versions, deployments of these, and the instances that they consist of."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "apps",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("apps_tenant", "apps", ["tenant"])
    op.create_table(
        "versions",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("app", sa.Text, sa.ForeignKey("apps.id"), nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("needs_memory_bytes", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("app", "digest"),
    )
    op.create_index("versions_digest", "versions", ["digest"])
    _create_deployments()


def _create_deployments() -> None:
    op.create_table(
        "deployments",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("app", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["app", "digest"], ["versions.app", "versions.digest"]),
    )
    op.create_index("deployments_app", "deployments", ["app", "digest"])
    op.create_index("deployments_tenant", "deployments", ["tenant"])
    op.create_table(
        "instances",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("deployment", sa.Text, nullable=False),
        sa.Column("app", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("instances_deployment", "instances", ["deployment"])
    op.create_index("instances_app", "instances", ["app"])
