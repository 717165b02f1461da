"""Walks over the graph of columns: around one column, and over all that a change of some columns reaches."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from server.adapters.lineage.graph import LineageGraph, View, Way
from server.kernel.lineage import LineageDirection
from server.kernel.record import record
from server.mesh.lineage.columns.links import Tie, asset_of, column_of, of_any, of_column, of_whole
from server.mesh.lineage.neighbourhood import WAYS

MAX_COLUMNS = 5_000  # of one answer
MAX_LINKS = 20_000  # of one answer

_LINKS = frozenset({int(Tie.DIRECT), int(Tie.INDIRECT)})
_UNKNOWN = frozenset({int(Tie.UNKNOWN)})


class ColumnAt(NamedTuple):
    """A column some links away, upstream a negative number of them; 0: the one in the middle."""

    asset: str
    column: str
    depth: int


@record
class Walked:
    """Columns, the one in the middle first, then by distance and name; links by place among them, and how direct."""

    nodes: tuple[ColumnAt, ...]
    links: tuple[tuple[int, int, bool], ...]
    complete: bool


@record
class Affected:
    """The assets that a change reaches: each with its columns, or None where all of them must be counted."""

    columns: Mapping[str, frozenset[str] | None]


def walk(graph: LineageGraph, asset: str, column: str, direction: LineageDirection, position: int) -> Walked:
    """The columns that feed a column, or that it feeds."""
    view = graph.at(position)
    root = graph.number(of_column(asset, column))
    middle = ColumnAt(asset, column, 0)
    found: dict[int, int] = {}
    complete = True
    for way in WAYS[direction]:
        reach = None if root is None else view.reach(root, way, kinds=_LINKS)
        numbers: Sequence[int] = () if reach is None else reach.numbers
        for number, depth in zip(numbers, () if reach is None else reach.depths, strict=True):
            signed = depth if way is Way.DOWN else -depth
            if number not in found or depth < abs(found[number]):
                found[number] = signed
        assets = {asset, *(asset_of(graph.urn(number)) for number in numbers)}
        complete = complete and not any(_says_nothing(graph, view, each, way) for each in assets)
    nodes = [(number, _column(graph, number, depth)) for number, depth in found.items()]
    nodes.sort(key=lambda each: (abs(each[1].depth), each[1].asset, each[1].column))
    listed = [(root, middle), *nodes[: MAX_COLUMNS - 1]]
    places = {number: place for place, (number, _) in enumerate(listed) if number is not None}
    links = _links(view, places)
    return Walked(
        nodes=tuple(node for _, node in listed),
        links=tuple(links[:MAX_LINKS]),
        complete=complete and len(nodes) < MAX_COLUMNS and len(links) <= MAX_LINKS,
    )


def without(walked: Walked, gone: Collection[int], direction: LineageDirection) -> Walked:
    """What remains when columns are taken out with all that is reached through them alone. It is incomplete then."""
    found: dict[int, int] = {}
    for way in WAYS[direction]:
        near: dict[int, list[int]] = {}
        for source, target, _ in walked.links:
            if source not in gone and target not in gone:
                start, end = (source, target) if way is Way.DOWN else (target, source)
                near.setdefault(start, []).append(end)
        for place, depth in _depths(near).items():
            if place not in found or depth < abs(found[place]):
                found[place] = depth if way is Way.DOWN else -depth
    nodes = [(place, walked.nodes[place]._replace(depth=depth)) for place, depth in found.items()]
    nodes.sort(key=lambda each: (abs(each[1].depth), each[1].asset, each[1].column))
    places = {old: new for new, (old, _) in enumerate(nodes)}
    links = ((places[s], places[t], direct) for s, t, direct in walked.links if {s, t} <= places.keys())
    return Walked(nodes=tuple(node for _, node in nodes), links=tuple(sorted(links)), complete=False)


def _depths(near: Mapping[int, Sequence[int]]) -> dict[int, int]:
    """How many steps each place is from the first."""
    depths, frontier = {0: 0}, [0]
    while frontier:
        reached = dict.fromkeys(other for place in frontier for other in near.get(place, ()) if other not in depths)
        depths |= dict.fromkeys(reached, depths[frontier[0]] + 1)
        frontier = list(reached)
    return depths


def affected(graph: LineageGraph, asset: str, columns: Iterable[str], position: int) -> Affected:
    """What rests on these columns, downstream; an edge that says nothing of its columns passes on a change of any."""
    view = graph.at(position)
    named: dict[str, set[str]] = {}
    whole: set[str] = set()
    for column in columns:
        number = graph.number(of_column(asset, column))
        for root in (*_beyond(graph, view, asset), *(() if number is None else (number,))):
            for reached in (root, *view.reach(root, Way.DOWN).numbers):
                place = graph.urn(reached)
                other = column_of(place)
                named.setdefault(asset_of(place), set()).update(() if other is None else (other,))
                if place == of_whole(asset_of(place)):
                    whole.add(asset_of(place))
    named.setdefault(asset, set()).update(columns)
    return Affected(columns={each: None if each in whole else frozenset(names) for each, names in named.items()})


def _beyond(graph: LineageGraph, view: View, asset: str) -> list[int]:
    """The assets behind edges that say nothing of their columns: a column that no edge names reaches them too."""
    number = graph.number(of_any(asset))
    return [] if number is None else list(view.reach(number, Way.DOWN, hops=1, kinds=_UNKNOWN).numbers)


def _says_nothing(graph: LineageGraph, view: View, asset: str, way: Way) -> bool:
    """Whether an edge on this side of the asset has no columns."""
    number = graph.number(of_any(asset) if way is Way.DOWN else of_whole(asset))
    return number is not None and bool(view.reach(number, way, hops=1, kinds=_UNKNOWN).numbers)


def _column(graph: LineageGraph, number: int, depth: int) -> ColumnAt:
    place = graph.urn(number)
    column = column_of(place)
    assert column is not None, "links lead from column to column"
    return ColumnAt(asset_of(place), column, depth)


def _links(view: View, places: Mapping[int, int]) -> list[tuple[int, int, bool]]:
    found: list[tuple[int, int, bool]] = []
    for source, target in view.edges_between(list(places)):
        edge = view.edge(source, target)
        assert edge is not None, "the view has just named it"
        if edge.kind in _LINKS:
            found.append((places[source], places[target], edge.kind == Tie.DIRECT))
    return sorted(found)
