"""A world for each test, in which what takes seconds in a chain takes hundredths."""

from pathlib import Path

import pytest

from maillage.mesh import attempt, follower, hub, node
from maillage.services.compute.carriage import code
from maillage.services.compute.hosting import backoff
from tests.unit.services.compute.carriage.carried_world import CarriedWorld


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "ALIVE_EVERY_S", 0.05)
    monkeypatch.setattr(node, "RETRY_S", 0.05)
    monkeypatch.setattr(follower, "GRACE_S", 0.05)
    monkeypatch.setattr(hub, "ESCROW_EVERY_S", 0.05)
    monkeypatch.setattr(attempt, "ATTEMPT_TIMEOUT_S", 0.7)
    monkeypatch.setattr(code, "AGAIN_S", 0.01)
    monkeypatch.setattr(backoff, "FIRST_S", 0.05)
    monkeypatch.setattr(backoff, "LONGEST_S", 0.2)


@pytest.fixture
def world(tmp_path: Path) -> CarriedWorld:
    return CarriedWorld(tmp_path)
