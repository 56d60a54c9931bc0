"""Where the records are: an SQLite file or a PostgreSQL database, named by a URL that may hold a password."""

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from maillage.kernel.errors import RecordsUnavailable

VARIABLE = "MAILLAGE_DATABASE_URL"
FILE_NAME = "records.db"
_EXAMPLES = "sqlite:////var/lib/maillage/records.db or postgresql://user:password@host/maillage"
_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
_SQLITE = ("sqlite", "sqlite+pysqlite")


def records_url(text: str, folder: Path) -> URL:
    """What a URL says, or the file in a data folder where it is empty. RecordsUnavailable for one of no use; what is
    wrong is told without the URL, which may hold a password."""
    if not text:
        return URL.create("sqlite", database=str(folder / FILE_NAME))
    try:
        url = make_url(text.strip())
    except (ArgumentError, ValueError):
        raise RecordsUnavailable(f"{VARIABLE} is not a database URL; one looks like {_EXAMPLES}") from None
    if url.drivername in _POSTGRESQL:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in _SQLITE:
        raise RecordsUnavailable(f"{VARIABLE} names {url.drivername[:40]!r}; it can be {_EXAMPLES}")
    if url.host or url.database in (None, "", ":memory:") or url.query:
        raise RecordsUnavailable(f"{VARIABLE} names no SQLite file; one looks like sqlite:////var/lib/records.db")
    return url.set(drivername="sqlite")
