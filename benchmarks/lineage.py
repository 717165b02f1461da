"""The lineage engine in memory beside rustworkx and NetworkX, in one process, on one mesh.

    python benchmarks/lineage.py [--assets 100000] [--roots 1000] [--no-networkx]

Start nodes are drawn over the sizes of their answers. Answers are compared before anything is timed. Each figure of a
start node is the median of three warm calls; peers take turns at each. Percentiles are over start nodes. Targets:
closure at most 2 x rustworkx at p50 and 0.5 x at p99, 1/15 of NetworkX at p99; as of the past at most 2 x live for
small answers; an edge with its loop check under 1 ms at p99; 150 bytes an edge besides its attributes.
"""

import argparse
import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import TypeAlias

import lineage_mesh
import networkx as nx
import numpy as np
import rustworkx as rx

from server.adapters.lineage import on_demand
from server.adapters.lineage.graph import EdgeChange, Intervals, LineageGraph, Way
from server.kernel.recorded import FOREVER

ROUNDS = 3
SMALL = 64  # assets of a small answer
SAMPLE = 5_000  # assets whose answers are counted to draw start nodes
Peers: TypeAlias = dict[str, Callable[[int], object]]


def build_rustworkx(mesh: lineage_mesh.Mesh) -> "rx.PyDiGraph[int, None]":
    """The peer in Rust, without payloads."""
    graph: rx.PyDiGraph[int, None] = rx.PyDiGraph()
    graph.add_nodes_from(range(len(mesh.urns)))
    graph.extend_from_edge_list(list(pairs(mesh.edges)))
    return graph


def build_networkx(mesh: lineage_mesh.Mesh) -> "nx.DiGraph[int]":
    """The peer in Python, without attributes."""
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(len(mesh.urns)))
    graph.add_edges_from(pairs(mesh.edges))
    return graph


def build_ours(mesh: lineage_mesh.Mesh) -> LineageGraph:
    """The engine, with every attribute, name and interval, ready for long walks."""
    graph = LineageGraph()
    graph.load(mesh.urns, mesh.edges)
    for way in Way:
        arrays = graph.side(way).arrays()
        assert arrays is not None
        assert arrays.matrix is not None
    return graph


def pairs(edges: Intervals) -> Iterator[tuple[int, int]]:
    """The edges as plain numbers."""
    return zip(edges.source.tolist(), edges.target.tolist(), strict=True)


def until(edges: Intervals, count: int) -> Intervals:
    """The first edges."""
    return Intervals(**{field.name: getattr(edges, field.name)[:count] for field in fields(edges)})


@contextmanager
def collector(on: bool) -> Iterator[None]:
    """The collector of cycles is on or off; what is there already is frozen, as the server does."""
    gc.collect()
    gc.freeze()
    if not on:
        gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def timed(build: Callable[[lineage_mesh.Mesh], object], mesh: lineage_mesh.Mesh) -> tuple[object, float]:
    """What is built and the seconds that it took, without the collector."""
    with collector(on=False):
        begun = time.perf_counter()
        built = build(mesh)
        return built, time.perf_counter() - begun


def microseconds(peers: Peers, roots: Sequence[int]) -> dict[str, list[float]]:
    """The median of warm calls for each start node and peer."""
    found: dict[str, list[float]] = {name: [] for name in peers}
    for root in roots:
        for name, ask in peers.items():
            ask(root)
            times = []
            for _ in range(ROUNDS):
                begun = time.perf_counter_ns()
                ask(root)
                times.append((time.perf_counter_ns() - begun) / 1_000)
            found[name].append(statistics.median(times))
    return found


def show(title: str, figures: dict[str, list[float]], to: str | None = None) -> None:
    """One row for each peer: percentiles, and how they compare with the first."""
    print(f"\n{title:44}{'p50 us':>10}{'p90 us':>10}{'p99 us':>10}{'ratio of the first to it':>30}")
    first = np.percentile(next(iter(figures.values())), [50, 90, 99])
    for name, values in figures.items():
        row = np.percentile(values, [50, 90, 99])
        ratios = "".join(f"{ratio:10.3f}" for ratio in first / row)
        print(f"  {name:42}{row[0]:10.1f}{row[1]:10.1f}{row[2]:10.1f}{ratios}")


def memory(mesh: lineage_mesh.Mesh) -> None:
    """Bytes of an edge, as the allocator counts them."""
    edges = len(mesh.edges.source)
    on_demand.csgraph(), on_demand.sparse()  # their code is not the graph's
    tracemalloc.start()
    names = LineageGraph()
    for number, urn in enumerate(mesh.urns):
        names._urns.append(urn)
        names._numbers[urn] = number
    named = tracemalloc.get_traced_memory()[0]
    del names
    before = tracemalloc.get_traced_memory()[0]
    graph = build_ours(mesh)
    whole = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    columns = graph.columns
    attributes = sum(column.nbytes for column in (columns.kind, columns.confidence, columns.since, columns.until))
    print(
        f"bytes an edge: {(whole - named - attributes) / edges:.0f}; attributes and interval {attributes / edges:.0f}"
        f" more; names {named / len(mesh.urns):.0f} an asset; all {whole / 1e6:.0f} MB"
    )


