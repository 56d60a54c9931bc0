"""Backups: what was restored is what was there; and no archive, however it came to be, does any harm."""

import gzip
import hashlib
import io
import json
import os
import sqlite3
import stat
import tarfile
from collections.abc import Callable
from contextlib import closing
from errno import EXDEV
from pathlib import Path
from typing import Any

import pytest

from maillage.bootstrap import hub, node, open_local, sensing
from maillage.engines import backup, backup_archive
from maillage.engines.backup import back_up, restore
from maillage.engines.backup_archive import BackupDamaged, Manifest
from maillage.engines.folder_layout import BLOBS, HOUSE, READINGS, SETTINGS
from maillage.engines.folder_lock import FolderInUse, FolderLock
from maillage.engines.house_files import HouseFiles
from maillage.engines.readings.store import FileReadings
from maillage.engines.sqlite_journal import SqliteJournal
from maillage.kernel.capacity import PoolPlan, set_capacity, set_site
from maillage.kernel.grants import Order, grant
from maillage.kernel.sites import Site
from maillage.kernel.snapshots import encode_ledger
from maillage.kernel.times import HOUR_S
from maillage.services.compute.house.model import HouseRecord, HouseSettings, Slot
from maillage.services.sensing.model import Reading, SeriesKey
from maillage.tenancy.webhooks import master
from maillage.verify import check
from tests.kernel_world import NOW, ask_for

LEASES = 40
Entries = list[tuple[tarfile.TarInfo, bytes]]


def quiet(what: str, done: int, total: int) -> None:
    assert what and 0 <= done <= total


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A chain with a site, leases, a tenant's key and a snapshot half way."""
    chain = open_local(tmp_path / "home")
    chain.access.first_key("an-admin-key-for-the-tests")
    chain.keeper.run(lambda scribe: set_site(scribe, Site("wm-1", "wm-1", 36.0, -94.0, "Etc/UTC")))
    chain.keeper.run(lambda scribe: set_capacity(scribe, "wm-1", PoolPlan("cpu", 1_000_000)) and None)
    later = chain.clock.now() + HOUR_S
    for number in range(LEASES):
        order = Order(
            "acme", ask_for({"cpu": 1}, later, later + HOUR_S, site="wm-1"), ("wm-1",), f"key-{number}", "body"
        )
        chain.keeper.run(lambda scribe, order=order: grant(scribe, order).id)
        if number == LEASES // 2:
            chain.snapshots.save(chain.ledger.pos, encode_ledger(chain.ledger))
    chain.close()
    return tmp_path / "home"


def made(folder: Path, archive: Path, replace: bool = False) -> Manifest:
    return back_up(folder, folder / "records.db", archive, NOW, replace, quiet)


@pytest.fixture
def archive(folder: Path, tmp_path: Path) -> Path:
    made(folder, tmp_path / "one.tar.gz")
    return tmp_path / "one.tar.gz"


# -- there and back ----------------------------------------------------------------------------------------------------


def test_what_was_restored_is_what_was_there(folder: Path, archive: Path, tmp_path: Path) -> None:
    restore(archive, tmp_path / "again", quiet)
    before, after = open_local(folder), open_local(tmp_path / "again")
    try:
        assert encode_ledger(after.keeper.ledger) == encode_ledger(before.keeper.ledger)
        assert len(after.keeper.ledger.leases) == LEASES
        for chain in (before, after):
            principal = chain.access.principal(b"an-admin-key-for-the-tests")
            assert principal is not None and principal.role == "operator"
    finally:
        before.close()
        after.close()
    assert check(tmp_path / "again").ok


def test_the_newest_snapshot_that_fits_comes_along(folder: Path, archive: Path, tmp_path: Path) -> None:
    ahead = folder / "snapshots" / f"{10_000:020d}.snapshot"
    ahead.write_bytes(b"of a journal that goes on")
    restore(archive, tmp_path / "again", quiet)
    names = {path.name for path in (tmp_path / "again" / "snapshots").iterdir()}
    assert names == {path.name for path in (folder / "snapshots").iterdir()} - {ahead.name}


