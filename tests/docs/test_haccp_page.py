"""The page on the HACCP record says what the code writes, and its program checks a log without our code."""

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

from maillage.services.sensing.coldchain.documents import Action, Check
from maillage.services.sensing.coldchain.haccp.csv_file import COLUMNS
from maillage.services.sensing.coldchain.haccp.entry import EntryKind
from maillage.services.sensing.coldchain.model import Disposition
from tests.unit.services.sensing.coldchain.coldchain_world import SITE, Desk

PAGE = (Path(__file__).parents[2] / "docs/reference/haccp.md").read_text("utf-8")


def test_the_page_names_every_kind_of_entry_every_member_and_every_disposition() -> None:
    rows = set(re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE))
    assert set(get_args(EntryKind)) <= rows
    assert set(COLUMNS) <= rows
    assert f"Columns: `{','.join(COLUMNS)}`" in PAGE
    assert all(f"`{each}`" in PAGE for each in get_args(Disposition))


def test_the_program_of_the_page_finds_a_log_whole_or_not(tmp_path: Path) -> None:
    with Desk(tmp_path) as store:
        store.air(-20, 2)
        store.air(-8, 2)
        action = Action(by="Änne", text='-1 "pallet"\nmoved', disposition="moved")
        store.run(store.desk.correct(store.only().id, action))
        store.run(store.desk.check(SITE, Check(kind="manual_check", unit="=freezer", by="@Ann", measured=-8.25)))
        exported = store.run(store.desk.haccp.csv(SITE, None, None))
    whole, changed = tmp_path / "whole.csv", tmp_path / "changed.csv"
    whole.write_bytes(exported)
    changed.write_bytes(exported.replace(b"-8.25", b"-18.25"))
    assert run(whole).stdout.startswith("whole up to ")
    assert "was changed" in run(changed).stderr


def run(file: Path) -> "subprocess.CompletedProcess[str]":
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    command = [sys.executable, "-I", "-X", "utf8", "-c", program, str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, encoding="utf-8")
