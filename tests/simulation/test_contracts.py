"""What the simulation puts in the place of engines keeps the same contracts as the engines: their tests, run once more.

Only where nothing goes wrong, of course: what goes wrong is the simulation's own business.
"""

import inspect
from collections.abc import Callable, Iterator
from random import Random
from types import ModuleType
from typing import Any

import pytest

from maillage.simulation.disk import SimDisk, SimJournal, SimSnapshots
from maillage.simulation.life import Life
from maillage.simulation.records import SimRecords
from tests.contract import test_journals, test_mesh_records, test_snapshot_stores


def suite(module: ModuleType, *fixtures: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The tests of a contract that need nothing but these fixtures."""
    for name, test in vars(module).items():
        if name.startswith("test_") and set(inspect.signature(test).parameters) <= {*fixtures}:
            yield f"{name}_{module.__name__.rpartition('.')[2]}", test


globals().update(suite(test_journals, "journal"))
globals().update(suite(test_snapshot_stores, "store"))
globals().update(suite(test_mesh_records, "mesh", "again"))


@pytest.fixture
def disk() -> SimDisk:
    return SimDisk(Random(1), lambda: None)


@pytest.fixture
def life() -> Life:
    return Life("a", lambda name, fault: None)


@pytest.fixture
def journal(disk: SimDisk, life: Life) -> SimJournal:
    return SimJournal(disk, life)


@pytest.fixture
def store(disk: SimDisk, life: Life) -> SimSnapshots:
    return SimSnapshots(disk, life)


@pytest.fixture
def mesh() -> SimRecords:
    return SimRecords(Random(1))


@pytest.fixture
def again(mesh: SimRecords) -> SimRecords:
    """The same records as another process has them."""
    return mesh


def test_each_contract_has_tests_that_fit() -> None:
    assert {"_test_journals", "_test_snapshot_stores", "_test_mesh_records"} <= {
        f"_test_{name.rpartition('_test_')[2]}" for name in globals() if name.startswith("test_")
    }
