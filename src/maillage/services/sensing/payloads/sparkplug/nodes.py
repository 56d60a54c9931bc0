"""Edge nodes and what they said at birth: by it a metric's alias becomes a name, and a lost message is noticed."""

from dataclasses import dataclass, field
from typing import NamedTuple

from maillage.services.sensing.model import Fault
from maillage.services.sensing.payloads.sparkplug.values import number_of_metric
from maillage.services.sensing.payloads.sparkplug.wire import (
    BYTES_MAX,
    METRICS_MAX,
    Damaged,
    Metric,
    Payload,
    payload_of,
    rebirth_command,
)

NAMESPACE = "spBv1.0"
ASK_AGAIN_MS = 10_000
ASK_AGAIN_MAX_MS = 600_000
_BD_SEQ = "bdSeq"
_BIRTHS, _DATA = ("NBIRTH", "DBIRTH"), ("NDATA", "DDATA")


class Source(NamedTuple):
    """Who speaks: an edge node (``device`` None), or a device behind it."""

    group: str
    node: str
    device: str | None = None


class Spoken(NamedTuple):
    """One metric as it was told. ``raw`` is a fault where it is no number."""

    source: Source
    name: str
    raw: float | Fault
    at_ms: int | None
    historical: bool


class Heard(NamedTuple):
    """What a message told; ``ask`` is an NCMD, topic and payload, that is to be published because of it."""

    spoken: list[Spoken]
    faults: list[Fault]
    ask: tuple[str, bytes] | None = None


def source_of(topic: str) -> tuple[Source, str] | None:
    """Who speaks on a topic, and the type of message; None for what is no topic of Sparkplug's nodes."""
    levels = topic.split("/")
    if not 4 <= len(levels) <= 5 or levels[0] != NAMESPACE or not all(levels):
        return None
    kind, device = levels[2], levels[4] if len(levels) == 5 else None
    if kind[:1] != ("N" if device is None else "D"):
        return None
    return Source(levels[1], levels[3], device), kind


@dataclass
class _Node:
    """``born`` holds who was born since the node's own birth. ``sure`` is false once a message was lost: until the
    next birth nobody knows what an alias means."""

    born: set[str | None] = field(default_factory=set)
    sure: bool = False
    next_seq: int | None = None
    bd_seq: float | None = None
    names: dict[tuple[str | None, int], str] = field(default_factory=dict)
    types: dict[tuple[str | None, str], int] = field(default_factory=dict)
    ask_at_ms: int = 0
    ask_wait_ms: int = ASK_AGAIN_MS


class EdgeNodes:
    """All that are listened to. Only nodes in which somebody has an interest may be given here: each takes memory."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[str, str], _Node] = {}

    def keep_only(self, wanted: set[tuple[str, str]]) -> None:
        """Forget nodes (group, node) that nobody has an interest in any more."""
        self._nodes = {key: node for key, node in self._nodes.items() if key in wanted}

    def take(self, source: Source, kind: str, raw: bytes, now_ms: int) -> Heard:
        """Hear a message of a type such as DDATA; one that is none of a node's own has nothing in it."""
        if kind not in (*_BIRTHS, *_DATA, "NDEATH", "DDEATH"):
            return Heard([], [])
        if len(raw) > BYTES_MAX:
            return Heard([], [Fault.TOO_LARGE])
        try:
            payload = payload_of(raw)
        except Damaged:
            return Heard([], [Fault.UNREADABLE])
        node = self._nodes.setdefault((source.group, source.node), _Node())
        if kind == "NDEATH":
            self._die(node, payload)
            return Heard([], [])
        if kind == "NBIRTH":
            node = self._nodes[source.group, source.node] = _Node(sure=True, bd_seq=_bd_seq(payload))
        elif payload.seq is not None and node.next_seq is not None and payload.seq != node.next_seq:
            node.sure = False
        if payload.seq is not None:
            node.next_seq = (payload.seq + 1) % 256
        if kind == "DDEATH":
            node.born.discard(source.device)
            return Heard([], [])
        if kind in _BIRTHS:
            node.born.add(source.device)
            self._learn(node, source, payload)
        spoken, faults = self._say(node, source, payload)
        certain = node.sure and {None, source.device} <= node.born
        return Heard(spoken, faults, None if certain else self._ask(node, source, now_ms))

    def _learn(self, node: _Node, source: Source, payload: Payload) -> None:
        for metric in payload.metrics:
            if metric.name is None or len(node.types) >= METRICS_MAX:
                continue
            if metric.alias is not None:
                node.names[source.device, metric.alias] = metric.name
            if metric.datatype is not None:
                node.types[source.device, metric.name] = metric.datatype

    def _say(self, node: _Node, source: Source, payload: Payload) -> tuple[list[Spoken], list[Fault]]:
        spoken: list[Spoken] = []
        faults: list[Fault] = []
        for metric in payload.metrics:
            name = metric.name or self._name(node, source, metric)
            if name is None:
                faults.append(Fault.MISSING)
                continue
            datatype = metric.datatype or node.types.get((source.device, name))
            at_ms = payload.at_ms if metric.at_ms is None else metric.at_ms
            spoken.append(Spoken(source, name, number_of_metric(metric, datatype), at_ms, metric.historical))
        return spoken, faults

    def _name(self, node: _Node, source: Source, metric: Metric) -> str | None:
        """What an alias means; nothing where that is not certain."""
        if metric.alias is None or not node.sure:
            return None
        return node.names.get((source.device, metric.alias))

    def _die(self, node: _Node, payload: Payload) -> None:
        """Unless it is the death of a former session, which a broker may tell after the next birth."""
        said = _bd_seq(payload)
        if said is None or node.bd_seq is None or said == node.bd_seq:
            node.born.clear()
            node.sure = False
            node.next_seq = None

    def _ask(self, node: _Node, source: Source, now_ms: int) -> tuple[str, bytes] | None:
        """More and more seldom while it does not answer."""
        if now_ms < node.ask_at_ms:
            return None
        node.ask_at_ms = now_ms + node.ask_wait_ms
        node.ask_wait_ms = min(2 * node.ask_wait_ms, ASK_AGAIN_MAX_MS)
        return f"{NAMESPACE}/{source.group}/NCMD/{source.node}", rebirth_command(now_ms)


def _bd_seq(payload: Payload) -> float | None:
    for metric in payload.metrics:
        if metric.name == _BD_SEQ and isinstance(metric.value, int | float):
            return float(metric.value)
    return None
