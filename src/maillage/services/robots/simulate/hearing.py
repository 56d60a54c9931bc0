"""Orders and instant actions as a robot hears them, in either version."""

from typing import Any

import msgspec


class HeardParameter(msgspec.Struct, frozen=True):
    """A parameter of an action."""

    key: str
    value: Any


class HeardAction(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Something to be done."""

    action_type: str
    action_id: str
    blocking_type: str
    action_parameters: tuple[HeardParameter, ...] = ()

    def parameter(self, key: str) -> Any:
        return next((each.value for each in self.action_parameters if each.key == key), None)


class HeardPosition(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Where a node is. 2.0 spells the deviation with a small y."""

    x: float
    y: float
    map_id: str
    theta: float | None = None
    deviation_21: float | None = msgspec.field(default=None, name="allowedDeviationXY")
    deviation_20: float | None = msgspec.field(default=None, name="allowedDeviationXy")

    @property
    def within_m(self) -> float:
        return self.deviation_21 or self.deviation_20 or 0.0


class HeardNode(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A node of an order."""

    node_id: str
    sequence_id: int
    released: bool
    node_position: HeardPosition
    actions: tuple[HeardAction, ...]


class HeardEdge(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """An edge of an order."""

    edge_id: str
    sequence_id: int
    released: bool
    start_node_id: str
    end_node_id: str
    actions: tuple[HeardAction, ...]
    max_speed: float | None = None


class HeardOrder(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """An order or an update of one."""

    order_id: str
    order_update_id: int
    nodes: tuple[HeardNode, ...]
    edges: tuple[HeardEdge, ...]

    def problem(self) -> str:
        """Why it is no order, or nothing."""
        if not self.nodes or len(self.edges) != len(self.nodes) - 1:
            return "an order has a node more than edges"
        for number, node in enumerate(self.nodes):
            if node.sequence_id != self.nodes[0].sequence_id + 2 * number or node.sequence_id % 2:
                return f"node {node.node_id} has the sequenceId {node.sequence_id}"
        for node, edge, following in zip(self.nodes, self.edges, self.nodes[1:], strict=False):
            if (edge.start_node_id, edge.end_node_id) != (node.node_id, following.node_id):
                return f"edge {edge.edge_id} is not between its neighbours"
            if edge.sequence_id != node.sequence_id + 1:
                return f"edge {edge.edge_id} has the sequenceId {edge.sequence_id}"
        released = [node.released for node in self.nodes]
        return "" if released == sorted(released, reverse=True) and released[0] else "the base is not at the beginning"


class HeardInstantActions(msgspec.Struct, frozen=True, kw_only=True):
    """``actions`` of version 2.1."""

    actions: tuple[HeardAction, ...]


class HeardInstantActions20(msgspec.Struct, frozen=True, kw_only=True):
    """``instantActions`` of version 2.0."""

    actions: tuple[HeardAction, ...] = msgspec.field(name="instantActions")
