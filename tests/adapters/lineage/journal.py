"""A journal of lineage that is kept beside the graph: plain intervals, asked with NetworkX."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple
from unittest import mock

import networkx as nx
import numpy as np
from hypothesis import strategies as st

from server.adapters.lineage import loops, paths, reaching, view, walks
from server.adapters.lineage.graph import EdgeChange, Intervals
from server.kernel.recorded import FOREVER

ASSETS = 7


class Deed(NamedTuple):
    """One event: the edge begins, or says something else, or ends where it stands and `ends` is set."""

    source: int
    target: int
    ends: bool
    kind: int
    confidence: float


CONFIDENCES = st.sampled_from([1.0, 0.9, 0.7, 0.5, 0.25, 0.1])
DEEDS = st.builds(
    Deed, st.integers(0, ASSETS - 1), st.integers(0, ASSETS - 1), st.booleans(), st.integers(0, 2), CONFIDENCES
).filter(lambda deed: deed.source != deed.target)
BATCHES = st.lists(st.lists(DEEDS, max_size=12), max_size=5)  # each is caught up with at once


class Journal:
    """All intervals; each deed takes a position, some positions are no lineage at all."""

    def __init__(self) -> None:
        self.position = 0
        self.intervals: list[EdgeChange] = []

    def record(self, deed: Deed) -> None:
        """Do a deed at the next but one position."""
        self.position += 2
        for place, interval in enumerate(self.intervals):
            if (interval.source, interval.target, interval.valid_to) == (deed.source, deed.target, FOREVER):
                self.intervals[place] = replace(interval, valid_to=self.position)
                if deed.ends:
                    return
        self.intervals.append(
            EdgeChange(
                source=deed.source,
                target=deed.target,
                kind=deed.kind,
                confidence=deed.confidence,
                valid_from=self.position,
                valid_to=FOREVER,
            )
        )

    def changes(self, after: int) -> list[EdgeChange]:
        """The intervals that began or ended after a position, as they are now."""
        return [
            interval
            for interval in self.intervals
            if interval.valid_from > after or after < interval.valid_to <= self.position
        ]

    def plain(self, position: int, kinds: frozenset[int] | None = None) -> "nx.DiGraph[int]":
        """What stood at a position."""
        graph: nx.DiGraph[int] = nx.DiGraph()
        graph.add_nodes_from(range(ASSETS))
        for e in self.intervals:
            if e.valid_from <= position < e.valid_to and (kinds is None or e.kind in kinds):
                graph.add_edge(e.source, e.target, kind=e.kind, confidence=e.confidence, since=e.valid_from)
        return graph


def columns(intervals: Sequence[EdgeChange]) -> Intervals:
    """Intervals as they are loaded."""
    return Intervals(
        source=np.array([e.source for e in intervals], np.int32),
        target=np.array([e.target for e in intervals], np.int32),
        kind=np.array([e.kind for e in intervals], np.int8),
        confidence=np.array([e.confidence for e in intervals], np.float64),
        valid_from=np.array([e.valid_from for e in intervals], np.int64),
        valid_to=np.array([e.valid_to for e in intervals], np.int64),
    )


def simple_paths(graph: "nx.DiGraph[int]", source: int, target: int) -> list[tuple[float, tuple[int, ...]]]:
    """Every simple path with the product of its confidences."""
    if source == target:
        return []
    found = [tuple(path) for path in nx.all_simple_paths(graph, source, target)]
    return [(math.prod(graph.edges[a, b]["confidence"] for a, b in pairwise(path)), path) for path in found]


@contextmanager
def always_on_arrays() -> Iterator[None]:
    """No answer is small: everything that can be found on arrays is."""
    nothing = reaching.Effort(few=0, tried=0, cut=0)
    with (
        mock.patch.object(walks, "SWITCH", 0),
        mock.patch.object(loops, "SWITCH", 0),
        mock.patch.object(paths, "CUT", 0),
        mock.patch.object(view, "SHORT", nothing),
    ):
        yield
