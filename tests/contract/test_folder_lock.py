"""One owner per data folder."""

from pathlib import Path

import pytest

from maillage.engines.folder_lock import FolderInUse, FolderLock


def test_a_second_owner_is_refused_until_the_first_has_left(tmp_path: Path) -> None:
    first = FolderLock(tmp_path / "data")
    with pytest.raises(FolderInUse, match="MAILLAGE_SERVER"):
        FolderLock(tmp_path / "data")
    FolderLock(tmp_path / "other").close()
    first.close()
    FolderLock(tmp_path / "data").close()
