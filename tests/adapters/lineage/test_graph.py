"""The graph answers as NetworkX does, now and at every position, however it came to be."""

from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise
from unittest import mock

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.adapters.lineage import past
from server.adapters.lineage.graph import Edge, EdgeChange, LineageGraph, View, Way
from server.kernel.recorded import FOREVER
from tests.adapters.lineage.journal import (
    ASSETS,
    BATCHES,
    Deed,
    Journal,
    always_on_arrays,
    columns,
    simple_paths,
)

URNS = [f"dataset:a{number}" for number in range(ASSETS)]


def followed(journal: Journal, batches: list[list[Deed]]) -> LineageGraph:
    """A graph that caught up with each batch."""
    graph = LineageGraph()
    for number, urn in enumerate(URNS):
        graph.asset(number, urn)
    for batch in batches:
        before = journal.position
        for deed in batch:
            journal.record(deed)
        graph.apply(journal.changes(before))
    return graph


def loaded(journal: Journal) -> LineageGraph:
    """A graph that took over everything at once."""
    graph = LineageGraph()
    graph.load(URNS, columns(journal.intervals))
    return graph


def assert_equal(view: View, plain: "nx.DiGraph[int]") -> None:
    """Every question but those for reach and paths."""
    edges = sorted(plain.edges)
    assert view.edges_between(range(ASSETS + 2)) == edges
    compact = view.compact()
    rows = [compact.indices[a:b].tolist() for a, b in pairwise(compact.indptr)]
    assert sorted((u, v) for u, row in enumerate(rows) for v in row) == edges
    for number in range(ASSETS):
        assert set(view.closure(number, Way.DOWN)) == nx.descendants(plain, number)
        assert set(view.closure(number, Way.UP)) == nx.ancestors(plain, number)
        for target in range(ASSETS):
            data = plain.get_edge_data(number, target)
            edge = data and Edge(kind=data["kind"], confidence=data["confidence"], valid_from=data["since"])
            assert view.edge(number, target) == edge


def assert_live_equal(graph: LineageGraph, plain: "nx.DiGraph[int]") -> None:
    """What is asked of the graph itself."""
    assert graph.size() == plain.number_of_edges()
    for source in range(ASSETS):
        assert graph.touching(source) == sorted({*plain.in_edges(source), *plain.out_edges(source)})
        for target in range(ASSETS):
            loop = graph.loop(source, target)
            if not nx.has_path(plain, target, source):
                assert loop is None
            else:
                assert loop is not None
                assert (loop[0], loop[-1]) == (target, source)
                assert nx.is_simple_path(plain, loop)
                assert len(loop) == 1 + nx.shortest_path_length(plain, target, source)


@pytest.mark.parametrize("limits", [nullcontext, always_on_arrays])
@settings(max_examples=30, deadline=None)
@given(batches=BATCHES)
def test_answers_as_networkx_at_every_position(limits, batches) -> None:
    journal = Journal()
    graph = LineageGraph()
    for number, urn in enumerate(URNS):
        graph.asset(number, urn)
    with limits():
        for batch in batches:
            before = journal.position
            for deed in batch:
                journal.record(deed)
            graph.apply(journal.changes(before))
            plain = journal.plain(journal.position)
            assert_equal(graph.at(journal.position), plain)
            assert_live_equal(graph, plain)
        whole = loaded(journal)
        assert_live_equal(whole, journal.plain(journal.position))
        for position in range(journal.position % 3, journal.position + 2, 3):
            plain = journal.plain(position)
            assert_equal(graph.at(position), plain)
            assert_equal(whole.at(position), plain)


@pytest.mark.parametrize("limits", [nullcontext, always_on_arrays])
@settings(max_examples=30, deadline=None)
@given(
    batches=BATCHES,
    hops=st.none() | st.integers(0, 4),
    kinds=st.none() | st.frozensets(st.integers(0, 2)),
    least=st.none() | st.sampled_from([0.05, 0.25, 0.5, 0.63, 0.81, 1.0]),
    back=st.integers(0, 6),
)
def test_reach_has_exact_hops_and_the_best_of_all_chains(limits, batches, hops, kinds, least, back) -> None:
    journal = Journal()
    graph = followed(journal, batches)
    position = max(journal.position - back, 0)
    for way in Way:
        plain = journal.plain(position, kinds)
        plain = plain.reverse() if way is Way.UP else plain
        for root in range(ASSETS):
            depths = nx.single_source_shortest_path_length(plain, root)
            best = {v: max((sure for sure, _ in simple_paths(plain, root, v)), default=0.0) for v in range(ASSETS)}
            good = sorted(
                (depth, v) for v, depth in depths.items() if v != root and (not least or round(best[v], 12) >= least)
            )
            near = [(depth, v) for depth, v in good if hops is None or depth <= hops]
            with limits():
                reach = graph.at(position).reach(root, way, hops=hops, kinds=kinds, least=least)
            assert list(zip(reach.depths, reach.numbers, strict=True)) == near
            assert reach.confidences == [round(best[v], 12) for _, v in near]
            assert reach.beyond == (len(near) < len(good))


