"""Backups of a data folder: taken while its owner works or not, and put back whole or not at all.

The copy of each database is one read transaction old: SQLite's online backup inside of it sees neither a write that
comes meanwhile nor half of one, and holds nobody up. The records' transaction begins just before the journal's, so
what the records know of leases is in the journal too.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from errno import EEXIST, ENOENT
from pathlib import Path

import maillage
from maillage.engines.backup_archive import (
    Manifest,
    Member,
    digest_of_file,
    pack,
    unpack,
)
from maillage.engines.file_snapshots import FileSnapshots
from maillage.engines.folder_lock import FolderLock
from maillage.engines.sqlite_journal import FILE_NAME as JOURNAL
from maillage.kernel.times import format_time

RECORDS = "records.db"
"""Under this name in an archive and in a restored folder, wherever the file was."""
SNAPSHOTS = "snapshots"
PAGES_AT_ONCE = 2_048
"""8 MiB or so between two calls of ``on_progress``."""
_NOT_COUNTED = ("owner.lock", "lost+found")
"""What may lie in a folder that counts as empty: the lock of whoever looks, and what file systems put into a root."""

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
    wanted = {JOURNAL: folder / JOURNAL}
    if records is not None and records.is_file():
        wanted = {RECORDS: records, **wanted}
    if archive.exists() and not replace:
        raise FileExistsError(EEXIST, "there is a file of that name", str(archive))
    with tempfile.TemporaryDirectory(prefix=f".{archive.name}.", dir=archive.parent) as scratch:
        staged = Path(scratch) / "staged"
        staged.mkdir()
        rows = _copy_databases(wanted, staged, on_progress)
        with closing(sqlite3.connect(staged / JOURNAL)) as journal:
            end = journal.execute("SELECT coalesce(max(pos + count), 0) FROM batches").fetchone()[0]
        _copy_snapshot(folder, staged, end)
        manifest = Manifest(
            maillage=maillage.__version__,
            sqlite=sqlite3.sqlite_version,
            made_at=format_time(now),
            records="here" if RECORDS in wanted else "elsewhere",
            events=end,
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
    if not made and any(entry.name not in _NOT_COUNTED for entry in folder.iterdir()):
        raise FileExistsError(EEXIST, "there is something in the folder", str(folder))
    with closing(FolderLock(folder)), _undone_on_failure(folder, made):
        with tempfile.TemporaryDirectory(prefix=".restoring-", dir=folder) as scratch:
            manifest = unpack(archive, Path(scratch), on_progress)
            # The journal last: without it the folder holds no chain, whatever else came to be there.
            for name in (SNAPSHOTS, RECORDS, JOURNAL):
                if (Path(scratch) / name).exists():
                    (Path(scratch) / name).rename(folder / name)
        _sync_folder(folder)
    return manifest


def _copy_databases(wanted: dict[str, Path], staged: Path, on_progress: Progress) -> dict[str, dict[str, int]]:
    """Copy each as it is now; rows by table, for the manifest."""
    counts = {}
    with ExitStack() as stack:
        opened = {name: stack.enter_context(_as_of_now(path)) for name, path in wanted.items()}
        for name, live in opened.items():

            def told(_: int, remaining: int, total: int, name: str = name) -> None:
                on_progress(f"copying {name}", total - remaining, total)

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


def _copy_snapshot(folder: Path, staged: Path, end: int) -> None:
    """The newest that does not go beyond the copied journal; without one a start takes longer, and that is all."""
    for snapshot in FileSnapshots(folder / SNAPSHOTS).files(end):
        (staged / SNAPSHOTS).mkdir(exist_ok=True)
        try:
            shutil.copyfile(snapshot, staged / SNAPSHOTS / snapshot.name)
        except FileNotFoundError:  # a newer one has just taken its place
            continue
        return


def _members(staged: Path) -> list[Member]:
    files = sorted(path for path in staged.rglob("*") if path.is_file())
    return [Member(str(path.relative_to(staged)), path.stat().st_size, digest_of_file(path)) for path in files]


@contextmanager
def _undone_on_failure(folder: Path, made: bool) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for name in (JOURNAL, RECORDS, "owner.lock"):
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / SNAPSHOTS, ignore_errors=True)
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
