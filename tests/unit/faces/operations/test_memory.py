"""Memory that large arrays took, given back."""

import ctypes
from types import SimpleNamespace

import pytest

from maillage.faces.operations import memory
from maillage.faces.operations.memory import give_back_large_blocks


def test_large_blocks_are_mapped_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    library = SimpleNamespace(mallopt=lambda what, size: told.append((what, size)))
    monkeypatch.setattr(memory, "ctypes", SimpleNamespace(CDLL=lambda _: library))
    give_back_large_blocks()
    assert told == [(-3, 1 << 20)]


@pytest.mark.parametrize("fault", [AttributeError, OSError, TypeError])
def test_another_library_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch, fault: type[Exception]) -> None:
    asked: list[None] = []

    def no_library(name: None) -> ctypes.CDLL:
        asked.append(name)
        raise fault

    monkeypatch.setattr(memory, "ctypes", SimpleNamespace(CDLL=no_library))
    give_back_large_blocks()
    assert asked == [None]
