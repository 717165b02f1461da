"""A neighbourhood against what it means: walks by hand on random graphs, and cuts that say what they left out."""

import itertools
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.adapters.lineage.graph import EdgeChange, LineageGraph
from server.kernel.ids import Urn
from server.kernel.lineage import LineageDirection
from server.kernel.recorded import FOREVER
from server.mesh.lineage import neighbourhood
from server.mesh.lineage.neighbourhood import Asked, Neighbourhood, survey

ASSETS = 12
EDGES = st.dictionaries(
    st.tuples(st.integers(0, ASSETS - 1), st.integers(0, ASSETS - 1)).filter(lambda pair: pair[0] != pair[1]),
    st.sampled_from([1.0, 0.9, 0.5, 0.25]),
    max_size=30,
)
DIRECTIONS = st.sampled_from(LineageDirection)
DEPTHS = st.none() | st.integers(0, 4)


def asset(number: int) -> Urn:
    """In the reverse order of the numbers."""
    return Urn(f"external:x/{ASSETS - number:05}")


def graph_of(edges: dict[tuple[int, int], float], assets: int = ASSETS) -> LineageGraph:
    graph = LineageGraph()
    for number in range(assets):
        graph.asset(number, asset(number))
    graph.apply(
        [
            EdgeChange(source=s, target=t, kind=0, confidence=c, valid_from=position, valid_to=FOREVER)
            for position, ((s, t), c) in enumerate(edges.items(), 1)
        ]
    )
    graph.position = len(edges)
    return graph


def distances(pairs: Iterable[tuple[int, int]], root: int) -> dict[int, int]:
    """Hops from the root, by relaxing every edge often enough."""
    far = {root: 0}
    for _ in range(ASSETS):
        for source, target in pairs:
            if source in far:
                far[target] = min(far.get(target, ASSETS), far[source] + 1)
    return {number: hops for number, hops in far.items() if number != root}


def best(edges: dict[tuple[int, int], float], root: int, end: int) -> float:
    """The best product over all chains, by relaxing every edge often enough."""
    sure = {root: 1.0}
    for _ in range(ASSETS):
        for (source, target), confidence in edges.items():
            if source in sure:
                sure[target] = max(sure.get(target, 0.0), sure[source] * confidence)
    return sure.get(end, 0.0)


async def look(
    edges: dict[tuple[int, int], float], direction: LineageDirection, depth: int | None, most: int = 100
) -> Neighbourhood:
    asked = Asked(root=asset(0), position=len(edges), direction=direction, depth=depth)
    return await survey(graph_of(edges), asked, most)


@settings(max_examples=150, deadline=None)
@given(EDGES, DIRECTIONS, DEPTHS)
async def test_lists_what_the_edges_lead_to(
    edges: dict[tuple[int, int], float], direction: LineageDirection, depth: int | None
) -> None:
    found = await look(edges, direction, depth)
    back = {(target, source): confidence for (source, target), confidence in edges.items()}
    down = distances(edges, 0) if direction is not LineageDirection.UPSTREAM else {}
    up = distances(back, 0) if direction is not LineageDirection.DOWNSTREAM else {}
    within = {n for far in (down, up) for n, hops in far.items() if depth is None or hops <= depth}
    expected = []
    for number in within:
        ahead, behind = down.get(number, 99), up.get(number, 99)
        limit = ASSETS if depth is None else depth
        sure = max(best(edges, 0, number) if ahead <= limit else 0, best(back, 0, number) if behind <= limit else 0)
        expected.append((asset(number), ahead if ahead <= behind else -behind, pytest.approx(sure, rel=1e-9)))
    assert [tuple(node) for node in found.nodes] == sorted(expected, key=lambda one: (abs(one[1]), one[0]))
    assert found.total == len(within)
    assert found.left_out == (None if within == down.keys() | up.keys() else "depth")
    shown = within | {0}
    between = sorted((asset(s), asset(t)) for s, t in edges if {s, t} <= shown)
    assert [(link.source, link.target) for link in found.links] == between


@settings(max_examples=100, deadline=None)
@given(EDGES, DIRECTIONS, DEPTHS, st.integers(1, 6))
async def test_a_cut_answer_and_the_rest_are_the_whole(
    edges: dict[tuple[int, int], float], direction: LineageDirection, depth: int | None, most: int
) -> None:
    whole = await look(edges, direction, depth)
    cut = await look(edges, direction, depth, most)
    assert cut.nodes == whole.nodes[:most]
    assert cut.total == whole.total
    assert cut.left_out == ("size" if whole.total > most else whole.left_out)
    shown = {cut.root, *(node.urn for node in cut.nodes)}
    assert cut.links == tuple(link for link in whole.links if {link.source, link.target} <= shown)


@settings(max_examples=100, deadline=None)
@given(EDGES, DIRECTIONS, st.integers(1, 8))
async def test_as_many_assets_are_listed_as_their_edges_have_room(
    edges: dict[tuple[int, int], float], direction: LineageDirection, room: int
) -> None:
    whole = await look(edges, direction, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbourhood, "MAX_EDGES", room)
        cut = await look(edges, direction, None)
    assert cut.nodes == whole.nodes[: len(cut.nodes)]
    shown = {cut.root, *(node.urn for node in cut.nodes)}
    assert cut.links == tuple(link for link in whole.links if {link.source, link.target} <= shown)
    assert len(cut.links) <= room
    assert cut.left_out == (None if len(cut.nodes) == whole.total else "size")
    if cut.left_out:
        more = shown | {whole.nodes[len(cut.nodes)].urn}
        assert sum({link.source, link.target} <= more for link in whole.links) > room


async def test_an_asset_that_no_edge_ever_named_has_nothing_around_it() -> None:
    asked = Asked(root=Urn("dataset:new"), position=0, direction=LineageDirection.BOTH)
    assert await survey(LineageGraph(), asked, 10) == Neighbourhood(
        root=Urn("dataset:new"), position=0, nodes=(), links=(), total=0, left_out=None
    )


async def test_a_look_is_of_its_position_although_the_graph_moves_on_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    edges = {(0, number): 1.0 for number in range(1, ASSETS)}
    graph = graph_of(edges)
    asked = Asked(root=asset(0), position=graph.position, direction=LineageDirection.DOWNSTREAM)
    whole = await survey(graph, asked, 100)
    monkeypatch.setattr(neighbourhood, "AT_ONCE", 1)
    position = itertools.count(graph.position + 1)

    async def change(number: int) -> None:
        if number:
            begun = number
            graph.apply(
                [EdgeChange(source=0, target=begun, kind=0, confidence=1.0, valid_from=begun, valid_to=next(position))]
            )

    pauses = itertools.count()

    async def pause(_seconds: float) -> None:
        await change(next(pauses) % ASSETS)

    monkeypatch.setattr(neighbourhood.asyncio, "sleep", pause)
    assert await survey(graph, asked, 100) == whole
    assert next(pauses) == ASSETS


@settings(max_examples=50, deadline=None)
@given(EDGES, DIRECTIONS, DEPTHS, st.integers(1, 8))
async def test_lists_the_same_assets_where_nobody_looks_at_the_edges(
    edges: dict[tuple[int, int], float], direction: LineageDirection, depth: int | None, room: int
) -> None:
    asked = Asked(root=asset(0), position=len(edges), direction=direction, depth=depth)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbourhood, "MAX_EDGES", room)
        whole = await survey(graph_of(edges), asked, 100)
        bare = await survey(graph_of(edges), replace(asked, links=False), 100)
    assert bare == replace(whole, links=())
