"""Records of tenancy in a file, and ones that fail when told to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from maillage.engines.records.opening import open_database
from maillage.engines.records.tenancy import SqlTenancyRecords
from maillage.kernel.errors import RecordsUnavailable


def records_in(folder: Path) -> SqlTenancyRecords:
    """The records of a folder; opened twice they are two processes' view of the same."""
    return SqlTenancyRecords(open_database("", folder))


class Breakable:
    """Other records, whose calls fail while ``broken`` names them."""

    def __init__(self, records: SqlTenancyRecords) -> None:
        self._records = records
        self.broken: set[str] = set()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in self.broken:
            return self._fail
        call: Callable[..., Any] = getattr(self._records, name)
        return call

    def _fail(self, *_: Any) -> None:
        raise RecordsUnavailable("the database is away; try again in a moment")
