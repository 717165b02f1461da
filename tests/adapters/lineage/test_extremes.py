"""Hubs, chains, dense loops and unsure chains: exact answers, in bounded work."""

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from server.adapters.lineage import paths
from server.adapters.lineage.confidence import rounded, rounded_all
from server.adapters.lineage.graph import EdgeChange, LineageGraph, Way
from server.adapters.store import intervals
from server.kernel.recorded import FOREVER
from tests.adapters.lineage.journal import always_on_arrays, columns

ROOT = Path(__file__).parents[3]
FAN = 10_000


def graph_of(edges: list[tuple[int, int, float]], assets: int) -> LineageGraph:
    """A graph with edges of kind 0, registered in this order."""
    graph = LineageGraph()
    listed = [
        EdgeChange(source=a, target=b, kind=0, confidence=sure, valid_from=position, valid_to=FOREVER)
        for position, (a, b, sure) in enumerate(edges, 1)
    ]
    graph.load([f"dataset:a{number}" for number in range(assets)], columns(listed))
    return graph


def test_forever_is_what_read_tables_call_forever() -> None:
    assert FOREVER == intervals.FOREVER


@pytest.mark.parametrize(("there", "back"), [(Way.DOWN, Way.UP), (Way.UP, Way.DOWN)])
def test_an_asset_with_ten_thousand_neighbours(there: Way, back: Way) -> None:
    fan = [(0, leaf, 0.5) for leaf in range(1, FAN + 1)]
    graph = graph_of(fan if there is Way.DOWN else [(leaf, hub, sure) for hub, leaf, sure in fan], FAN + 1)
    view = graph.at(FAN)
    assert view.closure(0, there) == list(range(1, FAN + 1))
    reach = view.reach(0, there, hops=1)
    assert reach.numbers == list(range(1, FAN + 1))
    assert (set(reach.depths), set(reach.confidences), reach.beyond) == ({1}, {0.5}, False)
    assert view.reach(0, there, hops=0).beyond
    assert view.closure(FAN, back) == [0]
    assert view.closure(FAN, there) == []
    assert len(graph.touching(0)) == FAN
    half = graph.at(FAN // 2)
    assert half.closure(0, there) == list(range(1, FAN // 2 + 1))


def test_a_chain_of_ten_thousand_assets() -> None:
    graph = graph_of([(a, a + 1, 1.0 if a else 0.3) for a in range(FAN)], FAN + 1)
    view = graph.at(FAN)
    reach = view.reach(0, Way.DOWN)
    assert reach.numbers == reach.depths == list(range(1, FAN + 1))
    assert set(reach.confidences) == {0.3}
    assert graph.loop(FAN, 0) == list(range(FAN + 1))
    [path] = view.paths(0, FAN, 10)
    assert path.numbers == tuple(range(FAN + 1))
    assert path.confidence == 0.3


def test_a_chain_so_unsure_that_nothing_is_left_of_it_is_found_nevertheless() -> None:
    graph = graph_of([(a, a + 1, 1e-9) for a in range(400)], 401)
    view = graph.at(400)
    reach = view.reach(0, Way.DOWN)
    with always_on_arrays():
        assert view.reach(0, Way.DOWN) == reach
    assert reach.numbers == list(range(1, 401))
    assert reach.confidences[:2] == [1e-9, 1e-18]
    assert reach.confidences[-1] == 0.0
    assert view.reach(0, Way.DOWN, least=1e-20).numbers == [1, 2]


def test_products_are_shown_with_twelve_digits() -> None:
    shown = {0.9**3: 0.729, 0.1 * 0.7: 0.07, 1 / 3: 0.333333333333, 1.0: 1.0, 0.5: 0.5, 2.5e-9: 2.5e-9, 0.0: 0.0}
    assert [rounded(product) for product in shown] == list(shown.values())
    assert [rounded_all(np.array([sure]))[0] for sure in shown] == list(shown.values())


def test_the_least_confidence_is_that_of_the_chain_as_shown() -> None:
    graph = graph_of([(0, 1, 0.9), (1, 2, 0.9), (2, 3, 0.9)], 4)
    for limits in (always_on_arrays, nullcontext):
        with limits():
            assert graph.at(3).reach(0, Way.DOWN, least=0.729).numbers == [1, 2, 3]
            assert graph.at(3).reach(0, Way.DOWN, least=0.730).numbers == [1, 2]


def test_a_surer_chain_over_assets_farther_than_the_hops_counts() -> None:
    graph = graph_of([(0, 1, 0.1), (0, 2, 1.0), (2, 3, 1.0), (3, 1, 0.9)], 4)
    for limits in (always_on_arrays, nullcontext):
        with limits():
            reach = graph.at(4).reach(0, Way.DOWN, hops=1)
            assert (reach.numbers, reach.confidences, reach.beyond) == ([1, 2], [0.9, 1.0], True)


@pytest.mark.parametrize("sure", [1.0, 0.9])
def test_paths_through_a_dense_loop_are_found_in_bounded_steps(sure: float) -> None:
    graph = graph_of([(a, b, sure) for a in range(60) for b in range(60) if a != b], 60)
    found = graph.at(60 * 59).paths(0, 59, 1_000)
    assert len(found) == 50
    assert [len(path.numbers) for path in found] == [2] + [3] * 49


def test_paths_among_ever_so_many_ties_are_found_in_bounded_steps() -> None:
    ladder = [(2 * rung + side, 2 * rung + 2 + other, 0.9) for rung in range(50) for side in (0, 1) for other in (0, 1)]
    graph = graph_of(ladder, 102)
    found = graph.at(len(ladder)).paths(0, 100, 50)
    assert len(found) == 50
    assert {path.confidence for path in found} == {rounded(0.9**50)}


def test_a_search_that_runs_out_of_steps_has_the_best_path() -> None:
    # Every way into the trap seems short, and none comes out of it without passing the gate twice.
    trap = [(a, b, 1.0) for a in range(2, 40) for b in range(2, 40) if a != b]
    edges = [(0, 1, 1.0), (1, 2, 1.0), (2, 1, 1.0), (1, 40, 1.0), (0, 40, 0.001), *trap, (39, 2, 1.0)]
    graph = graph_of(list(dict.fromkeys(edges)), 41)
    with mock.patch.object(paths, "MOST_STEPS", 2_000):
        found = graph.at(len(edges)).paths(0, 40, 10)
    assert found[0].numbers == (0, 1, 40)
    assert found[0].confidence == 1.0
    assert len(found) <= 2


def test_short_walks_load_neither_scipy_nor_networkx() -> None:
    program = """
import sys
from server.adapters.lineage.graph import EdgeChange, LineageGraph, Way
from server.kernel.recorded import FOREVER
graph = LineageGraph()
for number in range(3):
    graph.asset(number, f"dataset:a{number}")
    if number:
        graph.apply([EdgeChange(source=number - 1, target=number, kind=0, confidence=0.5, valid_from=number,
                                valid_to=FOREVER)])
for view in (graph.at(1), graph.at(2)):
    view.closure(0, Way.DOWN), view.reach(2, Way.UP, least=0.1), view.paths(0, 2, 5), view.compact(), graph.loop(2, 0)
print([name for name in ("scipy", "networkx") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
