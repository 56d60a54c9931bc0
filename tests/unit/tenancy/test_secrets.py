"""Secrets come by the environment or by a file, and are never told."""

import logging
from pathlib import Path

import pytest

from maillage.kernel.errors import Invalid
from maillage.tenancy.secrets import secret

NAME = "MAILLAGE_TEST_SECRET"
VALUE = "correct-horse-battery-staple"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(VALUE + "\n")
    path.chmod(0o600)
    return path


def test_what_is_not_set_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    assert secret(NAME) is None
    monkeypatch.setenv(NAME, "")
    monkeypatch.setenv(f"{NAME}_FILE", "")
    assert secret(NAME) is None


def test_it_is_the_variable_or_what_the_file_holds(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv(NAME, VALUE)
    assert secret(NAME) == VALUE
    monkeypatch.delenv(NAME)
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    assert secret(NAME) == VALUE


def test_both_are_one_too_many(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv(NAME, VALUE)
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    with pytest.raises(Invalid, match=f"{NAME}: is set, and {NAME}_FILE too") as refused:
        secret(NAME)
    assert VALUE not in str(refused.value)


@pytest.mark.parametrize("content", [None, b"", b"\n \n", b"\xff\xfe"])
def test_a_file_that_holds_no_secret_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "absent"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv(f"{NAME}_FILE", str(path))
    with pytest.raises(Invalid, match=f"{NAME}_FILE.*absent"):
        secret(NAME)


def test_a_file_that_everybody_can_read_is_warned_about(
    monkeypatch: pytest.MonkeyPatch, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    with caplog.at_level(logging.WARNING):
        secret(NAME)
        assert not caplog.records
        file.chmod(0o644)
        assert secret(NAME) == VALUE
    assert "chmod 600" in caplog.text and VALUE not in caplog.text
