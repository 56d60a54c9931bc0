"""What a site is to run, kept as files: whole or absent, and one that is damaged takes nothing along."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.engines.instance_files import InstanceFiles
from maillage.services.compute.limits import limits_of
from maillage.services.compute.model import Health, Instance, Settings

SETTINGS = Settings({"COLOUR": "grün"}, ["example.com:8443"], Health("/x", 5, 1, 2), "never", 1.5, 2.5, 9_000, True)
ONE = Instance(
    "wm-1~7",
    "d-1",
    "acme.shop",
    "acme",
    "wm-1",
    "sha256:" + "ab" * 32,
    "component",
    "",
    SETTINGS,
    limits_of({"cpu": 500}, SETTINGS, "component"),
    True,
    3,
)


def numbered(number: int) -> Instance:
    return msgspec.structs.replace(ONE, id=f"wm-1~{number}")


@pytest.fixture
def store(tmp_path: Path) -> InstanceFiles:
    return InstanceFiles(tmp_path / "instances")


def test_a_new_folder_keeps_nothing(store: InstanceFiles) -> None:
    assert store.all() == []
    store.drop("wm-1~7")


def test_what_is_put_comes_back_to_the_letter_also_to_the_next_process(store: InstanceFiles, tmp_path: Path) -> None:
    store.put(ONE)
    assert InstanceFiles(tmp_path / "instances").all() == [ONE]


def test_one_put_again_is_the_latter(store: InstanceFiles) -> None:
    store.put(ONE)
    other = msgspec.structs.replace(ONE, digest="sha256:" + "cd" * 32)
    store.put(other)
    assert store.all() == [other]


def test_one_that_was_dropped_is_gone_and_the_others_stay(store: InstanceFiles) -> None:
    for number in (1, 2, 3):
        store.put(numbered(number))
    store.drop("wm-1~2")
    store.drop("wm-1~2")
    assert [each.id for each in store.all()] == ["wm-1~1", "wm-1~3"]


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b'{"id": 5}'])
def test_a_damaged_file_is_set_aside_and_takes_nothing_along(
    store: InstanceFiles, tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    store.put(numbered(1))
    (path,) = (tmp_path / "instances").glob("*.json")
    store.put(numbered(2))
    path.write_bytes(damage)
    assert [each.id for each in store.all()] == ["wm-1~2"]
    assert "set aside" in caplog.text
    assert [file.suffix for file in (tmp_path / "instances").iterdir() if file.stem == path.stem] == [".damaged"]
    assert [each.id for each in store.all()] == ["wm-1~2"]


def test_what_a_power_cut_left_half_written_is_nothing(store: InstanceFiles, tmp_path: Path) -> None:
    store.put(numbered(1))
    (tmp_path / "instances" / "ab.part").write_bytes(b'{"id": "wm-1~9"')
    assert [each.id for each in store.all()] == ["wm-1~1"]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300))
def test_no_id_leads_out_of_the_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("world") / "instances"
    store = InstanceFiles(folder)
    store.put(msgspec.structs.replace(ONE, id=name))
    assert [each.id for each in store.all()] == [name]
    assert [path.name for path in folder.parent.iterdir()] == ["instances"]
    store.drop(name)
    assert list(folder.iterdir()) == []
