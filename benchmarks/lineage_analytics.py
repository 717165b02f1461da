"""Each answer about the whole lineage graph beside plain NetworkX, equal before timed.

    python benchmarks/lineage_analytics.py [assets] [slow]

With `slow` NetworkX counts what is downstream of every asset too, and computes betweenness of large graphs.
"""

import gc
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
from lineage_mesh import DOMAIN_ASSETS, Mesh, mesh

from server.adapters.lineage.analytics.betweenness import EXACT, SAMPLED, SEED, betweenness
from server.adapters.lineage.analytics.cycles import knots
from server.adapters.lineage.analytics.dependencies import domain_edges
from server.adapters.lineage.analytics.downstream import downstream_counts
from server.adapters.lineage.analytics.rank import reversed_pagerank
from server.adapters.lineage.analytics.stats import graph_stats
from server.adapters.lineage.graph import Compact, LineageGraph

ROUNDS = 5


def main() -> None:
    """Time each answer."""
    assets = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    slow = "slow" in sys.argv[2:]
    made = mesh(assets)
    graph = LineageGraph()
    graph.load(made.urns, made.edges)
    graph.position = graph.last_change
    compact = graph.at(graph.position).compact()
    plain: nx.DiGraph[int] = nx.DiGraph()
    pairs = np.stack([made.edges.source, made.edges.target], axis=1)
    plain.add_nodes_from(np.unique(pairs).tolist())  # in the order of numbers, from which starting points are drawn
    plain.add_edges_from(pairs.tolist())
    print(f"{len(plain)} assets with lineage, {plain.number_of_edges()} edges; milliseconds, best of {ROUNDS}")
    print(f"{'answer':24} {'ours':>10} {'NetworkX':>10}")
    show("compact", lambda: graph.at(graph.position).compact())
    compare("lineageStats", lambda: shape(compact), lambda: plain_shape(plain))
    compare("domainDependencies", lambda: ours_between(made, compact), lambda: between(made))
    compare("cycles: the knots", lambda: sorted(knots(compact)), lambda: plain_knots(plain))
    compare("criticalAssets PAGERANK", lambda: scores(reversed_pagerank(compact)), lambda: plain_ranks(plain))
    if slow:
        compare("criticalAssets DOWNSTREAM", lambda: scores(downstream_counts(compact)), lambda: plain_reach(plain), 1)
    else:
        spot_check(compact, plain)
        show("criticalAssets DOWNSTREAM", lambda: downstream_counts(compact), 2)
    if slow or len(plain) <= 10 * EXACT:
        compare("criticalAssets BETWEENNESS", lambda: scores(betweenness(compact)), lambda: plain_between(plain), 1)
    else:
        show("criticalAssets BETWEENNESS", lambda: betweenness(compact), 1)


def shape(compact: Compact) -> tuple[Any, ...]:
    stats = graph_stats(compact)
    return stats.assets, stats.roots, stats.leaves, stats.components, stats.longest_chain, stats.cyclic


def plain_shape(plain: "nx.DiGraph[int]") -> tuple[Any, ...]:
    contracted = nx.condensation(plain)
    return (
        len(plain),
        sum(degree == 0 for _, degree in plain.in_degree()),
        sum(degree == 0 for _, degree in plain.out_degree()),
        nx.number_weakly_connected_components(plain),
        nx.dag_longest_path_length(contracted),
        len(contracted) < len(plain),
    )


def ours_between(made: Mesh, compact: Compact) -> list[tuple[int, int, int]]:
    return domain_edges(compact, [number // DOMAIN_ASSETS for number in range(compact.n)])


def between(made: Mesh) -> list[tuple[int, int, int]]:
    pairs = zip(made.edges.source.tolist(), made.edges.target.tolist(), strict=True)
    counted = Counter((source // DOMAIN_ASSETS, target // DOMAIN_ASSETS) for source, target in pairs)
    return [(*pair, edges) for pair, edges in sorted(counted.items()) if pair[0] != pair[1]]


def plain_knots(plain: "nx.DiGraph[int]") -> list[list[int]]:
    return sorted(sorted(part) for part in nx.strongly_connected_components(plain) if len(part) > 1)


def plain_ranks(plain: "nx.DiGraph[int]") -> dict[int, float]:
    return rounded(nx.pagerank(plain.reverse()))


def plain_between(plain: "nx.DiGraph[int]") -> dict[int, float]:
    starting = SAMPLED if len(plain) > EXACT else None
    return rounded(nx.betweenness_centrality(plain, k=starting, seed=SEED))


def plain_reach(plain: "nx.DiGraph[int]") -> dict[int, float]:
    return {asset: float(len(nx.descendants(plain, asset))) for asset in plain}


def spot_check(compact: Compact, plain: "nx.DiGraph[int]") -> None:
    found = scores(downstream_counts(compact))
    for asset in np.random.default_rng(1).choice(list(plain), 200).tolist():
        assert found[asset] == len(nx.descendants(plain, asset))


def scores(found: tuple[Any, Any]) -> dict[int, float]:
    return rounded(dict(zip(found[0].tolist(), found[1].tolist(), strict=True)))


def rounded(found: dict[int, float]) -> dict[int, float]:
    return {asset: round(score, 9) for asset, score in found.items()}


def compare(name: str, ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int = ROUNDS) -> None:
    """Both answers equal, then both times."""
    first, second = ours(), theirs()
    assert first == second, f"{name} differs"
    print(f"{name:24} {best(ours, rounds):10.1f} {best(theirs, min(rounds, 2)):10.1f}", flush=True)


def show(name: str, work: Callable[[], Any], rounds: int = ROUNDS) -> None:
    """A time alone."""
    print(f"{name:24} {best(work, rounds):10.1f}", flush=True)


def best(work: Callable[[], Any], rounds: int) -> float:
    """Milliseconds of the quickest round."""
    gc.collect()
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times) * 1000


if __name__ == "__main__":
    main()