def changes(graph: LineageGraph, more: Intervals) -> dict[str, list[float]]:
    """Registering edges that the graph does not have: the loop check, and with it the change."""
    position = graph.last_change
    figures: dict[str, list[float]] = {"loop check and change": [], "loop check": [], "loop found": []}
    for source, target in pairs(more):
        if graph.edge(source, target) is not None:
            continue
        position += 1
        change = EdgeChange(source=source, target=target, kind=0, confidence=0.9, valid_from=position, valid_to=FOREVER)
        begun = time.perf_counter_ns()
        loop = graph.loop(source, target)
        checked = time.perf_counter_ns()
        if loop is None:
            graph.apply([change])
            figures["loop check and change"].append((time.perf_counter_ns() - begun) / 1_000)
        figures["loop check" if loop is None else "loop found"].append((checked - begun) / 1_000)
    return {name: values for name, values in figures.items() if values}


def closures(given: argparse.Namespace, mesh: lineage_mesh.Mesh, graph: LineageGraph) -> list[int]:
    """The whole closure beside the peers; the start nodes that it was asked of."""
    rust, rust_seconds = timed(build_rustworkx, mesh)
    assert isinstance(rust, rx.PyDiGraph)
    view = graph.at(graph.last_change)
    sample = np.random.default_rng(2).choice(len(mesh.urns), min(SAMPLE, len(mesh.urns)), replace=False)
    sizes = np.array([len(rx.descendants(rust, root)) for root in sample.tolist()])
    roots: list[int] = sample[lineage_mesh.roots_by_answer(sizes, given.roots)].tolist()
    print(f"  rustworkx {rust_seconds:.2f} s")
    print(
        f"answers: p50 {np.percentile(sizes, 50):.0f}, p90 {np.percentile(sizes, 90):.0f}, p99 "
        f"{np.percentile(sizes, 99):.0f} assets, the largest {sizes.max()}"
    )
    peers: Peers = {
        "the engine": lambda root: view.closure(root, Way.DOWN),
        "rustworkx.descendants": lambda root: rx.descendants(rust, root),
    }
    if given.networkx:
        plain, plain_seconds = timed(build_networkx, mesh)
        assert isinstance(plain, nx.DiGraph)
        print(f"  NetworkX {plain_seconds:.2f} s")
        peers["networkx.descendants"] = lambda root: nx.descendants(plain, root)
    for root in roots:
        answer = set(view.closure(root, Way.DOWN))
        assert all(answer == set(peer(root)) for peer in peers.values())
    for on in (False, True):
        with collector(on):
            show(f"closure, collector {'on' if on else 'off'}", microseconds(peers, roots))
    return roots


def other_questions(graph: LineageGraph, roots: list[int]) -> None:
    """What has no peer with the same answer."""
    view = graph.at(graph.last_change)
    kinds = frozenset([0, 1])
    with collector(on=True):
        asked: Peers = {
            "depth and confidence, all hops": lambda root: view.reach(root, Way.DOWN),
            "depth and confidence, 3 hops": lambda root: view.reach(root, Way.DOWN, hops=3),
            "chains of at least 0.8": lambda root: view.reach(root, Way.DOWN, least=0.8),
            "two kinds of edges, 3 hops": lambda root: view.reach(root, Way.DOWN, hops=3, kinds=kinds),
        }
        for title, ask in asked.items():
            show(title, microseconds({title: ask}, roots))
        ends = {root: found[-1] for root in roots if (found := view.closure(root, Way.DOWN))}
        show("10 best paths to the farthest", microseconds({"paths": lambda a: view.paths(a, ends[a], 10)}, list(ends)))


def past(mesh: lineage_mesh.Mesh, graph: LineageGraph, roots: list[int]) -> None:
    """The past beside a graph that ends there."""
    position = len(mesh.edges.source) * 3 // 4
    live = LineageGraph()
    live.load(mesh.urns, until(mesh.edges, position))
    now, then = live.at(position), graph.at(position)
    for root in roots:
        assert list(now.closure(root, Way.DOWN)) == list(then.closure(root, Way.DOWN))
    peers: Peers = {
        "as of the past": lambda root: then.closure(root, Way.DOWN),
        "the same live": lambda root: now.closure(root, Way.DOWN),
    }
    small = [root for root in roots if 0 < len(now.closure(root, Way.DOWN)) <= SMALL]
    with collector(on=True):
        show(f"as of, answers up to {SMALL} assets", microseconds(peers, small))
        show("as of, all answers", microseconds(peers, roots))
        cold = []
        for root in small:
            fresh = graph.at(position - 1 - len(cold))  # a state that nobody asked for yet
            begun = time.perf_counter_ns()
            fresh.closure(root, Way.DOWN)
            cold.append((time.perf_counter_ns() - begun) / 1_000)
        show("as of, the first question of a state", {"small answers": cold})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--assets", type=int, default=100_000)
    parser.add_argument("--roots", type=int, default=1_000)
    parser.add_argument("--no-networkx", dest="networkx", action="store_false")
    given = parser.parse_args()
    mesh = lineage_mesh.mesh(given.assets)
    print(f"{len(mesh.urns)} assets, {len(mesh.edges.source)} edges")
    memory(mesh)
    graph, seconds = timed(build_ours, mesh)
    assert isinstance(graph, LineageGraph)
    print(f"loading: the engine {seconds:.2f} s")
    roots = closures(given, mesh, graph)
    other_questions(graph, roots)
    past(mesh, graph, roots)
    more = until(lineage_mesh.mesh(given.assets, seed=2).edges, 5_000)
    with collector(on=True):
        show("registering an edge", changes(graph, more))


if __name__ == "__main__":
    main()
