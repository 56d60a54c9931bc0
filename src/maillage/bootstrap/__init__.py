"""Where engines are chosen, and nowhere else: chains are opened from data folders."""

import asyncio
import shutil
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from maillage.bootstrap.chain import IN_THE_FOLDER, Chain, Mesh
from maillage.bootstrap.local import LocalChain
from maillage.engines import backup
from maillage.engines.backup_archive import BackupDamaged, Manifest, Progress
from maillage.engines.clocks import ManualClock, SystemClock
from maillage.engines.folder_lock import FolderInUse, FolderLock
from maillage.kernel.errors import Invalid
from maillage.kernel.ports import Clock
from maillage.tenancy.secrets import secret

if TYPE_CHECKING:
    from maillage.bootstrap.devices import Mqtt
    from maillage.bootstrap.hub import HubChain
    from maillage.bootstrap.node import NodeChain, NodeSettings

__all__ = [
    "IN_THE_FOLDER",
    "BackupDamaged",
    "Chain",
    "FolderInUse",
    "LocalChain",
    "Manifest",
    "ManualClock",
    "Mesh",
    "back_up",
    "open_chain",
    "open_hub",
    "open_local",
    "open_node",
    "remove_chain",
    "restore",
    "run",
]

T = TypeVar("T")
DATABASE_URL = "MAILLAGE_DATABASE_URL"
HUB_FILE = "hub.json"


def open_chain(folder: Path, runs_code: bool = False, devices: bool = False, mqtt: "Mqtt | None" = None) -> Chain:
    """What lives in a folder: a hub, or a chain that owns its ledgers; new and empty where there is nothing.

    FolderInUse if it has an owner. The records are where MAILLAGE_DATABASE_URL says, or in the folder. With
    ``runs_code`` tenants' code runs in it, or where it is a hub's in the stores, at its bidding. With ``devices`` it
    has to do with those of its stores, by the broker of ``mqtt``; a hub has none, so that a broker is Invalid for it.
    """
    if not (folder / HUB_FILE).exists():
        return open_local(folder, runs_code=runs_code, devices=devices, mqtt=mqtt)
    if mqtt is not None:
        raise Invalid("mqtt", "a hub owns no store, so it has no devices to hear; give the broker to a store's node")
    return open_hub(folder, runs_code=runs_code)


def open_local(
    folder: Path,
    clock: Clock | None = None,
    database_url: str | None = None,
    runs_code: bool = False,
    devices: bool = False,
    mqtt: "Mqtt | None" = None,
) -> LocalChain:
    """A chain that owns all its ledgers. The records are where ``database_url`` says, or where that is None
    MAILLAGE_DATABASE_URL, or in the folder."""
    if (folder / HUB_FILE).exists():
        raise Invalid("folder", f"{folder} is a hub's: its ledgers are in the stores")
    url = _database_url() if database_url is None else database_url
    return LocalChain(folder, clock or SystemClock(), url, runs_code, devices, mqtt)


def open_hub(
    folder: Path, servers: Sequence[str] = (), node_servers: Sequence[str] = (), runs_code: bool = False
) -> "HubChain":
    """The hub that lives in a folder, a new one where there is nothing; ``servers`` are where it finds the bus. With
    ``runs_code`` it takes tenants' code, and has it run in the stores."""
    from maillage.bootstrap.hub import HubChain, HubSettings

    if not (folder / HUB_FILE).exists() and (folder / "journal.db").exists():
        raise Invalid("folder", f"{folder} has ledgers of its own; a hub needs another one")
    return HubChain(folder, SystemClock(), _database_url(), HubSettings(folder, servers, node_servers), runs_code)


def open_node(
    folder: Path, settings: "NodeSettings", servers: Sequence[str] = (), mqtt: "Mqtt | None" = None
) -> "NodeChain":
    """The node that lives in a folder; ``servers`` replace what the hub said of the bus, ``mqtt`` is the broker of its
    stores' devices."""
    from maillage.bootstrap.node import NodeChain

    return NodeChain(folder, SystemClock(), settings, servers, mqtt)


def back_up(folder: Path, archive: Path, replace: bool, on_progress: Progress) -> Manifest:
    """Write a backup of a data folder, whether a process owns it or not; see ``engines.backup.back_up``.

    RecordsUnavailable where MAILLAGE_DATABASE_URL is of no use. Records in a database server are not in the backup.
    """
    from maillage.engines.records.urls import records_url

    url = records_url(_database_url(), folder)
    records = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
    return backup.back_up(folder, records, archive, SystemClock().now(), replace, on_progress)


def restore(archive: Path, folder: Path, on_progress: Progress) -> Manifest:
    """Put a backup into an absent or empty data folder; see ``engines.backup.restore``."""
    return backup.restore(archive, folder, on_progress)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the fastest event loop there is."""
    try:
        import uvloop  # absent on Windows
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


def remove_chain(folder: Path) -> None:
    """Delete a chain's folder, if it is there and nobody uses it (else FolderInUse)."""
    if folder.exists():
        FolderLock(folder).close()
        shutil.rmtree(folder)


def _database_url() -> str:
    return secret(DATABASE_URL) or IN_THE_FOLDER
