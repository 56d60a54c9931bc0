"""Data sets that lie beside the repository, in ../shared: too large, or not ours, to be kept within it."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


def shared_file(name: str) -> Path:
    """The path of a shared file; where it is absent the test is skipped, and fails in CI, which must have it all."""
    path = SHARED / name
    if not path.is_file():
        reason = f"needs shared/{name} beside the repository"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return path
