"""Primary keys: which rows of a file are set aside because their key stands before them."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.adapters.engine.batch_table import quoted
from server.adapters.engine.source import Source, SourceGone
from server.kernel.fields import Field
from tests.adapters.engine.ingest.landing import land

ID = Field(name="id", type="int", nullable=False, primary_key=True)
DAY = Field(name='the "day"', type="string", nullable=False, primary_key=True)
NOTE = Field(name="note", type="string")


@pytest.fixture
def existing(tmp_path):
    """Makes files of rows: (batch, id, day) each."""

    def make(*rows, fields=(ID, DAY), batches=None) -> Source:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.parquet"
        values = ", ".join(f"('{batch}', {n}, '{day}')" for batch, n, day in rows)
        with duckdb.connect() as engine:
            rows = f"select 'x' as _id, b as _batch_id, now() as _created_at, n::bigint as id, d as {quoted(DAY.name)}"
            engine.execute(f"copy ({rows} from (values {values}) t(b, n, d)) to '{path}' (format parquet)")
        return Source(path=path, fields=fields, batches=batches)

    return make


def test_the_first_row_of_a_key_stands_and_later_ones_are_set_aside():
    landed = land(b"id,note\n2,a\n1,b\n2,secret\nx,c\n1,d\n2,e\n", (ID, NOTE))

    assert landed.rows == [{"id": 2, "note": "a"}, {"id": 1, "note": "b"}]
    assert landed.ids == ["b1-000000000000", "b1-000000000001"]
    above = "id: the primary key stands in an earlier record"
    assert [(one["line"], one["column"], one["reason"], one["raw"], one["ordinal"]) for one in landed.rejects] == [
        (4, "id", above, "2,secret", 2),
        (5, "id", "id: not an int, which is digits with an optional sign, within 64 bits", "x,c", 3),
        (6, "id", above, "1,d", 4),
        (7, "id", above, "2,e", 5),
    ]
    assert landed.ingested.taken_keys == 0


def test_a_key_of_several_columns_is_taken_where_all_of_them_are_equal(existing):
    text = b'id,"the ""day""",note\n1,mon,a\n1,tue,b\n1,mon,c\n2,mon,d\n'
    landed = land(text, (ID, DAY, NOTE), existing=[existing(("b0", 2, "mon"), ("b0", 1, "sun"))])

    assert [(row["id"], row[DAY.name]) for row in landed.rows] == [(1, "mon"), (1, "tue")]
    named = 'id, the "day": the primary key stands'
    assert [(one["line"], one["reason"]) for one in landed.rejects] == [
        (4, f"{named} in an earlier record"),
        (5, f"{named} in the dataset already"),
    ]
    assert landed.ingested.taken_keys == 1


def test_a_batch_that_is_replayed_does_not_collide_with_itself(existing):
    files = [existing(("b1", 1, "x"), ("b2", 2, "x"))]
    landed = land(b"id\n1\n2\n3\n", (ID,), existing=files)
    assert ([row["id"] for row in landed.rows], [one["line"] for one in landed.rejects]) == ([1, 3], [3])


def test_only_the_batches_of_a_file_that_count_have_keys(existing):
    files = [existing(("b2", 1, "x"), ("b3", 2, "x"), batches=("b3",))]
    assert [row["id"] for row in land(b"id\n1\n2\n", (ID,), existing=files).rows] == [1]


def test_keys_of_older_schemas_are_compared_as_todays_type_and_files_without_the_column_have_none(existing):
    old = existing(("b2", 1, "x"), fields=(Field(name="id", type="int"), DAY))
    text = Field(name="id", type="string", nullable=False, primary_key=True)
    other = existing(("b3", 2, "x"), fields=(Field(name="other", type="int"),))
    landed = land(b"id\n1\n2\n01\n", (text,), existing=[old, other])
    assert [row["id"] for row in landed.rows] == ["2", "01"]


def test_an_older_key_that_has_no_equal_in_todays_type_is_none(existing):
    whole = Field(name=DAY.name, type="int", nullable=False, primary_key=True)
    old = existing(("b2", 0, "1.5"), ("b2", 0, "3"))
    landed = land(b'"the ""day"""\n2\n3\n', (whole,), existing=[old])
    assert ([row[DAY.name] for row in landed.rows], [one["line"] for one in landed.rejects]) == ([2], [3])


def test_a_file_that_went_meanwhile_is_told_as_such(existing):
    gone = existing(("b2", 1, "x"))
    gone.path.unlink()
    with pytest.raises(SourceGone, match="the files of this dataset are being replaced"):
        land(b"id\n1\n", (ID,), existing=[gone])


def test_a_null_in_a_key_is_told_as_a_null():
    landed = land(b"id\n1\n\n1\n", (ID,))
    assert [(one["line"], one["reason"]) for one in landed.rejects] == [
        (3, "id: null, and the column is not nullable"),
        (4, "id: the primary key stands in an earlier record"),
    ]


def test_finds_keys_in_many_files_of_several_schemas(existing):

    files = [existing((f"b{n + 10}", n, "x")) for n in range(20)]
    files += [existing((f"b{n + 50}", n, "x"), fields=(ID,)) for n in range(30, 40)]
    landed = land(b"id\n" + b"".join(b"%d\n" % n for n in range(45)), (ID,), existing=files)
    assert [row["id"] for row in landed.rows] == [*range(20, 30), *range(40, 45)]
    assert landed.ingested.taken_keys == 30


@settings(max_examples=30, deadline=None)
@given(keys=st.lists(st.integers(0, 6), min_size=1, max_size=30), block=st.integers(3, 40))
def test_each_key_stands_once_and_every_row_is_a_row_or_a_reject(keys, block):
    landed = land(("id\n" + "".join(f"{key}\n" for key in keys)).encode(), (ID,), block_bytes=block)
    assert [row["id"] for row in landed.rows] == list(dict.fromkeys(keys))
    assert len(landed.rows) + len(landed.rejects) == len(keys)
    assert sorted([*(int(one[-12:]) for one in landed.ids), *(one["ordinal"] for one in landed.rejects)]) == [
        *range(len(keys))
    ]
