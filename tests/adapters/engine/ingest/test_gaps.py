"""Numbers of records and lines around those that a raw file lacks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server.adapters.engine.ingest.gaps import NO_GAPS, Gaps, read_gaps, write_gaps
from tests.adapters.engine.ingest.landing import columns, land

ROUNDS = st.lists(st.sets(st.integers(0, 39)), min_size=1, max_size=4)


@given(ROUNDS)
def test_what_is_left_has_the_ordinals_of_the_upload_however_often_some_go(rounds):
    left, gaps = list(range(40)), NO_GAPS
    for gone in rounds:
        left = [ordinal for ordinal in left if ordinal not in gone]
        gaps = gaps.widened(gone, ())
        assert gaps.placed(np.arange(len(left))).tolist() == left
        assert [gaps.place(at) for at in range(len(left))] == left


@given(ROUNDS, st.lists(st.integers(1, 3), min_size=40, max_size=40))
def test_what_is_left_has_the_lines_of_the_upload(rounds, heights):
    starts = [1 + sum(heights[:record]) for record in range(40)]
    left, gaps = list(range(40)), NO_GAPS
    for gone in rounds:
        left = [record for record in left if record not in gone]
        gaps = gaps.widened((), ((starts[record], heights[record]) for record in gone))
        line_of = gaps.line_of()
        in_file = [1 + sum(heights[other] for other in left[:at]) for at in range(len(left))]
        assert [line_of(line) for line in in_file] == [starts[record] for record in left]


def test_gaps_are_read_as_they_were_written(tmp_path):
    gaps = Gaps(ordinals=(0, 7), lines=((2, 1), (9, 3)))
    write_gaps(tmp_path / "gaps", gaps)
    assert read_gaps(tmp_path / "gaps") == gaps


def test_rows_and_rejects_are_numbered_around_gaps_in_every_place_of_a_long_file():
    gone = {0, 1_000, 1_023, 1_024, 2_500}
    kept = [ordinal for ordinal in range(3_000) if ordinal not in gone]
    text = "n\n" + "".join("x\n" if ordinal % 500 == 3 else f"{ordinal}\n" for ordinal in kept)
    gaps = Gaps(ordinals=tuple(sorted(gone)), lines=tuple((ordinal + 2, 1) for ordinal in sorted(gone)))

    landed = land(text.encode(), columns(n="int"), block_bytes=999, gaps=gaps)

    assert landed.ids == [f"b1-{row['n']:012}" for row in landed.rows]
    assert [(one["line"], one["ordinal"]) for one in landed.rejects] == [(at + 2, at) for at in range(3, 3_000, 500)]


def test_a_bad_row_before_a_lone_carriage_return_is_set_aside_in_a_block_of_its_own():
    landed = land(b"a,n\rx,1\ry,bad\rz,3\r", columns(a="string", n="int"), block_bytes=8)

    assert [row["a"] for row in landed.rows] == ["x", "z"]
    assert [(one["line"], one["raw"]) for one in landed.rejects] == [(3, "y,bad")]
