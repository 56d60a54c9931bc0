"""One process per data folder: two writers of one ledger would both believe that they decide alone."""

import fcntl
from pathlib import Path


class FolderInUse(Exception):
    """Another process owns the data folder."""


class FolderLock:
    """Held until closed, or until the process is gone, however it went."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / "owner.lock").open("a")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise FolderInUse(
                f"another maillage process is using {folder}; stop it, or work through it by setting"
                " MAILLAGE_SERVER=http://HOST:PORT and MAILLAGE_KEY"
            ) from None

    def close(self) -> None:
        self._file.close()
