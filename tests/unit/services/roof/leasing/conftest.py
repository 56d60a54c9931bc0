"""Fixtures of the tests of roof leases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.services.roof.leasing.leasing_world import RoofWorld, roof_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RoofWorld]:
    """A roof with three mounts to let."""
    with roof_world(tmp_path / "chain") as one:
        yield one
