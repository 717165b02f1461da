"""Answers about the whole graph are computed once, aside where they are long, and not at all without edges."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from server.adapters.lineage import on_demand
from server.adapters.lineage.graph import EdgeChange, LineageGraph
from server.adapters.side_process.process import SideProcess
from server.kernel.errors import TimedOut
from server.kernel.ids import Urn
from server.kernel.recorded import FOREVER
from server.mesh.lineage.analytics import graph as analytics
from server.mesh.lineage.analytics.graph import Criticality, LineageAnalytics, Score


class Followed:
    """A graph that stands still until it is told to change."""

    def __init__(self, *edges: str) -> None:
        self.graph = LineageGraph()
        self.known: dict[str, int] = {}
        for edge in edges:
            self.add(edge)

    def add(self, edge: str) -> None:
        source, target = (self._number(f"external:x/{name}") for name in edge.split(">"))
        position = self.graph.position + 1
        self.graph.apply(
            [EdgeChange(source=source, target=target, kind=0, confidence=1.0, valid_from=position, valid_to=FOREVER)]
        )
        self.graph.position = position

    async def at(self, position: int) -> LineageGraph:
        return self.graph

    def _number(self, urn: str) -> int:
        if urn not in self.known:
            self.known[urn] = len(self.known)
            self.graph.asset(self.known[urn], urn)
        return self.known[urn]


class Counted:
    """Stands for a kernel and counts its calls."""

    def __init__(self, work: Any) -> None:
        self.work, self.calls = work, 0

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        return self.work(*arguments)


@pytest.fixture
async def side() -> AsyncIterator[SideProcess]:
    process = SideProcess()
    yield process
    await process.stop()


def asked(followed: Followed, side: SideProcess, **settings: Any) -> LineageAnalytics:
    nothing: Any = None  # these answers need no domains, and so no database
    return LineageAnalytics(nothing, followed, side, **settings)


async def test_loads_nothing_for_a_mesh_without_edges(monkeypatch: pytest.MonkeyPatch, side: SideProcess) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} was loaded")

    monkeypatch.setattr(on_demand.importlib, "import_module", refuse)
    empty = asked(Followed(), side)
    assert await empty.stats(0) == analytics.NOTHING
    assert [await empty.critical(0, by, 10) for by in Criticality] == [[], [], []]
    assert (await empty.cycles(0, 10), await empty.dependencies(0)) == ([], [])


async def test_those_who_ask_together_share_one_computation(monkeypatch: pytest.MonkeyPatch, side: SideProcess) -> None:
    counted = Counted(analytics.graph_stats)
    monkeypatch.setattr(analytics, "graph_stats", counted)
    shared = asked(Followed("a>b", "b>c"), side)
    first, second = await asyncio.gather(shared.stats(2), shared.stats(2))
    assert (first.edges, second, counted.calls) == (2, first, 1)


async def test_an_answer_is_kept_until_lineage_changes(monkeypatch: pytest.MonkeyPatch, side: SideProcess) -> None:
    counted = Counted(analytics.graph_stats)
    monkeypatch.setattr(analytics, "graph_stats", counted)
    followed = Followed("a>b", "b>c")
    kept = asked(followed, side)
    await kept.stats(2)
    followed.graph.position = 9  # the log went on without lineage
    assert ((await kept.stats(9)).edges, counted.calls) == (2, 1)
    followed.add("c>d")
    assert ((await kept.stats(10)).edges, counted.calls) == (3, 2)
    assert ((await kept.stats(1)).edges, counted.calls) == (1, 3)
    assert ((await kept.stats(2)).edges, (await kept.stats(10)).edges) == (2, 3)


async def test_a_graph_that_was_loaded_anew_is_asked_anew(side: SideProcess) -> None:
    followed = Followed("a>b", "b>c")
    kept = asked(followed, side)
    assert (await kept.stats(2)).longest_chain == 2
    followed.graph = Followed("a>b", "a>c").graph
    assert (await kept.stats(2)).longest_chain == 1


async def test_an_answer_outlives_who_asked_first(monkeypatch: pytest.MonkeyPatch, side: SideProcess) -> None:
    counted = Counted(analytics.graph_stats)
    monkeypatch.setattr(analytics, "graph_stats", counted)
    shared = asked(Followed("a>b"), side)
    impatient = asyncio.create_task(shared.stats(1))
    patient = asyncio.create_task(shared.stats(1))
    await asyncio.sleep(0)
    impatient.cancel()
    assert ((await patient).edges, counted.calls) == (1, 1)


async def test_a_failure_is_not_kept(monkeypatch: pytest.MonkeyPatch, side: SideProcess) -> None:
    def fail(*_: object) -> None:
        raise ArithmeticError("no")

    with monkeypatch.context() as patched:
        patched.setattr(analytics, "graph_stats", fail)
        shared = asked(Followed("a>b"), side)
        with pytest.raises(ArithmeticError):
            await shared.stats(1)
    assert (await shared.stats(1)).edges == 1


async def test_who_waits_too_long_is_told_what_to_do(side: SideProcess) -> None:
    impatient = asked(Followed("a>b"), side, wait_seconds=0)
    expected = {
        Criticality.DOWNSTREAM: "criticalAssets by DOWNSTREAM is still being computed; ask again in a moment, or rank"
        " by PAGERANK",
        Criticality.PAGERANK: "criticalAssets by PAGERANK is still being computed; ask again in a moment, or ask for"
        " the lineage of single assets",
    }
    for by, message in expected.items():
        with pytest.raises(TimedOut) as refused:
            await impatient.critical(1, by, 10)
        assert refused.value.message == message
    await impatient.stop()


async def test_what_takes_too_long_is_not_tried_again(monkeypatch: pytest.MonkeyPatch, side: SideProcess) -> None:
    tried: list[object] = []

    async def slow(work: object, *_: object, seconds: float) -> None:
        tried.append(work)
        raise TimedOut(f"the work took longer than the {seconds:g} seconds that it may take")

    monkeypatch.setattr(side, "run", slow)
    monkeypatch.setattr(analytics, "QUICK_EDGES", 0)
    followed = Followed("a>b")
    given_up = asked(followed, side, longest_seconds=7)
    for _ in range(2):
        with pytest.raises(TimedOut, match="criticalAssets by DOWNSTREAM takes longer than 7 seconds here; rank by PA"):
            await given_up.critical(1, Criticality.DOWNSTREAM, 10)
    assert tried == [analytics.downstream_counts]
    followed.add("b>c")
    with pytest.raises(TimedOut):
        await given_up.critical(2, Criticality.DOWNSTREAM, 10)
    assert len(tried) == 2


async def test_long_work_is_done_in_another_process(monkeypatch: pytest.MonkeyPatch, side: SideProcess) -> None:
    processes: list[int] = []
    run = side.run

    async def watched(work: Any, *arguments: Any, seconds: float) -> Any:
        processes.append(await run(os.getpid, seconds=seconds))
        return await run(work, *arguments, seconds=seconds)

    monkeypatch.setattr(side, "run", watched)
    monkeypatch.setattr(analytics, "QUICK_EDGES", 1)
    aside = asked(Followed("a>b", "b>c", "c>a", "c>d"), side)
    assert (await aside.stats(4)).longest_chain == 1
    assert await aside.critical(4, Criticality.DOWNSTREAM, 2) == [
        Score(asset="external:x/a", score=3.0),
        Score(asset="external:x/b", score=3.0),
    ]
    assert await aside.cycles(4, 5) == [["external:x/a", "external:x/b", "external:x/c"]]
    assert len(processes) == 4  # two of them for the loops
    assert os.getpid() not in processes


async def test_equal_scores_are_in_the_order_of_urns(side: SideProcess) -> None:
    wide = Followed(*(f"{name}>z" for name in reversed("abcdefghij")))
    found = await asked(wide, side).critical(10, Criticality.PAGERANK, 4)
    assert [each.asset[-1] for each in found] == ["a", "b", "c", "d"]


async def test_no_more_is_ranked_than_an_answer_may_list(monkeypatch: pytest.MonkeyPatch, side: SideProcess) -> None:
    monkeypatch.setattr(analytics, "MAX_FIRST", 3)
    chain = Followed("a>b", "b>c", "c>d", "e>c", "f>c")
    found = await asked(chain, side).critical(5, Criticality.DOWNSTREAM, 3)
    assert [(each.asset[-1], each.score) for each in found] == [("a", 3.0), ("b", 2.0), ("e", 2.0)]


def test_scores_that_differ_only_by_the_order_of_additions_are_equal() -> None:
    graph = LineageGraph()
    for number, name in enumerate("ba"):
        graph.asset(number, f"external:x/{name}")
    found = analytics.highest(graph, np.array([0, 1]), np.array([0.1 + 0.2, 0.3]))
    assert found == [Score(asset=Urn("external:x/a"), score=0.3), Score(asset=Urn("external:x/b"), score=0.3)]
