"""A registry over records in a file of its own, at a chain with two stores."""

import asyncio
import tempfile
from collections.abc import Coroutine
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from maillage.engines.clocks import ManualClock
from maillage.engines.records.opening import open_database
from maillage.engines.records.sensing import SqlRegistryRecords
from maillage.services.sensing.registry.desk import RegistryDesk
from maillage.services.sensing.registry.documents import DeviceChange, NewDevice, ProfileFields
from maillage.services.sensing.registry.kept import KeptRegistry

T = TypeVar("T")
NOW = 1_793_534_400  # 2026-11-01T12:00:00Z
SITES = ("wm-1", "wm-2")


@cache
def _empty_records() -> bytes:
    """A file with the whole schema: made once, since that takes longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        open_database("", Path(folder)).close()
        return (Path(folder) / "records.db").read_bytes()


class RegistryWorld:
    """``desk`` as the faces have it; ``restart`` is another process with the same records."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(NOW)
        folder.joinpath("records.db").write_bytes(_empty_records())
        self._database = open_database("", folder)
        self._runner = asyncio.Runner()
        self.restart()

    def restart(self) -> None:
        kept = KeptRegistry(SqlRegistryRecords(self._database))
        self.desk = RegistryDesk(kept, SITES.__contains__, self.clock)
        self.run(self.desk.start())

    @property
    def kept(self) -> KeptRegistry:
        return self.desk.kept

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def device(self, device_id: str, profile: str = "freezer", site: str = "wm-1", **more: str) -> Any:
        return self.run(self.desk.create(NewDevice(id=device_id, site=site, profile=profile, **more)))

    def change(self, device_id: str, profile: str, **more: str) -> Any:
        return self.run(self.desk.change(device_id, DeviceChange(profile=profile, **more)))

    def profile(self, name: str, document: ProfileFields) -> Any:
        return self.run(self.desk.put_profile(name, document))

    def enter(self, text: str | bytes) -> Any:
        """Import a file."""
        return self.run(self.desk.import_csv(text.encode() if isinstance(text, str) else text))

    def close(self) -> None:
        self._runner.close()
        self._database.close()
