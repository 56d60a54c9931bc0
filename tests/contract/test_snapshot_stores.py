"""One suite for every snapshot store: the newest that is whole and not too new."""

from collections.abc import Callable
from pathlib import Path

import pytest

from maillage.engines.file_snapshots import FileSnapshots
from maillage.engines.memory_snapshots import MemorySnapshots

Store = FileSnapshots | MemorySnapshots


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemorySnapshots() if request.param == "memory" else FileSnapshots(tmp_path / "snapshots")


def newest(store: Store, at_most: int) -> bytes | None:
    body = store.newest(at_most)
    return None if body is None else bytes(body)


def test_an_empty_store_has_none(store: Store) -> None:
    assert newest(store, 1 << 60) is None
    assert store.newest_pos() == 0


def test_the_newest_is_given_back_byte_by_byte(store: Store) -> None:
    store.save(5, b"five")
    store.save(12, bytes(range(256)) * 1_000)
    assert newest(store, 12) == bytes(range(256)) * 1_000
    assert store.newest_pos() == 12


def test_one_that_is_too_new_is_left_alone(store: Store) -> None:
    store.save(5, b"five")
    store.save(12, b"twelve")
    assert newest(store, 11) == b"five"
    assert newest(store, 5) == b"five"
    assert newest(store, 4) is None


def test_positions_are_numbers_and_not_texts(store: Store) -> None:
    store.save(9, b"nine")
    store.save(10, b"ten")
    assert newest(store, 99) == b"ten"


def test_one_taken_twice_at_one_place_is_the_later(store: Store) -> None:
    store.save(5, b"former")
    store.save(5, b"latter")
    assert newest(store, 5) == b"latter"


def test_of_many_the_two_newest_are_kept(store: Store) -> None:
    for pos in (1, 2, 3, 4):
        store.save(pos, str(pos).encode())
    assert [newest(store, pos) for pos in (4, 3, 2, 1)] == [b"4", b"3", None, None]


def test_an_empty_body_is_a_body(store: Store) -> None:
    store.save(1, b"")
    assert newest(store, 1) == b""


# -- what can happen to files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:3],
        lambda content: content[:-1],
        lambda content: content + b"x",
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: bytes([content[0] ^ 1]) + content[1:],
    ],
    ids=["empty", "a stump", "a byte too short", "a byte too long", "a bit in the body", "a bit in the checksum"],
)
def test_a_damaged_file_is_passed_over_for_the_one_before(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    store = FileSnapshots(tmp_path)
    store.save(5, b"five" * 100)
    store.save(12, b"twelve" * 100)
    (path,) = [path for path in tmp_path.iterdir() if path.stem.endswith("12")]
    path.write_bytes(damage(path.read_bytes()))
    assert newest(store, 99) == b"five" * 100


def test_what_else_lies_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    store = FileSnapshots(tmp_path)
    for name in ("readme.txt", "00000000000000000099.part", "notes.snapshot"):
        (tmp_path / name).write_text("something")
    store.save(5, b"five")
    assert newest(store, 99) == b"five"
    assert FileSnapshots(tmp_path).newest_pos() == 5
    assert len(list(tmp_path.iterdir())) == 4
