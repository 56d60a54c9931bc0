"""Orders and instant actions (VDA 5050, sections 6.6 to 6.9): what a master control sends.

Optional members that are at their default are left out. Two names differ between the versions and have a struct each:
``allowedDeviationXY``, which 2.0 spells ``Xy``, and ``actions`` of an instantActions message, which is
``instantActions`` there.
"""

from typing import Any

import msgspec

from maillage.services.robots.model import BlockingType
from maillage.services.robots.vda5050.header import Header


class ActionParameter(msgspec.Struct, frozen=True):
    """``value`` is any JSON but null."""

    key: str
    value: Any


class Action(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Something to be done at a node, on an edge or at once."""

    action_type: str
    action_id: str
    blocking_type: BlockingType
    action_parameters: tuple[ActionParameter, ...] = ()


class NodePosition(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """In metres and radians on a map."""

    x: float
    y: float
    map_id: str
    theta: float | None = None
    allowed_deviation_xy: float | None = msgspec.field(default=None, name="allowedDeviationXY")


class NodePosition20(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The same as version 2.0 spells it."""

    x: float
    y: float
    map_id: str
    theta: float | None = None
    allowed_deviation_xy: float | None = msgspec.field(default=None, name="allowedDeviationXy")


class Node(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Even sequence ids. Released nodes are the base, the others the horizon."""

    node_id: str
    sequence_id: int
    released: bool
    node_position: NodePosition | NodePosition20
    actions: tuple[Action, ...]


class Edge(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Odd sequence ids, between the two nodes. ``max_speed`` in m/s."""

    edge_id: str
    sequence_id: int
    released: bool
    start_node_id: str
    end_node_id: str
    actions: tuple[Action, ...]
    max_speed: float | None = None


class Order(Header, frozen=True, kw_only=True, rename="camel"):
    """An order, or an update of one."""

    order_id: str
    order_update_id: int
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class InstantActions(Header, frozen=True, kw_only=True, rename="camel"):
    """Actions to be done as soon as they arrive; version 2.1."""

    actions: tuple[Action, ...]


class InstantActions20(Header, frozen=True, kw_only=True, rename="camel"):
    """The same as version 2.0 names it."""

    actions: tuple[Action, ...] = msgspec.field(name="instantActions")