@pytest.mark.parametrize("limits", [nullcontext, always_on_arrays])
@settings(max_examples=30, deadline=None)
@given(batches=BATCHES, first=st.integers(0, 60), back=st.integers(0, 6))
def test_paths_are_the_most_trustworthy_simple_ones(limits, batches, first, back) -> None:
    journal = Journal()
    graph = followed(journal, batches)
    position = max(journal.position - back, 0)
    plain = journal.plain(position)
    for source in range(ASSETS):
        for target in range(ASSETS):
            every = {path: round(sure, 12) for sure, path in simple_paths(plain, source, target)}
            best = sorted((-sure, len(path)) for path, sure in every.items())[: min(first, 50)]
            with limits():
                found = graph.at(position).paths(source, target, first)
            assert [(-path.confidence, len(path.numbers)) for path in found] == best
            assert len({path.numbers for path in found}) == len(found)
            assert all(every[path.numbers] == path.confidence for path in found)


@settings(max_examples=30, deadline=None)
@given(batches=BATCHES)
def test_a_view_walks_in_the_same_order_before_and_after_the_graph_moved_on(batches) -> None:
    journal = Journal()
    graph = followed(journal, [])
    seen = []
    for batch in batches:
        before = journal.position
        for deed in batch:
            journal.record(deed)
        graph.apply(journal.changes(before))
        view = graph.at(journal.position)
        seen.append((view, [list(view.closure(root, way)) for root in range(ASSETS) for way in Way]))
    for view, walked in seen:
        assert [list(view.closure(root, way)) for root in range(ASSETS) for way in Way] == walked
        with mock.patch.object(past, "KEPT_ROWS", 1), mock.patch.object(past, "KEPT_STATES", 1):
            assert [list(graph.at(view.position).closure(root, way)) for root in range(ASSETS) for way in Way] == walked
        with always_on_arrays():
            assert [list(view.closure(root, way)) for root in range(ASSETS) for way in Way] == walked
        fresh = loaded(journal).at(view.position)
        assert [list(fresh.closure(root, way)) for root in range(ASSETS) for way in Way] == walked


@settings(max_examples=30, deadline=None)
@given(batches=BATCHES)
def test_what_is_known_changes_nothing_when_it_comes_again(batches) -> None:
    journal = Journal()
    graph = followed(journal, batches)
    graph.apply(journal.changes(0))
    assert graph.size() == journal.plain(journal.position).number_of_edges()
    for position in range(journal.position % 3, journal.position + 1, 3):
        assert_equal(graph.at(position), journal.plain(position))


@settings(max_examples=30, deadline=None)
@given(batches=BATCHES, chance=st.randoms(use_true_random=False))
def test_changes_of_one_call_come_in_any_order_also_beginning_and_end_apart(batches, chance) -> None:
    journal = Journal()
    graph = LineageGraph()
    for batch in batches:
        before = journal.position
        for deed in batch:
            journal.record(deed)
        changes = journal.changes(before)
        changes += [replace(change, valid_to=FOREVER) for change in changes if change.valid_from > before]
        chance.shuffle(changes)
        graph.apply(changes)
    assert_live_equal(graph, journal.plain(journal.position))
    for position in range(journal.position % 3, journal.position + 1, 3):
        assert_equal(graph.at(position), journal.plain(position))


def opened(source: int, target: int, position: int, confidence: float = 1.0) -> EdgeChange:
    return EdgeChange(
        source=source, target=target, kind=0, confidence=confidence, valid_from=position, valid_to=FOREVER
    )


def test_refuses_an_edge_from_before_what_it_knows() -> None:
    graph = LineageGraph()
    graph.apply([opened(0, 1, 5)])
    with pytest.raises(AssertionError, match="edges come in order of position"):
        graph.apply([opened(0, 2, 4)])
    assert graph.size() == 1


def test_an_asset_without_an_edge_reaches_nothing() -> None:
    graph = LineageGraph()
    graph.asset(0, "dataset:a0")
    view = graph.at(7)
    for number in (0, 1, 10**9):
        assert view.closure(number, Way.DOWN) == []
        reach = view.reach(number, Way.UP, hops=3)
        assert (list(reach.numbers), reach.beyond) == ([], False)
        assert view.paths(number, 0, 10) == []
        assert view.edge(number, 0) is None
        assert graph.touching(number) == []
        assert graph.loop(number, number + 1) is None
    assert view.edges_between([0, 5]) == []
    assert view.compact().indptr.tolist() == [0, 0]


def test_knows_assets_by_number_and_by_urn() -> None:
    graph = LineageGraph()
    graph.asset(0, "dataset:a")
    graph.asset(1, "external:s3/b")
    graph.asset(1, "external:s3/b")
    assert (graph.number("external:s3/b"), graph.urn(0), graph.number("dataset:c")) == (1, "dataset:a", None)
    with pytest.raises(AssertionError, match="no holes"):
        graph.asset(3, "dataset:d")


def test_a_confidence_is_read_back_as_it_was_registered() -> None:
    graph = LineageGraph()
    graph.apply([opened(0, 1, 1, 0.1234567890123456)])
    assert graph.edge(0, 1) == Edge(kind=0, confidence=0.1234567890123456, valid_from=1)
    assert graph.at(1).edge(0, 1) == graph.edge(0, 1)


def test_the_last_change_is_the_newest_beginning_or_end() -> None:
    graph = LineageGraph()
    assert graph.last_change == 0
    graph.apply([opened(0, 1, 3)])
    assert graph.last_change == 3
    graph.apply([EdgeChange(source=0, target=1, kind=0, confidence=1.0, valid_from=3, valid_to=8)])
    assert graph.last_change == 8
    again = LineageGraph()
    again.load(["a", "b"], columns([EdgeChange(source=0, target=1, kind=0, confidence=1.0, valid_from=3, valid_to=8)]))
    assert (again.last_change, again.size()) == (8, 0)
