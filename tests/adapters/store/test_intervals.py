"""Interval rows: whatever is written, the rows as of any position are those of a plain fold."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.adapters.store.intervals import Change, Close, IntervalWriter, Open, ProjectionFault, Write
from server.kernel.recorded import FOREVER
from tests.adapters.store.opened import shelves
from tests.adapters.store.shelf import ShelfRow

# What happens to one of three rows: it is changed or ended if it stands, else opened. `books` tells changes apart.
Deed: TypeAlias = tuple[str, bool, int]
Rows: TypeAlias = dict[str, tuple[str, int]]

DEEDS = st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 5))
EVENTS = st.lists(DEEDS, max_size=4)  # the deeds of one event: they share a position
GROUPS = st.lists(st.lists(EVENTS, max_size=6), max_size=5)  # each written at once


def written(deed: Deed, rows: Rows) -> Write:
    """The write of a deed; `rows` is moved on."""
    id, ends, books = deed
    if id not in rows:
        rows[id] = (f"name of {id}", books)
        return Open(table=ShelfRow, id=id, values={"name": rows[id][0], "books": books, "newest": None})
    if ends:
        del rows[id]
        return Close(table=ShelfRow, id=id)
    rows[id] = (rows[id][0], books)
    return Change(table=ShelfRow, id=id, values={"books": books})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=GROUPS)
async def test_rows_as_of_every_position_are_those_of_a_fold(
    connection: asyncpg.Connection, groups: list[list[list[Deed]]]
) -> None:
    writer = IntervalWriter([ShelfRow])
    rows: Rows = {}
    folded: list[Rows] = [{}]
    transaction = connection.transaction()
    await transaction.start()
    try:
        for group in groups:
            writes: list[tuple[int, Write]] = []
            for event in group:
                writes += [(len(folded), written(deed, rows)) for deed in event]
                folded.append(dict(rows))
            await writer.apply(connection, writes)
        for position, expected in enumerate(folded):
            standing = await shelves(connection, f"valid_from <= {position} and {position} < valid_to")
            assert {row["id"]: (row["name"], row["books"]) for row in standing} == expected
            assert len(standing) == len(expected)
        current = await shelves(connection, f"valid_to = {FOREVER}")
        assert {row["id"]: (row["name"], row["books"]) for row in current} == rows
        check_intervals(await shelves(connection), len(folded) - 1)
    finally:
        await transaction.rollback()


def check_intervals(rows: Sequence[dict[str, Any]], head: int) -> None:
    """No interval is empty, lies in the future or meets another of its row."""
    for row in rows:
        assert 1 <= row["valid_from"] <= head
        assert row["valid_from"] < row["valid_to"]
        assert row["valid_to"] == FOREVER or row["valid_to"] <= head
    for earlier, later in pairwise(rows):
        assert earlier["id"] != later["id"] or earlier["valid_to"] <= later["valid_from"]


OPEN = Open(table=ShelfRow, id="a", values={"name": "a", "books": 0, "newest": None})
CHANGE = Change(table=ShelfRow, id="a", values={"books": 1})
CLOSE = Close(table=ShelfRow, id="a")


@pytest.mark.parametrize("writes", [[CHANGE], [CLOSE], [OPEN, OPEN], [OPEN, CLOSE, CHANGE], [OPEN, CLOSE, CLOSE]])
async def test_refuses_what_no_fold_could_follow(connection: asyncpg.Connection, writes: list[Write]) -> None:
    with pytest.raises(ProjectionFault):
        await IntervalWriter([ShelfRow]).apply(connection, list(enumerate(writes, 1)))
    assert await shelves(connection) == []


async def test_a_column_can_be_set_to_null_and_the_others_stay(connection: asyncpg.Connection) -> None:
    writer = IntervalWriter([ShelfRow])
    await writer.apply(connection, [(1, OPEN), (2, Change(table=ShelfRow, id="a", values={"newest": {"title": "'"}}))])
    await writer.apply(connection, [(3, Change(table=ShelfRow, id="a", values={"newest": None}))])
    found = await shelves(connection)
    assert [(row["valid_from"], row["name"], row["newest"]) for row in found] == [
        (1, "a", None),
        (2, "a", '{"title": "\'"}'),
        (3, "a", None),
    ]


async def test_the_database_itself_refuses_a_second_current_row(connection: asyncpg.Connection) -> None:
    insert = f"insert into shelf values ('a', $1, {FOREVER}, 'a', 0, null)"
    await connection.execute(insert, 1)
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(insert, 2)
