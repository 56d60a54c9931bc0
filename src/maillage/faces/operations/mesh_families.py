"""What hubs and nodes export beside the rest: their lines, and how far what is known here is behind what happened."""

from collections.abc import Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from maillage.bootstrap import Chain
from maillage.mesh.hub import Hub
from maillage.mesh.node import Node


def of_line(chain: Chain) -> Iterator[Metric]:
    """Whether the bus is within reach."""
    yield GaugeMetricFamily("maillage_bus_connected", "1 while the bus is connected, else 0.", int(chain.connected))


def of_hub(hub: Hub) -> Iterator[Metric]:
    """The nodes as a hub sees them."""
    nodes = [node for node in hub.nodes() if not node.revoked]
    states = GaugeMetricFamily(
        "maillage_nodes", "Nodes of the chain that were not revoked, by state.", labels=["state"]
    )
    aside = sum(node.set_aside is not None for node in nodes)
    within = sum(node.reachable and node.set_aside is None for node in nodes)
    states.add_metric(["within_reach"], within)
    states.add_metric(["out_of_reach"], len(nodes) - within - aside)
    states.add_metric(["set_aside"], aside)
    yield states
    behind = GaugeMetricFamily(
        "maillage_mirror_behind_events", "Events that a node has told of and the mirror lacks.", labels=["node"]
    )
    skew = GaugeMetricFamily("maillage_node_clock_skew_seconds", "How far a node's clock is ahead.", labels=["node"])
    for node in nodes:
        behind.add_metric([node.id], node.behind)
        if node.skew_s is not None:
            skew.add_metric([node.id], node.skew_s)
    yield from (behind, skew)


def of_node(node: Node) -> Iterator[Metric]:
    """What a node has not handed over yet."""
    yield GaugeMetricFamily(
        "maillage_outbox_waiting_events", "Events that the bus was not handed yet.", node.outbox.waiting
    )
