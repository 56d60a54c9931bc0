"""Who has subscribed to what, what is kept for later subscribers, and so who is given a message."""

from typing import Protocol

from maillage.devices.admission import Admitted
from maillage.devices.topics import filter_problem, matches
from maillage.engines.mqtt.embedded.limits import Limits
from maillage.engines.mqtt.embedded.outbox import Outbox
from maillage.engines.mqtt.embedded.packets import Published

REFUSED = 0x80
FILTERS_MAX = 1_000
_TOPICS_KEPT = 20_000


class Member(Protocol):
    """A connected client."""

    who: Admitted
    outbox: Outbox

    def cut(self, reason: str) -> None:
        """End the connection at once, as if its line had broken."""
        ...


class Exchange:
    """A message goes once to each member, at the highest QoS at which it asked for it, and only where the member may
    receive the topic, whatever it subscribed to."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._wanted: dict[Member, dict[str, int]] = {}
        self._targets: dict[str, list[tuple[Member, int]]] = {}
        self._retained: dict[str, tuple[Published, str]] = {}
        self._retained_of: dict[str, int] = {}
        self._retained_bytes = 0

    def join(self, member: Member) -> None:
        self._wanted[member] = {}

    def leave(self, member: Member) -> None:
        self._wanted.pop(member, None)
        self._targets.clear()

    async def subscribe(self, member: Member, filters: list[tuple[str, int]]) -> list[int]:
        """The QoS granted to each filter, or 128."""
        wanted, codes = self._wanted[member], []
        for topic_filter, qos in filters:
            may = not filter_problem(topic_filter) and member.who.may_subscribe(topic_filter)
            if may and (topic_filter in wanted or len(wanted) < FILTERS_MAX):
                wanted[topic_filter] = qos
                codes.append(qos)
            else:
                codes.append(REFUSED)
        self._targets.clear()
        return codes

    def unsubscribe(self, member: Member, filters: list[str]) -> None:
        for topic_filter in filters:
            self._wanted[member].pop(topic_filter, None)
        self._targets.clear()

    async def give_retained(self, member: Member, filters: list[tuple[str, int]]) -> None:
        """What is kept under filters that were just granted, marked as retained."""
        for kept, _ in list(self._retained.values()):
            levels = [qos for topic_filter, qos in filters if matches(topic_filter, kept.topic)]
            if levels and member.who.may_receive(kept.topic):
                await self._put(member, kept._replace(qos=min(kept.qos, max(levels)), retain=True))

    async def route(self, source: str, message: Published) -> None:
        """Give a message to all who are to have it, and keep it where it says so. Waits for our own line where that is
        behind, never for a device."""
        if message.retain:
            self._keep(source, message)
        for member, qos in self._targets_of(message.topic):
            await self._put(member, message._replace(qos=min(message.qos, qos), retain=False))

    async def _put(self, member: Member, message: Published) -> None:
        if member.outbox.full:
            if not member.who.house:
                member.cut("it does not read what is sent to it")
                return
            await member.outbox.room()
        member.outbox.put(message)

    def _targets_of(self, topic: str) -> list[tuple[Member, int]]:
        found = self._targets.get(topic)
        if found is None:
            found = []
            for member, wanted in self._wanted.items():
                levels = [qos for topic_filter, qos in wanted.items() if matches(topic_filter, topic)]
                if levels and member.who.may_receive(topic):
                    found.append((member, max(levels)))
            if len(self._targets) >= _TOPICS_KEPT:
                self._targets.clear()
            self._targets[topic] = found
        return found

    def _keep(self, source: str, message: Published) -> None:
        former, owner = self._retained.pop(message.topic, (None, ""))
        if former is not None:
            self._retained_of[owner] -= 1
            self._retained_bytes -= len(former.payload)
        room = self._retained_of.get(source, 0) < self._limits.retained
        if message.payload and room and self._retained_bytes + len(message.payload) <= self._limits.retained_bytes:
            self._retained[message.topic] = (message, source)
            self._retained_of[source] = self._retained_of.get(source, 0) + 1
            self._retained_bytes += len(message.payload)
