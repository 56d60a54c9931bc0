"""Backups of a data folder: taken while its owner works or not, and put back whole or not at all.

Each database is copied within one read transaction, and these begin together: SQLite's online backup inside of one
sees neither a write that comes meanwhile nor half of one, and holds nobody up.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from errno import EEXIST, ENOENT
from pathlib import Path

import maillage
from maillage.engines.backup_archive import Manifest, Member, digest_of_file, pack, unpack
from maillage.engines.file_snapshots import FileSnapshots
from maillage.engines.folder_layout import (
    BLOBS,
    DATABASES,
    HOUSE,
    JOURNAL,
    RECORDS,
    SETTINGS,
    SNAPSHOTS,
    is_blob,
    is_house,
)
from maillage.engines.folder_lock import FolderLock
from maillage.kernel.times import format_time

PAGES_AT_ONCE = 2_048
"""8 MiB or so between two calls of ``on_progress``."""
_FOREIGN = "lost+found"
"""What file systems put into their root; a folder with nothing else counts as empty."""
_LOCK = "owner.lock"

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


def back_up(
    folder: Path, records: Path | None, archive: Path, now: int, replace: bool, on_progress: Progress
) -> Manifest:
    """Write a backup of ``folder`` to ``archive``, readable by its owner only; it appears there when it is whole.

    ``records`` is the file that the records are in; where it is None or absent, a database server has them, and the
    manifest says so. FileNotFoundError where the folder holds no chain, FileExistsError where the archive exists and
    ``replace`` is not set.
    """
    if not (folder / JOURNAL).is_file():
        raise FileNotFoundError(ENOENT, f"it holds no chain: there is no {JOURNAL}", str(folder))
    if archive.exists() and not replace:
        raise FileExistsError(EEXIST, "there is a file of that name", str(archive))
    found = {name: folder / name for name in DATABASES} | {RECORDS: records or folder / "nowhere"}
    databases = {name: path for name, path in found.items() if path.is_file()}
    with tempfile.TemporaryDirectory(prefix=f".{archive.name}.", dir=archive.parent) as scratch:
        staged = Path(scratch) / "staged"
        _copy_houses(folder, staged)
        rows = _copy_databases(databases, staged, on_progress)
        ends = {name: _end_of(staged / name) for name in SNAPSHOTS if name in databases}
        for name, end in ends.items():
            _copy_snapshot(folder, staged, SNAPSHOTS[name], end)
        for name in SETTINGS:
            if (folder / name).is_file():
                _copy(folder / name, staged / name)
        _link_blobs(folder, staged)
        manifest = Manifest(
            maillage=maillage.__version__,
            sqlite=sqlite3.sqlite_version,
            made_at=format_time(now),
            records="here" if RECORDS in databases else "elsewhere",
            events=ends[JOURNAL],
            rows=rows,
            members=_members(staged),
        )
        part = Path(scratch) / "part"
        pack(staged, manifest, part, on_progress)
        part.replace(archive)
    _sync_folder(archive.parent)
    return manifest


def restore(archive: Path, folder: Path, on_progress: Progress) -> Manifest:
    """Put a backup into a folder that is absent or empty. BackupDamaged where the archive is not as it was written;
    the folder is then as it was.

    FileExistsError where there is anything in the folder, FolderInUse where a process owns it.
    """
    made = not folder.exists()
    if not made and any(entry.name not in (_LOCK, _FOREIGN) for entry in folder.iterdir()):
        raise FileExistsError(EEXIST, "there is something in the folder", str(folder))
    with closing(FolderLock(folder)), _emptied_on_failure(folder, made):
        with tempfile.TemporaryDirectory(prefix=".restoring-", dir=folder) as scratch:
            manifest = unpack(archive, Path(scratch), on_progress)
            # The journal last: without it the folder holds no chain, whatever else came to be there.
            for entry in sorted(Path(scratch).iterdir(), key=lambda entry: entry.name == JOURNAL):
                entry.rename(folder / entry.name)
        _sync_folder(folder)
    return manifest


def _copy_databases(databases: dict[str, Path], staged: Path, on_progress: Progress) -> dict[str, dict[str, int]]:
    """Copy each as it is now; rows by table, for the manifest."""
    counts = {}
    with ExitStack() as stack:
        opened = {name: stack.enter_context(_as_of_now(path)) for name, path in databases.items()}
        for name, live in opened.items():

            def told(_: int, remaining: int, total: int, name: str = name) -> None:
                on_progress(f"copying {name}", total - remaining, total)

            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(staged / name)) as copy:
                live.backup(copy, pages=PAGES_AT_ONCE, progress=told)
                copy.execute("PRAGMA journal_mode=DELETE")  # one file, no -wal beside it
                tables = [row[0] for row in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
                counts[name] = {table: _rows(copy, table) for table in tables if not table.startswith("sqlite_")}
    return counts


@contextmanager
def _as_of_now(path: Path) -> Iterator[sqlite3.Connection]:
    """A database within a read transaction that has begun."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)) as live:
        live.execute("BEGIN")
        live.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield live


def _rows(database: sqlite3.Connection, table: str) -> int:
    name = table.replace('"', '""')
    return int(database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])  # noqa: S608  from the schema


def _end_of(journal: Path) -> int:
    """The number that the next event of a copied journal will have."""
    with closing(sqlite3.connect(journal)) as copy:
        return int(copy.execute("SELECT coalesce(max(pos + count), 0) FROM batches").fetchone()[0])


def _copy_snapshot(folder: Path, staged: Path, where: str, end: int) -> None:
    """The newest that does not go beyond the copied journal; without one a start takes longer, and that is all."""
    for snapshot in FileSnapshots(folder / where).files(end):
        try:
            _copy(snapshot, staged / where / snapshot.name)
        except FileNotFoundError:  # a newer one has just taken its place
            continue
        return


def _copy_houses(folder: Path, staged: Path) -> None:
    """Before the journal, so that the sites they are of are in it. Records are replaced whole; of a history that grows
    meanwhile the one place that was torn says so itself."""
    for path in (folder / HOUSE).glob("*"):
        if is_house(f"{HOUSE}/{path.name}"):
            with suppress(FileNotFoundError):  # nobody looks after that house any more
                _copy(path, staged / HOUSE / path.name)


def _link_blobs(folder: Path, staged: Path) -> None:
    """After the records, so that what they name is there. Blobs never change, so a second name is as good as a copy;
    only on another file system there is none."""
    blobs = [blob for blob in (folder / BLOBS).glob("*") if is_blob(f"{BLOBS}/{blob.name}")]
    for blob in blobs:
        to = staged / BLOBS / blob.name
        to.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # its last version has just been deleted
            try:
                os.link(blob, to)
            except OSError:
                _copy(blob, to)


def _copy(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, to)


def _members(staged: Path) -> list[Member]:
    files = sorted(path for path in staged.rglob("*") if path.is_file())
    return [Member(path.relative_to(staged).as_posix(), path.stat().st_size, digest_of_file(path)) for path in files]


@contextmanager
def _emptied_on_failure(folder: Path, made: bool) -> Iterator[None]:
    """Whatever is in the folder came there within, since it was empty before and has no other owner."""
    try:
        yield
    except BaseException:
        for entry in list(folder.iterdir()):
            if entry.name == _FOREIGN:
                continue
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        if made:
            folder.rmdir()
        raise


def _sync_folder(folder: Path) -> None:
    """Have the names in it survive a power cut as well."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
