"""Lists and padded rows say the same, whatever changes, also while the rows are built anew."""

import threading
from collections.abc import Iterator
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.adapters.lineage import adjacency
from server.adapters.lineage.adjacency import Adjacency
from server.adapters.lineage.graph import EdgeChange, LineageGraph, Path, Way
from server.kernel.recorded import FOREVER
from tests.adapters.lineage.journal import always_on_arrays

# An edge among a few assets, which begins or, where it stands, ends; or a moment at which long walks are asked.
TOGGLES = st.lists(st.none() | st.tuples(st.integers(0, 90), st.integers(0, 90)).filter(lambda e: e[0] != e[1]))
HUB = st.lists(st.none() | st.tuples(st.just(0), st.integers(1, 30)), max_size=80)


def toggle(graph: LineageGraph, source: int, target: int) -> None:
    """Begin an edge, or end it where it stands."""
    graph.position += 1
    standing = graph.edge(source, target)
    since, until = (graph.position, FOREVER) if standing is None else (standing.valid_from, graph.position)
    graph.apply([EdgeChange(source=source, target=target, kind=1, confidence=0.5, valid_from=since, valid_to=until)])


def assert_whole(graph: LineageGraph, way: Way) -> None:
    """Rows, ids and, where they are to be had, padded rows agree; free slots hold their own row."""
    side = graph.side(way)
    near, far = graph.columns.ends(way)
    arrays = side.arrays()
    assert arrays is None or arrays.indices.max(initial=0) < len(arrays.indptr) - 1
    for row, neighbours in enumerate(side.rows):
        ids = side.ids(row)
        assert far[ids].tolist() == neighbours
        assert near[ids].tolist() == [row] * len(ids)
        assert ids == sorted(ids)
        if arrays is not None and row < len(arrays.indptr) - 1:
            slots = arrays.indices[arrays.indptr[row] : arrays.indptr[row + 1]].tolist()
            assert slots == neighbours + [row] * (len(slots) - len(neighbours))
            assert arrays.ids[arrays.indptr[row] :][: len(ids)].tolist() == ids


@settings(max_examples=60, deadline=None)
@given(toggles=TOGGLES | HUB)
def test_rows_that_outgrow_their_slots_and_assets_beyond_capacity_stay_whole(toggles) -> None:
    graph = LineageGraph()
    for deed in toggles:
        if deed is None:
            assert_whole(graph, Way.DOWN)
            assert_whole(graph, Way.UP)
        else:
            toggle(graph, *deed)
    for way in Way:
        assert_whole(graph, way)
        assert graph.side(way).arrays() is not None


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Rows are built in a thread, which waits for the event."""
    opened = threading.Event()
    grouped = adjacency.grouped

    def waiting(*arguments):
        assert threading.current_thread().name != "lineage-rows" or opened.wait(30)
        return grouped(*arguments)

    with mock.patch.object(adjacency, "AT_ONCE", 0), mock.patch.object(adjacency, "grouped", waiting):
        yield opened


def built(gate: threading.Event) -> None:
    """Let the threads build, and wait for them."""
    gate.set()
    for thread in threading.enumerate():
        if thread.name == "lineage-rows":
            thread.join(30)


def test_changes_during_a_rebuild_are_in_the_new_rows(gate) -> None:
    graph = star(50)
    side: Adjacency = graph.side(Way.DOWN)
    assert side.arrays() is None
    toggle(graph, 0, 60)
    toggle(graph, 0, 1)
    toggle(graph, 70, 0)
    toggle(graph, 100, 0)
    with always_on_arrays():
        view = graph.at(graph.position)
        assert set(view.closure(0, Way.DOWN)) == {*range(2, 51), 60}
        reach = view.reach(70, Way.DOWN, hops=1)
        assert (reach.numbers, reach.depths, reach.confidences, reach.beyond) == ([0], [1], [0.5], True)
        assert view.reach(70, Way.DOWN, least=0.25).numbers == [0, *range(2, 51), 60]
        assert view.paths(70, 60, 5) == [Path(numbers=(70, 0, 60), confidence=0.25)]
        assert graph.loop(60, 70) == [70, 0, 60]
    built(gate)
    arrays = side.arrays()
    assert arrays is not None
    assert_whole(graph, Way.DOWN)
    with always_on_arrays():
        assert set(graph.at(graph.position).closure(100, Way.DOWN)) == {0, *range(2, 51), 60}


def test_a_row_that_outgrows_the_new_rows_too_waits_for_the_next(gate) -> None:
    graph = star(50)
    side = graph.side(Way.DOWN)
    assert side.arrays() is None
    for target in range(51, 151):
        toggle(graph, 0, target)
    built(gate)
    gate.clear()
    assert side.arrays() is None
    assert graph.side(Way.DOWN).rows[0] == list(range(1, 151))
    assert len(side.ids(0)) == 150
    built(gate)
    assert side.arrays() is not None
    assert_whole(graph, Way.DOWN)


def test_a_rebuild_that_failed_is_begun_again(gate) -> None:
    graph = star(50)
    side = graph.side(Way.DOWN)
    with mock.patch.object(adjacency, "Padded", side_effect=MemoryError), mock.patch("threading.excepthook"):
        assert side.arrays() is None
        built(gate)
    side.arrays()
    built(gate)
    assert side.arrays() is not None
    assert_whole(graph, Way.DOWN)


def star(leaves: int) -> LineageGraph:
    """A graph whose asset 0 feeds all others; long walks had not been asked for."""
    graph = LineageGraph()
    for leaf in range(1, leaves + 1):
        toggle(graph, 0, leaf)
    return graph
