"""Where the registry is kept."""

from collections.abc import Sequence
from typing import Protocol

from maillage.services.sensing.model import Device, Profile


class RegistryRecords(Protocol):
    """Profiles that the operator entered, and devices. Calls block, and are durable when they return; what raises was
    not kept."""

    def profiles(self) -> list[Profile]:
        """In order of id; those that are shipped are not among them unless they were changed."""
        ...

    def put_profile(self, profile: Profile) -> None: ...

    def drop_profile(self, profile_id: str) -> None:
        """Does nothing where there is none."""
        ...

    def devices(self) -> list[Device]:
        """In the order in which they were entered first, retired ones included."""
        ...

    def put_devices(self, devices: Sequence[Device]) -> None:
        """Enter or change them, all or none."""
        ...
