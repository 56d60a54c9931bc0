"""What a chain in the process of a command logs is told on that command's standard error, and nowhere afterwards."""

import logging
from pathlib import Path

import pytest
from typer.testing import CliRunner

from maillage.faces.cli.main import app

LOG = logging.getLogger("maillage")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAILLAGE_SERVER", raising=False)
    monkeypatch.setenv("MAILLAGE_HOME", str(tmp_path / "home"))


def test_a_command_leaves_no_handler_behind() -> None:
    before = LOG.handlers[:], LOG.propagate
    assert CliRunner().invoke(app, ["kind", "list"]).exit_code == 0
    assert (LOG.handlers, LOG.propagate) == before


def test_nor_does_one_whose_folder_cannot_be_opened(tmp_path: Path) -> None:
    before = LOG.handlers[:], LOG.propagate
    (tmp_path / "home").write_text("a file, not a folder")
    assert CliRunner().invoke(app, ["kind", "list"]).exit_code == 1
    assert (LOG.handlers, LOG.propagate) == before
