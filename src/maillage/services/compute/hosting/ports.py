"""What a host needs besides the ports of compute."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from maillage.services.compute.follow.state import TrackedValues
from maillage.services.compute.model import CodeKind, Instance, InstanceStatus
from maillage.services.compute.ports import Count, Inbound, Note, Outbound, Runtime

StatusListener = Callable[[InstanceStatus], None]
"""Hears of every change of an instance's state, on the event loop; cheap, never raises."""


class Hosts(Protocol):
    """Where instances run: at this process's own sites, or in stores behind a bus. ``Host`` says what each method
    means."""

    def takes(self, site: str) -> bool:
        """Whether instances can be put at a site now."""
        ...

    async def put(self, instance: Instance) -> None: ...

    async def drop(self, instance_id: str) -> None: ...

    def status(self, instance_id: str) -> InstanceStatus | None: ...

    def deployment_of(self, instance_id: str) -> str | None: ...

    def is_told(self, instance: Instance) -> bool: ...

    async def settled(self, instance_ids: Iterable[str], within_s: float) -> None: ...

    def ready(self, app_id: str) -> Sequence[Instance]: ...

    async def invoke(self, instance_id: str, request: Inbound) -> Outbound: ...

    def subscribe(self, listener: StatusListener) -> Callable[[], None]: ...

    def require_free(self, instance: Instance) -> None: ...


class CodeByDigest(Protocol):
    async def path(self, digest: str) -> Path:
        """A file with the bytes of that digest; a refusal where they can't be had (now)."""
        ...


class RuntimesByKind(Protocol):
    """The engines that run code, and what it keeps."""

    @property
    def values(self) -> TrackedValues | None:
        """Where code of sessions keeps its state; None where no runtime gives it such a place."""
        ...

    def of(self, kind: CodeKind) -> Runtime:
        """The runtime for a kind of code; CodeRefused where nothing here runs it."""
        ...


class InstanceStore(Protocol):
    """What a site is to run, kept at the site. Calls block, and are durable when they return."""

    def put(self, instance: Instance) -> None: ...

    def drop(self, instance_id: str) -> None:
        """Does nothing where it is not kept."""
        ...

    def all(self) -> list[Instance]: ...


class LogsOfInstances(Protocol):
    def note(self, instance_id: str) -> Note:
        """What takes the lines of an instance's log."""
        ...


class MetersOfInstances(Protocol):
    def count(self, instance_id: str) -> Count:
        """What counts an instance's use on its lease."""
        ...
