"""Factsheets (VDA 5050, section 6.15): what a robot is and can do, as far as it is of use here."""

from typing import Annotated

import msgspec
from msgspec import Meta

from maillage.services.robots.model import Facts, KnownAction
from maillage.services.robots.vda5050.header import Header

Length = Annotated[float, Meta(ge=0, le=100)]
Limit = Annotated[int, Meta(ge=0)]


class TypeSpecification(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What series the robot is of."""

    series_name: str = ""


class PhysicalParameters(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Metres and m/s."""

    speed_max: Length | None = None
    width: Length | None = None
    length: Length | None = None


class MaxStringLens(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """0 is no limit."""

    msg_len: Limit = 0
    id_len: Limit = 0


class MaxArrayLens(msgspec.Struct, frozen=True, kw_only=True):
    """0 is no limit."""

    nodes: Limit = msgspec.field(default=0, name="order.nodes")
    edges: Limit = msgspec.field(default=0, name="order.edges")
    node_actions: Limit = msgspec.field(default=0, name="node.actions")


class Timing(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Seconds."""

    min_order_interval: Annotated[float, Meta(ge=0, le=3600)] = 0.0


class ProtocolLimits(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How much the robot takes at once."""

    max_string_lens: MaxStringLens = MaxStringLens()
    max_array_lens: MaxArrayLens = MaxArrayLens()
    timing: Timing = Timing()


class AgvAction(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An action that the robot knows."""

    action_type: str
    action_scopes: tuple[str, ...] = ()


class ProtocolFeatures(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What of the protocol the robot knows."""

    agv_actions: tuple[AgvAction, ...] = ()


class Factsheet(Header, frozen=True, kw_only=True, rename="camel"):
    """The members that are read. All may be absent: robots that say little of themselves drive as well."""

    type_specification: TypeSpecification = TypeSpecification()
    physical_parameters: PhysicalParameters = PhysicalParameters()
    protocol_limits: ProtocolLimits = ProtocolLimits()
    protocol_features: ProtocolFeatures = ProtocolFeatures()


def facts_of(sheet: Factsheet) -> Facts:
    """A factsheet in our own nouns. A list of actions that is empty says nothing: every robot knows some."""
    physical, limits = sheet.physical_parameters, sheet.protocol_limits
    actions = tuple(
        KnownAction(action.action_type, action.action_scopes) for action in sheet.protocol_features.agv_actions
    )
    arrays = limits.max_array_lens
    by_edges = arrays.edges + 1 if arrays.edges else 0
    return Facts(
        version=sheet.version,
        series=sheet.type_specification.series_name,
        width_m=physical.width or None,
        length_m=physical.length or None,
        speed_mps=physical.speed_max or None,
        actions=actions or None,
        id_chars=limits.max_string_lens.id_len,
        nodes=min((most for most in (arrays.nodes, by_edges) if most), default=0),
        node_actions=arrays.node_actions,
        message_bytes=limits.max_string_lens.msg_len,
        order_interval_s=limits.timing.min_order_interval,
    )
