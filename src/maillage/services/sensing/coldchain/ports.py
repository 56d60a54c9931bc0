"""What the cold chain needs from outside: records, channels to people, and the journal's memory of its logs."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from maillage.services.sensing.coldchain.alarms.signals import Remembered
from maillage.services.sensing.coldchain.escalation.deliveries import Delivery, Message
from maillage.services.sensing.coldchain.escalation.plan import Plan
from maillage.services.sensing.coldchain.haccp.entry import Entry
from maillage.services.sensing.coldchain.model import Alarm, State


class Changes(msgspec.Struct, frozen=True):
    """What is to be made durable together."""

    alarms: list[Alarm] = []
    remembered: list[Remembered] = []
    entries: list[Entry] = []
    deliveries: list[Delivery] = []
    plans: list[tuple[str, Plan]] = []

    def __bool__(self) -> bool:
        return bool(self.alarms or self.remembered or self.entries or self.deliveries or self.plans)


class Kept(msgspec.Struct, frozen=True):
    """What a process before this one left: alarms that are open or not verified, what the guard remembered, deliveries
    that wait, plans by site, (seq, hash) of each log's head, and the greatest number of an alarm by site."""

    alarms: list[Alarm]
    states: dict[str, bytes]
    deliveries: list[Delivery]
    plans: dict[str, Plan]
    heads: dict[str, tuple[int, str]]
    numbers: dict[str, int]


class ColdChainRecords(Protocol):
    """Calls block, and are durable when they return; RecordsUnavailable where they can't be made."""

    def load(self) -> Kept: ...

    def commit(self, changes: Changes) -> None:
        """All or nothing. Repeating it changes nothing. AlreadyExists where a log has another entry in that place:
        somebody else writes it."""
        ...

    def alarms(
        self, site: str | None, states: Sequence[State] | None, unit: str | None, before: int | None, most: int
    ) -> list[tuple[int, Alarm]]:
        """Numbered, the newest first, those with a number below ``before``."""
        ...

    def alarm(self, alarm_id: str) -> Alarm | None: ...

    def deliveries(self, alarm_id: str) -> list[Delivery]:
        """Of one alarm, the oldest first."""
        ...

    def entries(self, site: str, after: int, start: int, end: int, most: int) -> list[Entry]:
        """Of a site's log with a number above ``after``, entered in ``[start, end)``, in order."""
        ...


class Sent(msgspec.Struct, frozen=True):
    """What came of an attempt to tell somebody; ``reason`` says in a few words what went wrong. ``never`` says that it
    is no use to try again."""

    ok: bool
    reason: str = ""
    never: bool = False


class Channel(Protocol):
    """A way to reach people: e-mail, webhooks."""

    async def send(self, site: str, contact: str, target: str, message: Message) -> Sent:
        """Tell a contact of a site at its target (an address, a URL), once; whatever goes wrong is in the answer.
        The message's id stays the same over all attempts."""
        ...

    def check(self, target: str) -> None:
        """Invalid for what no message can be sent to."""
        ...

    def secret(self, site: str, contact: str) -> str | None:
        """What the receiver verifies messages with, where the channel signs them."""
        ...

    async def close(self) -> None: ...


class Anchors(Protocol):
    """Heads of logs that notices made part of the store's journal, and of its copies at the hubs."""

    def of(self, site: str) -> Mapping[int, str]:
        """Hashes by number. May read a file: for threads."""
        ...
