"""A node's account of its instances for the hubs: changes are numbered, so that a hub which missed some asks for what
came after the last that it knows."""

import secrets
from collections.abc import Callable
from typing import Protocol

import msgspec

from maillage.services.compute.carriage.messages import (
    DETAIL_MAX,
    PAGE_ITEMS,
    InstancesGiven,
    InstancesWanted,
    Told,
    mark_of,
    word_of,
)
from maillage.services.compute.hosting.ports import StatusListener
from maillage.services.compute.model import Instance, InstanceStatus

GONE_MAX = 1_000
"""Instances that are gone and are still told of as such. A hub that missed more is told everything anew."""


class Hosted(Protocol):
    """The instances at this node, as its host has them."""

    def told(self, instance_id: str) -> Instance | None:
        """What an instance was last told to run as, None where it is not here."""
        ...

    def all_told(self) -> list[Instance]: ...

    def status(self, instance_id: str) -> InstanceStatus | None: ...

    def subscribe(self, listener: StatusListener) -> Callable[[], None]: ...


class Reporting:
    """``tell`` is called with a word that is another after each change."""

    def __init__(self, host: Hosted, tell: Callable[[str], None]) -> None:
        self.boot = secrets.token_hex(8)
        self._host = host
        self._tell = tell
        self._number = 0
        self._numbers: dict[str, int] = {}  # in the order of change
        self._floor = 0
        self._unsubscribe: Callable[[], None] | None = None

    def start(self) -> None:
        def heard(status: InstanceStatus) -> None:
            self.changed(status.id)

        self._unsubscribe = self._host.subscribe(heard)
        for instance in self._host.all_told():
            self.changed(instance.id)
        self._tell(word_of(self.boot, self._number))

    def stop(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()

    def changed(self, instance_id: str) -> Told:
        """Number it; what is to be told of it now."""
        self._number += 1
        self._numbers.pop(instance_id, None)
        self._numbers[instance_id] = self._number
        self._forget_gone()
        self._tell(word_of(self.boot, self._number))
        return self._told(instance_id, self._number)

    def page(self, wanted: InstancesWanted) -> InstancesGiven:
        known = wanted.boot == self.boot and self._floor <= wanted.after <= self._number
        since = wanted.after if known else 0
        later = []
        for name, number in reversed(self._numbers.items()):
            if number <= since:
                break
            later.append((name, number))
        later.reverse()
        items = [self._told(*entry) for entry in later[:PAGE_ITEMS]]
        more = len(later) > len(items)
        return InstancesGiven(self.boot, since, items[-1].number if more else self._number, items, more)

    def _told(self, instance_id: str, number: int) -> Told:
        instance, status = self._host.told(instance_id), self._host.status(instance_id)
        if instance is None or status is None:
            return Told(instance_id, number, "", "", None)
        if len(status.detail) > DETAIL_MAX:
            status = msgspec.structs.replace(status, detail=status.detail[:DETAIL_MAX])
        return Told(instance_id, number, instance.deployment, mark_of(instance), status)

    def _forget_gone(self) -> None:
        if len(self._numbers) <= len(self._host.all_told()) + GONE_MAX:
            return
        self._numbers = {name: number for name, number in self._numbers.items() if self._host.told(name) is not None}
        self._floor = self._number
