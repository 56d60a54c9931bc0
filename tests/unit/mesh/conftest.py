"""A world for each test, whose nodes and hubs look around more often than real ones."""

from pathlib import Path

import pytest

from maillage.mesh import attempt, follower, hub, node, router, several, voider
from tests.mesh_world import MeshWorld


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens every few seconds happens every few hundredths; what is waited for in vain is given up sooner."""
    monkeypatch.setattr(node, "ALIVE_EVERY_S", 0.05)
    monkeypatch.setattr(node, "RETRY_S", 0.05)
    monkeypatch.setattr(voider, "EVERY_S", 0.05)
    monkeypatch.setattr(follower, "GRACE_S", 0.05)
    monkeypatch.setattr(several, "SWEEP_EVERY_S", 0.05)
    monkeypatch.setattr(hub, "ESCROW_EVERY_S", 0.05)
    monkeypatch.setattr(attempt, "ATTEMPT_TIMEOUT_S", 0.7)
    monkeypatch.setattr(router, "ASK_DEADLINE_S", 1.0)
    monkeypatch.setattr(several, "DEADLINE_S", 3.0)


@pytest.fixture
def world(tmp_path: Path) -> MeshWorld:
    return MeshWorld(tmp_path)