def test_a_backup_of_a_folder_that_a_process_works_on_is_whole(folder: Path, tmp_path: Path) -> None:
    chain = open_local(folder)
    try:
        made(folder, tmp_path / "live.tar.gz")
    finally:
        chain.close()
    restore(tmp_path / "live.tar.gz", tmp_path / "again", quiet)
    assert check(tmp_path / "again").leases == LEASES


def test_the_manifest_says_what_is_in_it(folder: Path, tmp_path: Path) -> None:
    manifest = made(folder, tmp_path / "one.tar.gz")
    with tarfile.open(tmp_path / "one.tar.gz") as tar:
        first, *others = tar.getmembers()
        stated = json.load(tar.extractfile(first))  # type: ignore[arg-type]
        sums = {entry.name: hashlib.sha256(tar.extractfile(entry).read()).hexdigest() for entry in others}  # type: ignore[union-attr]
    assert first.name == "manifest.json"
    assert {member["name"]: member["sha256"] for member in stated["members"]} == sums
    assert (stated["events"], stated["records"], stated["made_at"]) == (LEASES + 2, "here", "2026-12-01T08:00:00Z")
    assert stated["rows"]["records.db"]["keys"] == 1
    assert manifest.rows["journal.db"]["batches"] == LEASES + 2


def test_what_hubs_and_nodes_have_beside_comes_along_and_what_can_be_made_anew_does_not(
    folder: Path, tmp_path: Path
) -> None:
    settings = {hub.HUB_FILE, node.NODE_FILE, node.SEED_FILE, node.CREDENTIALS_FILE, master.FILE_NAME}
    settings |= {f"{hub.IDENTITY_FOLDER}/{name}.nk" for name in ("operator", "system", "account")}
    settings.add(f"{sensing.FOLDER}/{sensing.LEARNT}")
    assert settings == set(SETTINGS)
    for name in (*settings, f"{hub.IDENTITY_FOLDER}/{hub.CREDENTIALS_FILE}", "bus/jetstream/1.blk", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"this is {name}")
    SqliteJournal(folder / hub.HOLDINGS_FOLDER).close()
    store = FileReadings(folder / sensing.FOLDER / "readings")
    store.append([Reading("wm-1", "f-1", "temperature", 1_000, -18.5)])
    made(folder, tmp_path / "one.tar.gz")
    restore(tmp_path / "one.tar.gz", tmp_path / "again", quiet)
    there = {path.relative_to(tmp_path / "again").as_posix() for path in (tmp_path / "again").rglob("*")}
    there = {name for name in there if not name.startswith("snapshots") and (tmp_path / "again" / name).is_file()}
    assert there == {*settings, "records.db", "journal.db", "holdings/journal.db", READINGS, "owner.lock"}
    assert all((tmp_path / "again" / name).read_text() == f"this is {name}" for name in settings)
    again = FileReadings(tmp_path / "again" / sensing.FOLDER / "readings")
    assert [each and each.value for each in map(again.last, [SeriesKey("f-1", "temperature")])] == [-18.5]
    for each in (store, again):
        each.close()


