"""Fixtures of the tests of the HTTP face."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.faces.http.api import Api, opened


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A chain with one site, wm-1, that offers 8 cpu and 16 memory."""
    with opened(tmp_path / "chain") as one:
        one.site("wm-1", cpu=8, memory=16)
        yield one


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The same, shared by the many tests of a module in which every request is turned away."""
    with opened(tmp_path_factory.mktemp("refusing")) as one:
        one.site("wm-1", cpu=8, memory=16)
        yield one
