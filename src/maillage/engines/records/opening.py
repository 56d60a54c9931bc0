"""Open the records: the right database, with a schema that this code knows, or one line on why not."""

from pathlib import Path

from sqlalchemy.exc import DBAPIError

from maillage.engines.records.database import Database
from maillage.engines.records.migrating import migrate
from maillage.engines.records.urls import VARIABLE, records_url
from maillage.kernel.errors import RecordsUnavailable


def open_database(url: str, folder: Path) -> Database:
    """The database that a URL names, or the file in a data folder where it is empty, at the schema of this code.

    RecordsUnavailable says in one line what is wrong with the URL, the driver or the database, and never the password.
    A file in the folder that is no database is an error of the driver, as it is for the journal.
    """
    where = records_url(url, folder)
    if not url:
        folder.mkdir(parents=True, exist_ok=True)
    try:
        database = Database(where)
    except ImportError:
        raise RecordsUnavailable(
            f"{VARIABLE} names PostgreSQL, whose driver psycopg is not installed: pip install 'maillage[postgres]'"
        ) from None
    try:
        migrate(database)
    except DBAPIError as fault:
        database.close()
        if not url and fault.orig is not None:
            raise fault.orig from None
        raise RecordsUnavailable(f"{VARIABLE}: {database.name}: {fault.orig}".partition("\n")[0]) from None
    except RecordsUnavailable as fault:
        database.close()
        raise RecordsUnavailable(f"{VARIABLE}: {fault.detail}" if url else fault.detail) from None
    except BaseException:
        database.close()
        raise
    return database
