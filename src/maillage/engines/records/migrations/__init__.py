"""The schema of the records, step by step.

Each module of ``versions`` is one step and is named ``rNNNN_what_it_brings.py``; its ``revision`` is the number,
``down_revision`` the number before. To add a step, add a module: nothing else lists them. Steps run on SQLite and on
PostgreSQL, all that are due in one transaction, and there is no way back but a backup.
"""

import re
from pathlib import Path

VERSIONS = Path(__file__).parent / "versions"
_MODULE = re.compile(r"r(\d{4})_[a-z0-9_]+\.py")


def known_revisions() -> list[str]:
    """The numbers of all steps, in order, read from the names alone: Alembic is only imported where one is due."""
    return sorted(found[1] for path in VERSIONS.iterdir() if (found := _MODULE.fullmatch(path.name)))
