"""The graph in a few figures."""

import numpy as np

from server.adapters.lineage.analytics.components import contracted, weak
from server.adapters.lineage.analytics.edges import ends
from server.adapters.lineage.graph import Compact
from server.kernel.lineage import LineageType
from server.kernel.record import record


@record
class GraphStats:
    """Figures of a graph. Assets count where they have an edge.

    `kinds`: edges of each lineage type, in the order of `LineageType`. `average_confidence`: None without edges.
    `longest_chain`: edges, in the graph with its loops contracted.
    """

    assets: int
    edges: int
    kinds: tuple[int, ...]
    average_confidence: float | None
    roots: int
    leaves: int
    components: int
    longest_chain: int
    cyclic: bool


NOTHING = GraphStats(
    assets=0,
    edges=0,
    kinds=(0,) * len(LineageType),
    average_confidence=None,
    roots=0,
    leaves=0,
    components=0,
    longest_chain=0,
    cyclic=False,
)


def graph_stats(graph: Compact) -> GraphStats:
    """The figures of a graph that has edges."""
    each = ends(graph)
    count = len(each.assets)
    dag = contracted(each)
    loops = dag.count < count or bool(np.any(each.sources == each.targets))
    kinds = np.bincount(graph.kind, minlength=len(LineageType))
    return GraphStats(
        assets=count,
        edges=len(each.sources),
        kinds=tuple(int(number) for number in kinds),
        average_confidence=float(np.mean(graph.confidence)),
        roots=int(np.count_nonzero(np.bincount(each.targets, minlength=count) == 0)),
        leaves=int(np.count_nonzero(np.bincount(each.sources, minlength=count) == 0)),
        components=int(weak(each).max()) + 1,
        longest_chain=len(dag.levels) - 2,
        cyclic=loops,
    )
