"""Where records are tried: an SQLite file, and a PostgreSQL database where there is a server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.record_databases import ENGINES, Place, fresh_place, postgresql_database


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    with postgresql_database() as url:
        yield url


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgresql")
    with fresh_place(request.param, tmp_path, url) as found:
        yield found
