"""What a site is to run, as files."""

from pathlib import Path

from maillage.engines.record_files import RecordFiles
from maillage.services.compute.model import Instance


class InstanceFiles:
    """One an instance, by its id; see ``RecordFiles``."""

    def __init__(self, folder: Path) -> None:
        self._files = RecordFiles(folder, Instance)

    def put(self, instance: Instance) -> None:
        self._files.put(instance.id, instance)

    def drop(self, instance_id: str) -> None:
        self._files.drop(instance_id)

    def all(self) -> list[Instance]:
        """In order of id."""
        return sorted(self._files.all(), key=lambda instance: instance.id)
