"""NetworkX functions called with the lineage graph run on it, and answer as they do on a plain graph."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings

from server.adapters.lineage import backend
from server.adapters.lineage.backend import Backend
from server.adapters.lineage.backend_info import FUNCTIONS, backend_info
from server.adapters.lineage.graph import EdgeChange, LineageGraph
from server.adapters.lineage.nx_lineage import NxLineage
from server.kernel.errors import LimitExceeded
from server.kernel.recorded import FOREVER
from tests.adapters.lineage.analytics.meshes import GRAPHS, Pairs

ROOT = "dataset:d0"


def rounded(scores: dict[str, float]) -> dict[str, float]:
    return {node: round(score, 9) for node, score in scores.items()}


WHOLE: dict[str, Callable[[Any], Any]] = {
    "topological_generations": lambda graph: [sorted(each) for each in nx.topological_generations(graph)],
    "is_directed_acyclic_graph": nx.is_directed_acyclic_graph,
    "weakly_connected_components": lambda graph: sorted(map(sorted, nx.weakly_connected_components(graph))),
    "strongly_connected_components": lambda graph: sorted(map(sorted, nx.strongly_connected_components(graph))),
    "number_weakly_connected_components": nx.number_weakly_connected_components,
    "number_strongly_connected_components": nx.number_strongly_connected_components,
    "is_weakly_connected": nx.is_weakly_connected,
    "is_strongly_connected": nx.is_strongly_connected,
    "pagerank": lambda graph: rounded(nx.pagerank(graph)),
    "in_degree_centrality": lambda graph: rounded(nx.in_degree_centrality(graph)),
    "out_degree_centrality": lambda graph: rounded(nx.out_degree_centrality(graph)),
    "degree_centrality": lambda graph: rounded(nx.degree_centrality(graph)),
}
FROM_A_NODE: dict[str, Callable[[Any, str], Any]] = {
    "descendants": nx.descendants,
    "ancestors": nx.ancestors,
    "bfs_edges": lambda graph, node: [
        list(nx.bfs_edges(graph, node)),
        list(nx.bfs_edges(graph, node, reverse=True)),
        list(nx.bfs_edges(graph, node, depth_limit=2)),
        list(nx.bfs_edges(graph, node, sort_neighbors=lambda nodes: sorted(nodes, reverse=True))),
    ],
    "single_source_shortest_path_length": lambda graph, node: [
        nx.single_source_shortest_path_length(graph, node),
        nx.single_source_shortest_path_length(graph, node, cutoff=1),
    ],
    "single_target_shortest_path_length": nx.single_target_shortest_path_length,
    "single_source_dijkstra_path_length": lambda graph, node: [
        nx.single_source_dijkstra_path_length(graph, node),
        nx.single_source_dijkstra_path_length(graph, node, cutoff=0.5, weight="confidence"),
        rounded(nx.single_source_dijkstra_path_length(graph, node, weight="distance")),
    ],
}


def lineage(edges: Pairs) -> LineageGraph:
    graph = LineageGraph()
    for number in range(12):
        graph.asset(number, f"dataset:d{number}")
    graph.apply(
        [
            EdgeChange(source=s, target=t, kind=kind, confidence=confidence, valid_from=place, valid_to=FOREVER)
            for place, ((s, t), (kind, confidence)) in enumerate(sorted(edges.items()), 1)
        ]
    )
    graph.position = len(edges)
    return graph


def both(edges: Pairs) -> tuple[NxLineage, "nx.DiGraph[str]"]:
    """Ours, and a plain graph whose edges were added in the order of ours."""
    ours = NxLineage(lineage(edges))
    plain: nx.DiGraph[str] = nx.DiGraph()
    plain.add_nodes_from(ours.nodes)
    types = ("DIRECT", "DERIVED", "AGGREGATED")
    for (source, target), (kind, confidence) in sorted(edges.items()):
        plain.add_edge(
            f"dataset:d{source}",
            f"dataset:d{target}",
            lineage_type=types[kind],
            confidence=confidence,
            distance=abs(float(np.log(confidence))),
        )
    return ours, plain


@pytest.mark.parametrize("name", WHOLE)
@given(edges=GRAPHS)
@settings(max_examples=40, deadline=None)
def test_answers_about_the_whole_graph_as_networkx_does(name: str, edges: Pairs) -> None:
    ours, plain = both(edges)
    assert outcome(WHOLE[name], ours) == outcome(WHOLE[name], plain)


@pytest.mark.parametrize("name", FROM_A_NODE)
@given(edges=GRAPHS)
@settings(max_examples=40, deadline=None)
def test_walks_from_each_node_as_networkx_does(name: str, edges: Pairs) -> None:
    ours, plain = both(edges)
    for node in plain:
        assert FROM_A_NODE[name](ours, node) == FROM_A_NODE[name](plain, node)
    assert outcome(FROM_A_NODE[name], ours, "dataset:none") == outcome(FROM_A_NODE[name], plain, "dataset:none")


@given(GRAPHS)
@settings(max_examples=40, deadline=None)
def test_finds_ways_between_two_nodes_as_networkx_does(edges: Pairs) -> None:
    ours, plain = both(edges)
    for source in plain:
        for target in plain:
            assert nx.has_path(ours, source, target) == nx.has_path(plain, source, target)
            way, expected = (
                outcome(nx.shortest_path, ours, source, target),
                outcome(nx.shortest_path, plain, source, target),
            )
            assert (way == expected) if isinstance(expected, type) else (len(way) == len(expected))
            assert isinstance(way, type) or nx.is_path(plain, way)
            aways = [
                outcome(nx.dijkstra_path_length, each, source, target, weight="distance") for each in (ours, plain)
            ]
            assert aways[0] == (aways[1] if isinstance(aways[1], type) else pytest.approx(aways[1]))
    assert outcome(nx.has_path, ours, ROOT, "dataset:none") is nx.NodeNotFound
    assert outcome(nx.shortest_path, ours, "dataset:none", ROOT) is nx.NodeNotFound


@given(GRAPHS)
def test_has_the_basics_of_a_graph(edges: Pairs) -> None:
    ours, plain = both(edges)
    assert (len(ours), list(ours), set(ours.edges)) == (len(plain), list(plain), set(plain.edges))
    assert (ours.number_of_nodes(), ours.number_of_edges()) == (len(plain), len(edges))
    assert (ours.is_directed(), ours.is_multigraph(), ours.graph) == (True, False, {})
    assert dict(ours.in_degree()) == dict(plain.in_degree())
    assert dict(ours.out_degree()) == dict(plain.out_degree())
    for node in plain:
        assert node in ours
        assert list(ours.successors(node)) == list(plain.successors(node))
        assert list(ours.predecessors(node)) == list(plain.predecessors(node))
        assert all(ours.has_edge(node, other) == plain.has_edge(node, other) for other in plain)
    assert "dataset:none" not in ours
    assert 7 not in ours
    assert dict(ours.out_degree([ours.nodes[0], "dataset:none"])) == {ours.nodes[0]: plain.out_degree(ours.nodes[0])}
    with pytest.raises(KeyError):
        ours.successors("dataset:none")


EDGES: Pairs = {(0, 1): (0, 1.0), (1, 2): (1, 0.5), (0, 2): (2, 0.25), (2, 3): (0, 0.9)}


def test_says_what_it_implements() -> None:
    public = {name for name, _ in inspect.getmembers(Backend, inspect.isfunction) if not name.startswith("_")}
    assert public - {"convert_to_nx", "convert_from_nx", "can_run", "should_run"} == set(FUNCTIONS)
    assert set(WHOLE) | set(FROM_A_NODE) | {"has_path", "shortest_path", "dijkstra_path_length"} == set(FUNCTIONS)
    assert backend_info()["functions"].keys() == set(FUNCTIONS)
    assert all("lineage" in getattr(nx, name).backends for name in FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_networkx_comes_to_us(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    called: list[object] = []
    arguments = [ROOT] * (required(name) - 1)
    monkeypatch.setattr(Backend, name, staticmethod(lambda graph, *_: called.append(graph)))
    ours = NxLineage(lineage(EDGES))
    getattr(nx, name)(ours, *arguments)
    assert called == [ours]
    assert nx.config.backend_priority.algos == []


def test_a_function_that_we_have_not_needs_a_conversion() -> None:
    ours, plain = both(EDGES)
    with pytest.raises(NotImplementedError):
        nx.dag_longest_path(ours)
    with fallback():
        assert nx.dag_longest_path(ours) == nx.dag_longest_path(plain)
        assert nx.shortest_path(ours, ROOT) == nx.shortest_path(plain, ROOT)
        assert nx.pagerank(ours, personalization={ROOT: 1}) == nx.pagerank(plain, personalization={ROOT: 1})


def test_a_conversion_keeps_attributes_and_is_made_once_for_a_position() -> None:
    _, plain = both(EDGES)
    graph = lineage(EDGES)
    converted = Backend.convert_to_nx(NxLineage(graph))
    assert list(converted.nodes) == list(plain.nodes)
    assert list(converted.edges(data=True)) == list(plain.edges(data=True))
    assert nx.is_frozen(converted)
    graph.position += 1
    assert Backend.convert_to_nx(NxLineage(graph)) is converted
    earlier = Backend.convert_to_nx(NxLineage(graph, 2))
    assert [*earlier.edges] == [*plain.edges][:2]
    assert Backend.convert_to_nx(NxLineage(graph)) is not converted


def test_a_snapshot_stays_as_it_was() -> None:
    graph = lineage(EDGES)
    ours = NxLineage(graph)
    graph.apply([EdgeChange(source=3, target=4, kind=0, confidence=1.0, valid_from=9, valid_to=FOREVER)])
    graph.position = 9
    assert nx.descendants(ours, "dataset:d2") == {"dataset:d3"}
    assert nx.descendants(NxLineage(graph), "dataset:d2") == {"dataset:d3", "dataset:d4"}
    assert nx.descendants(NxLineage(graph, 4), "dataset:d2") == {"dataset:d3"}


def test_refuses_to_convert_too_large_a_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "MOST_CONVERTED", 3)
    with pytest.raises(LimitExceeded, match="the lineage graph has 4 edges, 3 can be converted"):
        Backend.convert_to_nx(NxLineage(lineage(EDGES)))


def test_a_plain_graph_may_be_asked_by_our_functions() -> None:
    _, plain = both(EDGES)
    plain.__networkx_cache__ = None
    assert nx.descendants(plain, ROOT, backend="lineage") == nx.descendants(plain, ROOT)
    assert nx.dijkstra_path_length(plain, ROOT, "dataset:d3", "confidence", backend="lineage") == pytest.approx(1.15)


@pytest.mark.parametrize(
    "plain",
    [
        nx.Graph([("a", "b")]),
        nx.MultiDiGraph([("a", "b")]),
        nx.DiGraph([(1, 2)]),
        nx.DiGraph([("a", "a")]),
        nx.DiGraph({"a": [], "b": ["c"]}),
    ],
)
def test_a_plain_graph_that_lineage_cannot_hold_is_left_to_networkx(plain: Any) -> None:
    with pytest.raises(NotImplementedError):
        nx.descendants(plain, next(iter(plain)), backend="lineage")


def test_a_weight_that_lineage_cannot_hold_is_left_to_networkx() -> None:
    plain: nx.DiGraph[str] = nx.DiGraph()
    plain.add_edge("a", "b", weight=3)
    with pytest.raises(NotImplementedError):
        nx.pagerank(plain, backend="lineage")


def outcome(work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """The answer, or the class of what was raised."""
    try:
        return work(*arguments, **named)
    except nx.NetworkXException as error:
        return type(error)


@contextmanager
def fallback() -> Iterator[None]:
    nx.config.fallback_to_nx = True
    try:
        yield
    finally:
        nx.config.fallback_to_nx = False


def required(name: str) -> int:
    """How many arguments the function takes at least."""
    parameters = inspect.signature(getattr(Backend, name)).parameters.values()
    return sum(each.default is inspect.Parameter.empty for each in parameters)
