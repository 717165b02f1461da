"""Each answer about the whole graph equals that of plain NetworkX."""

from collections import Counter

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings

from server.adapters.lineage.analytics import betweenness, downstream
from server.adapters.lineage.analytics.betweenness import betweenness as betweenness_scores
from server.adapters.lineage.analytics.cycles import knots, shortest_loops
from server.adapters.lineage.analytics.dependencies import domain_edges
from server.adapters.lineage.analytics.downstream import downstream_counts
from server.adapters.lineage.analytics.rank import reversed_pagerank
from server.adapters.lineage.analytics.stats import GraphStats, graph_stats
from tests.adapters.lineage.analytics.meshes import GRAPHS, Pairs, compact, layered, plain


@given(GRAPHS)
def test_figures_are_those_of_networkx(edges: Pairs) -> None:
    graph = plain(edges)
    kinds = Counter(kind for kind, _ in edges.values())
    figures = graph_stats(compact(edges))
    assert figures == GraphStats(
        assets=len(graph),
        edges=len(edges),
        kinds=(kinds[0], kinds[1], kinds[2]),
        average_confidence=pytest.approx(sum(confidence for _, confidence in edges.values()) / len(edges)),
        roots=sum(degree == 0 for _, degree in graph.in_degree()),
        leaves=sum(degree == 0 for _, degree in graph.out_degree()),
        components=nx.number_weakly_connected_components(graph),
        longest_chain=nx.dag_longest_path_length(nx.condensation(graph)),
        cyclic=not nx.is_directed_acyclic_graph(graph),
    )


def test_an_edge_from_an_asset_to_itself_is_a_loop() -> None:
    edges: Pairs = {(0, 0): (0, 1.0), (0, 1): (0, 1.0)}
    assert graph_stats(compact(edges)).cyclic
    assert knots(compact(edges)) == [[0]]
    assert shortest_loops(compact(edges), [(0, [0])]) == [[0]]


@given(GRAPHS)
def test_counts_what_is_downstream_of_each(edges: Pairs) -> None:
    graph = plain(edges)
    assert scores(downstream_counts(compact(edges))) == {asset: len(nx.descendants(graph, asset)) for asset in graph}


@pytest.mark.parametrize(("memory", "loops"), [(1, 0), (2**20, 0), (2**20, 40), (2**26, 300)])
def test_counts_block_by_block(monkeypatch: pytest.MonkeyPatch, memory: int, loops: int) -> None:
    monkeypatch.setattr(downstream, "MEMORY", memory)
    edges = layered(3_000, seed=3, loops=loops)
    graph = plain(edges)
    found = scores(downstream_counts(compact(edges, 3_000)))
    assert found == {asset: len(nx.descendants(graph, asset)) for asset in graph}


@given(GRAPHS)
def test_ranks_as_networkx_does_on_reversed_edges(edges: Pairs) -> None:
    expected = nx.pagerank(plain(edges).reverse())
    assert scores(reversed_pagerank(compact(edges))) == pytest.approx(expected, abs=1e-9)


@given(GRAPHS)
@settings(max_examples=30)
def test_betweenness_is_that_of_networkx(edges: Pairs) -> None:
    expected = nx.betweenness_centrality(plain(edges))
    assert scores(betweenness_scores(compact(edges))) == pytest.approx(expected)


def test_betweenness_of_a_large_graph_is_estimated_from_the_same_assets_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(betweenness, "EXACT", 300)
    monkeypatch.setattr(betweenness, "SAMPLED", 100)
    edges = layered(400, seed=5, loops=20)
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(sorted(plain(edges)))  # NetworkX draws its starting points from the nodes in this order
    graph.add_edges_from(edges)
    found = scores(betweenness_scores(compact(edges, 400)))
    assert found == pytest.approx(nx.betweenness_centrality(graph, k=100, seed=betweenness.SEED))
    assert found != pytest.approx(nx.betweenness_centrality(graph))


@given(GRAPHS)
def test_finds_one_shortest_loop_of_each_knot(edges: Pairs) -> None:
    graph = plain(edges)
    found = knots(compact(edges))
    assert sorted(found) == sorted(sorted(part) for part in nx.strongly_connected_components(graph) if len(part) > 1)
    loops = shortest_loops(compact(edges), [(knot[-1], knot) for knot in found])
    for knot, loop in zip(found, loops, strict=True):
        assert loop[0] == knot[-1]
        assert len(set(loop)) == len(loop)
        assert all(graph.has_edge(*step) for step in zip(loop, [*loop[1:], loop[0]], strict=True))
        back = min(
            nx.shortest_path_length(graph, after, loop[0]) for after in graph.successors(loop[0]) if after in knot
        )
        assert len(loop) == back + 1


@given(GRAPHS)
def test_counts_the_edges_between_domains(edges: Pairs) -> None:
    domains = [-1, 0, 0, 1, 1, 2, 2, 2, -1, 3, 3, 4]
    expected = Counter(
        (domains[source], domains[target])
        for source, target in edges
        if -1 not in (domains[source], domains[target]) and domains[source] != domains[target]
    )
    assert domain_edges(compact(edges), domains) == [(*pair, number) for pair, number in sorted(expected.items())]


def scores(found: tuple[np.ndarray, np.ndarray]) -> dict[int, float]:
    return dict(zip(found[0].tolist(), found[1].tolist(), strict=True))
