"""Edges as links between columns: what an edge says of its columns, as intervals for a graph of columns."""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from server.adapters.lineage.edges import EdgeChange, Intervals
from server.adapters.lineage.graph import LineageGraph
from server.kernel.recorded import FOREVER


class Tie(IntEnum):
    """How two places of the graph of columns hang together.

    UNKNOWN: an edge without columns leads from any column of its source to the whole of its target.
    INNER: a column is one of its asset's, and the whole of an asset is all its columns.
    """

    DIRECT = 0
    INDIRECT = 1
    UNKNOWN = 2
    INNER = 3


class Spell(NamedTuple):
    """What an edge said of its columns while it stood so; `columns` are JSON records of ColumnLink."""

    source: str
    target: str
    columns: Sequence[dict[str, Any]]
    valid_from: int
    valid_to: int


def of_column(asset: str, column: str) -> str:
    """The place of one column."""
    return f"{asset}\n.{column}"


def of_any(asset: str) -> str:
    """The place that is reached when any column of an asset is."""
    return f"{asset}\n<"


def of_whole(asset: str) -> str:
    """The place from which every column of an asset is reached."""
    return f"{asset}\n>"


def asset_of(place: str) -> str:
    """The asset of a place."""
    return place.partition("\n")[0]


def column_of(place: str) -> str | None:
    """The column of a place; None of an asset's other two places."""
    kind, column = place.partition("\n")[2][:1], place.partition("\n")[2][1:]
    return column if kind == "." else None


class ColumnLinks:
    """A graph of columns of everything that edges ever said of them."""

    def __init__(self, spells: Iterable[Spell]) -> None:
        self._numbers: dict[str, int] = {}
        changes = list(_opened(_in_order(spells), self._numbers))
        self.graph = LineageGraph()
        self.graph.load(list(self._numbers), _columns(changes))

    def follow(self, spells: Sequence[Spell], since: int) -> None:
        """Apply what edges said after a position, and what they stopped saying."""
        known = len(self._numbers)
        before = [spell for spell in spells if spell.valid_from <= since]
        ended = [change for spell in before for change in _linked(spell, self._numbers)]
        steps = [(change.valid_to, 0, change) for change in ended]
        for change in _opened(_in_order(spell for spell in spells if spell.valid_from > since), self._numbers):
            steps.append((change.valid_from, 1, _standing(change)))
            if change.valid_to != FOREVER:
                steps.append((change.valid_to, 0, change))
        steps.sort(key=lambda step: step[:2])
        for place in islice(self._numbers, known, None):
            self.graph.asset(self._numbers[place], place)
        self.graph.apply([change for _, _, change in steps])


def _in_order(spells: Iterable[Spell]) -> list[Spell]:
    return sorted(spells, key=lambda spell: spell.valid_from)


def _opened(spells: Iterable[Spell], names: dict[str, int]) -> Iterable[EdgeChange]:
    """The links of spells in order of position, and before them how places hang together that are named first."""
    for spell in spells:
        for place in _places(spell):
            if place not in names:
                yield from _introduced(place, names, spell.valid_from)
        yield from _linked(spell, names)


def _introduced(place: str, names: dict[str, int], position: int) -> Iterable[EdgeChange]:
    asset = asset_of(place)
    whole, either = of_whole(asset), of_any(asset)
    if whole not in names:
        names[whole] = len(names)
        names[either] = len(names)
        yield _tie(names[whole], names[either], Tie.INNER, position)
    if place not in names:
        names[place] = len(names)
        yield _tie(names[whole], names[place], Tie.INNER, position)
        yield _tie(names[place], names[either], Tie.INNER, position)


def _places(spell: Spell) -> Iterable[str]:
    yield of_any(spell.source)
    yield of_any(spell.target)
    for link in spell.columns:
        yield of_column(spell.target, link["target"])
        for column in (*link["sources"], *link["indirect"]):
            yield of_column(spell.source, column)


def _linked(spell: Spell, names: dict[str, int]) -> list[EdgeChange]:
    if not spell.columns:
        pairs = {(of_any(spell.source), of_whole(spell.target)): Tie.UNKNOWN}
    else:
        pairs = {}
        for link in spell.columns:
            target = of_column(spell.target, link["target"])
            for kind, columns in ((Tie.INDIRECT, link["indirect"]), (Tie.DIRECT, link["sources"])):
                pairs |= {(of_column(spell.source, column), target): kind for column in columns}
    return [
        _tie(names[source], names[target], kind, spell.valid_from, spell.valid_to)
        for (source, target), kind in pairs.items()
    ]


def _tie(source: int, target: int, kind: Tie, valid_from: int, valid_to: int = FOREVER) -> EdgeChange:
    return EdgeChange(source=source, target=target, kind=kind, confidence=1.0, valid_from=valid_from, valid_to=valid_to)


def _standing(change: EdgeChange) -> EdgeChange:
    return _tie(change.source, change.target, Tie(change.kind), change.valid_from)


def _columns(changes: Sequence[EdgeChange]) -> Intervals:
    return Intervals(
        source=np.array([change.source for change in changes], np.int32),
        target=np.array([change.target for change in changes], np.int32),
        kind=np.array([change.kind for change in changes], np.int8),
        confidence=np.ones(len(changes)),
        valid_from=np.array([change.valid_from for change in changes], np.int64),
        valid_to=np.array([change.valid_to for change in changes], np.int64),
    )
