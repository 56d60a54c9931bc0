"""Fixtures of the tests against a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.server import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that runs on an empty folder; killed in the end if it still does."""
    one = Server(tmp_path / "home")
    one.start()
    try:
        yield one
    finally:
        one.kill()
