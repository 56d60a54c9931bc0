"""What is kept of the houses of sites, as files: it comes back as it was, and damage takes nothing along."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.engines.house_files import HouseFiles
from maillage.services.compute.house.history import SLOTS_KEPT
from maillage.services.compute.house.model import HouseRecord, HouseSettings, Slot

ONE = HouseRecord("wm-1", HouseSettings(False, "cpu", 0.999, 1_500, 24), monitored=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "house"


@pytest.fixture
def files(folder: Path) -> HouseFiles:
    return HouseFiles(folder)


def test_a_new_folder_keeps_nothing(files: HouseFiles) -> None:
    assert (files.all(), files.slots("wm-1")) == ([], [])
    files.drop("wm-1")


def test_settings_and_history_come_back_to_the_next_process(files: HouseFiles, folder: Path) -> None:
    other = HouseRecord("wm-0", HouseSettings())
    files.put(ONE)
    files.put(other)
    files.add([("wm-1", Slot(11, 2, 3)), ("wm-0", Slot(11, 5, 6)), ("wm-1", Slot(10, 1, 2))])
    again = HouseFiles(folder)
    assert again.all() == [other, ONE]
    assert again.slots("wm-1") == [Slot(10, 1, 2), Slot(11, 2, 3)]


def test_what_is_dropped_takes_its_own_history_along(files: HouseFiles) -> None:
    files.put(ONE)
    files.put(HouseRecord("wm-0", HouseSettings()))
    files.add([("wm-1", Slot(11, 2, 3)), ("wm-0", Slot(11, 5, 6))])
    files.drop("wm-1")
    assert [record.site for record in files.all()] == ["wm-0"]
    assert (files.slots("wm-1"), files.slots("wm-0")) == ([], [Slot(11, 5, 6)])


def test_the_oldest_slots_make_room_for_the_newest(files: HouseFiles, folder: Path) -> None:
    files.put(ONE)
    files.add([("wm-1", Slot(number, number, number)) for number in range(7, SLOTS_KEPT + 20)])
    found = files.slots("wm-1")
    assert [slot.number for slot in found] == list(range(20, SLOTS_KEPT + 20))
    (history,) = folder.glob("*.slots")
    assert history.stat().st_size == SLOTS_KEPT * 16


@given(at=st.integers(0, 15), value=st.integers(1, 255))
def test_a_torn_slot_is_as_if_nothing_had_been_known(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int
) -> None:
    folder = tmp_path_factory.mktemp("world")
    files = HouseFiles(folder)
    slots = [Slot(number, 1_000 + number, 2_000) for number in range(3)]
    files.add([("wm-1", slot) for slot in slots])
    (history,) = folder.glob("*.slots")
    content = bytearray(history.read_bytes())
    content[16 + at] ^= value
    history.write_bytes(content)
    assert files.slots("wm-1") == [slots[0], slots[2]]
    history.write_bytes(content[:40])
    assert files.slots("wm-1") == [slots[0]]


def test_damaged_settings_are_set_aside(files: HouseFiles, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    files.put(ONE)
    (path,) = folder.glob("*.json")
    path.write_bytes(b'{"site": 5}')
    assert files.all() == []
    assert "set aside" in caplog.text
