"""Graphs of the OR-Library's uncapacitated p-median problems (Beasley 1990): ``n edges p``, then ``i j cost`` a line.

Edges go both ways and nodes count from 1. Every node is a candidate and a customer of weight 1; distances are those of
the shortest paths. Where an edge is repeated the last line counts, as the published optima want it.
"""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from maillage.kernel.errors import Invalid, Malformed
from maillage.services.roof.siting.instances.model import Instance
from maillage.services.roof.siting.instances.numbers import number_lines

NODES_MAX = 5_000
"""Distances of all pairs are held: 200 MB."""


def read_pmed(lines: list[str]) -> Instance:
    """Malformed where a line can't be read, Invalid where the graph is none that can be solved."""
    header = number_lines(lines[:1], 1, 3)[0]
    nodes, edges, p = (int(each) for each in header)
    if [nodes, edges, p] != header or not 1 <= nodes <= NODES_MAX:
        raise Invalid("file", f"its first line is not nodes, edges and p; there may be {NODES_MAX:,} nodes")
    rows = number_lines(lines[1:], 2, 3)
    if len(rows) != edges:
        raise Malformed(f"there are {len(rows):,} edges where the first line says {edges:,}")
    cost_of: dict[tuple[int, int], float] = {}
    for begin, end, cost in rows:
        if not (begin.is_integer() and end.is_integer() and 1 <= min(begin, end) <= max(begin, end) <= nodes):
            raise Invalid("file", f"an edge leads from {begin:g} to {end:g}; nodes go from 1 to {nodes:,}")
        if cost < 0:
            raise Invalid("file", f"the edge from {begin:g} to {end:g} costs {cost:g}; costs are 0 or more")
        if begin != end:
            cost_of[int(min(begin, end)) - 1, int(max(begin, end)) - 1] = cost
    ends = np.array(list(cost_of), np.intp).reshape(-1, 2)
    graph = csr_array((np.array(list(cost_of.values()), np.float64), (ends[:, 0], ends[:, 1])), shape=(nodes, nodes))
    distances = shortest_path(graph, method="D", directed=False)
    if not np.isfinite(distances).all():
        alone = int(np.flatnonzero(~np.isfinite(distances[0]))[0]) + 1
        raise Invalid("file", f"no edges lead from node 1 to node {alone}; the graph must hang together")
    return Instance(
        form="pmed",
        ids=tuple(str(each) for each in range(1, nodes + 1)),
        weights=np.ones(nodes),
        distances=distances,
        p=p,
    )
