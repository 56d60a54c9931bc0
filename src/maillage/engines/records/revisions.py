"""The counter by which processes notice that another changed tenants, keys, quotas, kinds or prices."""

import sqlalchemy as sa

from maillage.engines.records.tables import revision

_READ = sa.select(revision.c.value)
_GROW = sa.update(revision).values(value=revision.c.value + 1)


def read_revision(connection: sa.Connection) -> int:
    return int(connection.execute(_READ).scalar_one())


def grow_revision(connection: sa.Connection) -> None:
    """As the last step of a change's transaction: the row is locked until the end, so that who reads a number also sees
    all that was done up to it, and what waits for the row holds nothing that its owner could want."""
    connection.execute(_GROW)
