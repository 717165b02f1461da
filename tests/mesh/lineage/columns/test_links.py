"""The graph of columns: brought up step by step, made anew and worked out by hand, it says the same."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.kernel.lineage import LineageDirection
from server.kernel.recorded import FOREVER
from server.mesh.lineage.columns import walk as walks
from server.mesh.lineage.columns.links import ColumnLinks, Spell
from server.mesh.lineage.columns.walk import affected, walk

ASSETS = ("dataset:a", "dataset:b", "product:c", "external:x/d")
COLUMNS = ("k", "v", ".")

column = st.sampled_from(COLUMNS)
link = st.fixed_dictionaries(
    {"target": column, "sources": st.lists(column, max_size=2), "indirect": st.lists(column, max_size=1)}
)
links = st.lists(link, max_size=3, unique_by=lambda one: one["target"])
pair = st.tuples(st.sampled_from(ASSETS), st.sampled_from(ASSETS)).filter(lambda ends: ends[0] != ends[1])
# An edge registered, changed, or (None) removed; how many positions pass before it.
step = st.tuples(pair, st.none() | links, st.integers(1, 3))


def spells(steps: list[Any]) -> list[Spell]:
    """What the steps leave in the read table."""
    done: list[Spell] = []
    standing: dict[tuple[str, str], Spell] = {}
    position = 0
    for ends, columns, pause in steps:
        position += pause
        if (before := standing.pop(ends, None)) is not None:
            done.append(before._replace(valid_to=position))
        if columns is not None:
            standing[ends] = Spell(*ends, columns, position, FOREVER)
    return [*done, *standing.values()]


def at(every: list[Spell], position: int) -> list[Spell]:
    return [spell for spell in every if spell.valid_from <= position < spell.valid_to]


def known(every: list[Spell], position: int) -> list[Spell]:
    """The read table as it stood: what ended later stands."""
    began = [spell for spell in every if spell.valid_from <= position]
    return [spell if spell.valid_to <= position else spell._replace(valid_to=FOREVER) for spell in began]


def reached(every: list[Spell], asset: str, name: str, position: int) -> Mapping[str, frozenset[str] | None]:
    """What a change of a column reaches, from the words of the rule: None where all columns count."""
    named: dict[str, set[str]] = {asset: {name}}
    whole: set[str] = set()
    while True:
        before = (repr(sorted((a, sorted(c)) for a, c in named.items())), len(whole))
        for spell in at(every, position):
            if spell.source not in named:
                continue
            said = [one for one in spell.columns if one["sources"] or one["indirect"]]
            if not spell.columns:
                named.setdefault(spell.target, set())
                whole.add(spell.target)
            for one in said:
                if spell.source in whole or named[spell.source] & {*one["sources"], *one["indirect"]}:
                    named.setdefault(spell.target, set()).add(one["target"])
        if before == (repr(sorted((a, sorted(c)) for a, c in named.items())), len(whole)):
            return {one: None if one in whole else frozenset(columns) for one, columns in named.items()}


@settings(max_examples=150, deadline=None)
@given(st.lists(step, min_size=1, max_size=12), st.data())
def test_step_by_step_equals_made_anew_equals_the_rule(steps: list[Any], data: st.DataObject) -> None:
    every = spells(steps)
    head = max((max(s.valid_from, s.valid_to if s.valid_to != FOREVER else 0) for s in every), default=0)
    anew = ColumnLinks(every)
    stops = sorted(data.draw(st.sets(st.integers(0, head), max_size=3)) | {head})
    grown, since = ColumnLinks(known(every, stops[0])), stops[0]
    for stop in stops[1:]:
        changed = [
            spell
            for spell in known(every, stop)
            if spell.valid_from > since or (spell.valid_to > since and spell.valid_to != FOREVER)
        ]
        grown.follow(changed, since)
        since = stop
    position = data.draw(st.integers(0, head))
    for asset in ASSETS:
        for name in COLUMNS:
            rule = reached(every, asset, name, position)
            assert affected(anew.graph, asset, [name], position).columns == rule
            assert affected(grown.graph, asset, [name], position).columns == rule
            for direction in LineageDirection:
                found = walk(anew.graph, asset, name, direction, position)
                assert walk(grown.graph, asset, name, direction, position) == found
                assert found.nodes[0] == (asset, name, 0)
                assert len({node[:2] for node in found.nodes}) == len(found.nodes)


@pytest.mark.parametrize(
    ("bound", "most", "found"),
    [
        ("MAX_COLUMNS", 4, (4, 3, True)),
        ("MAX_COLUMNS", 3, (3, 2, False)),
        ("MAX_LINKS", 3, (4, 3, True)),
        ("MAX_LINKS", 2, (4, 2, False)),
    ],
)
def test_says_where_there_were_more_columns_or_links_than_an_answer_holds(
    monkeypatch: pytest.MonkeyPatch, bound: str, most: int, found: tuple[int, int, bool]
) -> None:
    fan = [{"target": name, "sources": ["k"], "indirect": []} for name in "abc"]
    graph = ColumnLinks([Spell("dataset:a", "dataset:b", fan, 1, FOREVER)]).graph
    monkeypatch.setattr(walks, bound, most)
    walked = walk(graph, "dataset:a", "k", LineageDirection.DOWNSTREAM, 1)
    assert (len(walked.nodes), len(walked.links), walked.complete) == found