def test_what_tenants_uploaded_comes_along_also_to_another_file_system(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = folder / BLOBS
    blobs.mkdir()
    digest = hashlib.sha256(b"code").hexdigest()
    (blobs / digest).write_bytes(b"code")
    (blobs / f"{'0' * 32}.part").write_bytes(b"on its way")

    def elsewhere(*_: object) -> None:
        raise OSError(EXDEV, "not on this file system")

    made(folder, tmp_path / "linked.tar.gz")
    monkeypatch.setattr(backup.os, "link", elsewhere)
    made(folder, tmp_path / "copied.tar.gz")
    for name in ("linked", "copied"):
        restore(tmp_path / f"{name}.tar.gz", tmp_path / name, quiet)
        assert [path.name for path in (tmp_path / name / BLOBS).iterdir()] == [digest]
        assert (tmp_path / name / BLOBS / digest).read_bytes() == b"code"
    assert (blobs / digest).stat().st_nlink == 1


def test_how_houses_are_looked_after_comes_along_and_what_they_used(folder: Path, tmp_path: Path) -> None:
    houses = HouseFiles(folder / HOUSE)
    record = HouseRecord("wm-1", HouseSettings(headroom=500), monitored=True)
    houses.put(record)
    slots = [Slot(5_900_000 + number, number, 2 * number) for number in range(300)]
    houses.add([("wm-1", slot) for slot in slots])
    for name in ("0" * 32 + ".part", "1" * 32 + ".damaged", "notes.txt"):
        (folder / HOUSE / name).write_text("left behind")
    made(folder, tmp_path / "one.tar.gz")
    restore(tmp_path / "one.tar.gz", tmp_path / "again", quiet)
    again = HouseFiles(tmp_path / "again" / HOUSE)
    assert (again.all(), again.slots("wm-1")) == ([record], slots)
    assert len(list((tmp_path / "again" / HOUSE).iterdir())) == 2


def test_a_blob_that_goes_while_it_is_backed_up_is_left_out(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / BLOBS).mkdir()
    for digit in "12":
        (folder / BLOBS / (digit * 64)).write_bytes(b"code")
    link = os.link

    def dropped(path: Path, to: Path) -> None:
        (folder / BLOBS / ("1" * 64)).unlink(missing_ok=True)
        link(path, to)

    monkeypatch.setattr(backup.os, "link", dropped)
    manifest = made(folder, tmp_path / "one.tar.gz")
    assert f"{BLOBS}/{'1' * 64}" not in {member.name for member in manifest.members}
    assert f"{BLOBS}/{'2' * 64}" in {member.name for member in manifest.members}


def test_only_its_owner_can_read_a_backup(archive: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    restore(archive, tmp_path / "again", quiet)
    assert stat.S_IMODE((tmp_path / "again" / "records.db").stat().st_mode) == 0o600


def test_records_in_a_database_server_are_left_out_and_named(folder: Path, tmp_path: Path) -> None:
    manifest = back_up(folder, None, tmp_path / "one.tar.gz", NOW, False, quiet)
    assert manifest.records == "elsewhere"
    assert {member.name.partition("/")[0] for member in manifest.members} == {"journal.db", "snapshots"}
    restore(tmp_path / "one.tar.gz", tmp_path / "again", quiet)
    assert not (tmp_path / "again" / "records.db").exists()


def test_records_in_a_file_elsewhere_come_along(folder: Path, tmp_path: Path) -> None:
    (folder / "records.db").rename(tmp_path / "other.db")
    back_up(folder, tmp_path / "other.db", tmp_path / "one.tar.gz", NOW, False, quiet)
    restore(tmp_path / "one.tar.gz", tmp_path / "again", quiet)
    with closing(sqlite3.connect(tmp_path / "again" / "records.db")) as records:
        assert records.execute("SELECT count(*) FROM keys").fetchone() == (1,)


def test_records_are_no_newer_than_the_journal(folder: Path, tmp_path: Path) -> None:
    """Both are as of the moment when the backup began, however long it takes to copy them."""
    chain = open_local(folder)
    written: list[str] = []

    def write_meanwhile(what: str, done: int, total: int) -> None:
        if not written:
            written.append(what)
            chain.access.add_tenant("late", "late", "tenant")
            chain.keeper.run(lambda scribe: set_site(scribe, Site("late", "late", 36.0, -94.0, "Etc/UTC")))

    try:
        back_up(folder, folder / "records.db", tmp_path / "one.tar.gz", NOW, False, write_meanwhile)
    finally:
        chain.close()
    assert written == ["copying records.db"]
    restore(tmp_path / "one.tar.gz", tmp_path / "again", quiet)
    again = open_local(tmp_path / "again")
    try:
        assert set(again.keeper.ledger.sites) == {"wm-1"}
        assert {tenant.id for tenant in again.access.tenants()} == {"operator"}
    finally:
        again.close()


# -- what stands in the way --------------------------------------------------------------------------------------------


def test_an_older_backup_is_replaced_only_on_purpose(folder: Path, archive: Path) -> None:
    archive.write_bytes(b"an older one")
    with pytest.raises(FileExistsError):
        made(folder, archive)
    assert archive.read_bytes() == b"an older one"
    made(folder, archive, replace=True)
    assert tarfile.is_tarfile(archive)


def test_where_there_is_no_chain_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        made(tmp_path, tmp_path / "one.tar.gz")
    assert list(tmp_path.iterdir()) == []


def test_a_backup_that_fails_leaves_nothing_and_an_older_one_as_it_was(folder: Path, archive: Path) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "no space left on device")

    before, there = archive.read_bytes(), set(archive.parent.iterdir())
    with pytest.raises(OSError, match="no space"):
        back_up(folder, folder / "records.db", archive, NOW, True, full)
    assert archive.read_bytes() == before
    assert set(archive.parent.iterdir()) == there


def test_a_folder_with_anything_in_it_is_left_alone(archive: Path, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        restore(archive, folder, quiet)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("mine")
    with pytest.raises(FileExistsError):
        restore(archive, tmp_path / "other", quiet)
    assert (tmp_path / "other" / "letter.txt").read_text() == "mine"


def test_an_empty_folder_is_taken_and_one_with_an_owner_is_not(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    lock = FolderLock(tmp_path / "empty")
    with pytest.raises(FolderInUse):
        restore(archive, tmp_path / "empty", quiet)
    lock.close()
    restore(archive, tmp_path / "empty", quiet)
    assert check(tmp_path / "empty").ok


# -- archives that are not as they should be ---------------------------------------------------------------------------


def entries_of(archive: Path) -> Entries:
    with tarfile.open(archive) as tar:
        return [(entry, tar.extractfile(entry).read()) for entry in tar.getmembers()]  # type: ignore[union-attr]


def write(archive: Path, entries: Entries) -> None:
    with tarfile.open(archive, "w:gz") as tar:
        for entry, body in entries:
            tar.addfile(entry, io.BytesIO(body))


def entry(name: str, body: bytes = b"", **properties: Any) -> tuple[tarfile.TarInfo, bytes]:
    found = tarfile.TarInfo(name)
    found.size = len(body)
    for property_name, value in properties.items():
        setattr(found, property_name, value)
    return found, body


def restated(entries: Entries, change: Callable[[dict[str, Any]], None]) -> Entries:
    (first, body), *others = entries
    stated = json.loads(body)
    change(stated)
    return [entry(first.name, json.dumps(stated).encode()), *others]


def renamed(name: str) -> Callable[[Entries], Entries]:
    """The journal under another name, in the manifest as well."""

    def change(entries: Entries) -> Entries:
        def rename(stated: dict[str, Any]) -> None:
            for member in stated["members"]:
                member["name"] = name if member["name"] == "journal.db" else member["name"]

        return [
            (found, body) if found.name != "journal.db" else entry(name, body)
            for found, body in restated(entries, rename)
        ]

    return change


def swapped(index: int, other: tuple[tarfile.TarInfo, bytes]) -> Callable[[Entries], Entries]:
    return lambda entries: [*entries[:index], other, *entries[index + 1 :]]


def journal_as(**properties: Any) -> Callable[[Entries], Entries]:
    return lambda entries: [
        (found, body) if found.name != "journal.db" else entry("journal.db", **properties) for found, body in entries
    ]


def without_journal(entries: Entries) -> Entries:
    return [(found, body) for found, body in entries if found.name != "journal.db"]


def flipped(entries: Entries) -> Entries:
    """A byte of the journal is another one, and all sums of gzip and tar are right."""
    return [
        (found, body if found.name != "journal.db" else body[:5_000] + bytes([body[5_000] ^ 1]) + body[5_001:])
        for found, body in entries
    ]


HARMFUL = {
    "a path that leads out": renamed("../escaped.db"),
    "a path that begins at the root": renamed("/tmp/escaped.db"),
    "a path within": renamed("snapshots/../journal.db"),
    "a name that means nothing": renamed("setup.py"),
    "the lock": renamed("owner.lock"),
    "a snapshot that is none": renamed("snapshots/1.snapshot"),
    "a name in a folder that is none": renamed("nats/authorized_keys"),
    "a blob that is none": renamed("blobs/../journal.db"),
    "a blob with another name than a digest": renamed("blobs/code.so"),
    "a link to a file": journal_as(type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "a hard link": journal_as(type=tarfile.LNKTYPE, linkname="records.db"),
    "a device": journal_as(type=tarfile.CHRTYPE),
    "a folder": journal_as(type=tarfile.DIRTYPE),
    "a member that the manifest does not name": lambda entries: [*entries, entry("snapshots/x", b"x")],
    "a member twice": lambda entries: [*entries, entries[1]],
    "a member missing": without_journal,
    "a byte of the journal": flipped,
    "no manifest": lambda entries: entries[1:],
    "a manifest that is a link": swapped(0, entry("manifest.json", type=tarfile.SYMTYPE, linkname="journal.db")),
    "a manifest that is none": swapped(0, entry("manifest.json", b"[1]")),
    "a manifest that is no JSON": swapped(0, entry("manifest.json", b"\xff{")),
    "a manifest without an end": swapped(0, entry("manifest.json", b" " * (backup_archive.MANIFEST_MAX + 1))),
    "a format of the future": lambda entries: restated(entries, lambda stated: stated.update(format=2)),
    "a manifest with a field missing": lambda entries: restated(entries, lambda stated: stated.pop("events")),
    "another size": lambda entries: restated(entries, lambda stated: stated["members"][0].update(bytes=1)),
    "another sum": lambda entries: restated(entries, lambda stated: stated["members"][0].update(sha256="0" * 64)),
    "nothing at all": lambda _: [],
}


@pytest.mark.parametrize("change", HARMFUL.values(), ids=HARMFUL.keys())
@pytest.mark.parametrize("there", [False, True], ids=["absent", "empty"])
def test_an_archive_with_a_fault_is_refused_and_leaves_nothing(
    archive: Path, tmp_path: Path, change: Callable[[Entries], Entries], there: bool
) -> None:
    target = tmp_path / "again"
    if there:
        target.mkdir()
    write(archive, change(entries_of(archive)))
    outside = set(tmp_path.iterdir())
    with pytest.raises(BackupDamaged, match=r"one\.tar\.gz: "):
        restore(archive, target, quiet)
    assert set(tmp_path.iterdir()) == outside
    assert target.exists() == there
    assert not there or list(target.iterdir()) == []


@pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.9, 0.9999])
def test_an_archive_that_was_cut_short_is_refused(archive: Path, tmp_path: Path, part: float) -> None:
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(BackupDamaged):
        restore(archive, tmp_path / "again", quiet)
    assert not (tmp_path / "again").exists()


def test_any_single_byte_that_changed_is_noticed_or_means_nothing(archive: Path, tmp_path: Path) -> None:
    whole = archive.read_bytes()
    restore(archive, tmp_path / "right", quiet)
    right = (tmp_path / "right" / "journal.db").read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 97)):
        archive.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        target = tmp_path / f"again-{place}"
        try:
            restore(archive, target, quiet)
        except BackupDamaged:
            assert not target.exists()
        else:  # the header of gzip holds a time and the like, and what follows on the last member is never read
            assert (target / "journal.db").read_bytes() == right


@pytest.mark.parametrize("content", [b"no archive", gzip.compress(b"no tar", mtime=0), b"\0" * 10_240])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "one.tar.gz").write_bytes(content)
    with pytest.raises(BackupDamaged):
        restore(tmp_path / "one.tar.gz", tmp_path / "again", quiet)


def test_what_follows_the_last_member_without_an_end_is_not_read(archive: Path, tmp_path: Path) -> None:
    plain = gzip.decompress(archive.read_bytes())
    archive.write_bytes(gzip.compress(plain + b"\0" * (backup_archive.TAIL_MAX * 3)))
    with pytest.raises(BackupDamaged, match="follows the last member"):
        restore(archive, tmp_path / "again", quiet)
