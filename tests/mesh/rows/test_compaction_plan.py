from hypothesis import given
from hypothesis import strategies as st

from server.kernel.fields import Field
from server.kernel.ids import Urn
from server.kernel.layer import Layer
from server.mesh.rows.compaction_plan import FULL_BYTES, MOST_PIECES, THRESHOLDS, Plan, planned
from server.mesh.rows.pieces import CompactFile, Made, Piece, Stretch, gathered

D = Urn("dataset:d")
PLAIN = (Field(name="n", type="int"),)
WIDER = (*PLAIN, Field(name="more", type="string"))
NOTHING = Plan(merges=(), stale=())


def piece(
    number: int, *, attempt: int = 1, rows: int = 10, size: int = 500, fields: tuple[Field, ...] = PLAIN
) -> Piece:
    made = Made(f"b{number}", attempt)
    return Piece(made=made, dataset=D, layer=Layer.BRONZE, fields=fields, rows=rows, size_bytes=size)


def pieces(count: int, start: int = 0) -> list[Piece]:
    return [piece(number) for number in range(start, start + count)]


def copy_of(number: int, held: list[Piece], *, generation: int = 1, size: int = 900) -> CompactFile:
    return CompactFile(
        number=number,
        dataset=D,
        layer=Layer.BRONZE,
        generation=generation,
        copied={one.made: one.rows for one in held},
        size_bytes=size,
    )


def names(parts: tuple[Piece, ...]) -> list[str]:
    return [part.made.batch for part in parts]


def test_leaves_few_small_files_as_they_are() -> None:
    assert planned(pieces(THRESHOLDS.enough - 1), []) == NOTHING


def test_merges_enough_small_files_into_one() -> None:
    plan = planned(pieces(20), [])
    assert [(names(m.pieces), m.files, m.generation) for m in plan.merges] == [([f"b{n}" for n in range(20)], (), 1)]
    assert plan.stale == ()


def test_large_files_do_not_count() -> None:
    large = [piece(100, rows=THRESHOLDS.rows + 1), piece(101, size=THRESHOLDS.size_bytes + 1)]
    assert planned([*pieces(19), *large], []) == NOTHING
    (merge,) = planned([*pieces(20), *large], []).merges
    assert names(merge.pieces) == [f"b{n}" for n in range(20)]


def test_files_of_other_columns_are_merged_apart() -> None:
    other = [piece(number, fields=WIDER) for number in range(50, 70)]
    plan = planned([*pieces(20), *other], [])
    assert [(merge.fields, len(merge.pieces)) for merge in plan.merges] == [(PLAIN, 20), (WIDER, 20)]
    assert planned([*pieces(19), *other[:19]], []) == NOTHING


def test_what_a_copy_holds_is_not_merged_again() -> None:
    held = pieces(20)
    assert planned(held, [copy_of(1, held)]) == NOTHING
    assert planned([*held, *pieces(19, 100)], [copy_of(1, held)]) == NOTHING


def test_a_batch_that_moved_on_is_merged_anew() -> None:
    held = pieces(100)
    again = [piece(number, attempt=2) for number in range(20)]
    (merge,) = planned([*again, *held[20:]], [copy_of(1, held)]).merges
    assert merge.pieces == tuple(again)


def test_a_copy_is_stale_when_less_than_half_of_its_rows_count() -> None:
    held = pieces(20)
    file = copy_of(1, held)
    assert planned(held[10:], [file]) == NOTHING
    plan = planned(held[11:], [file])
    assert (plan.stale, plan.merges) == ((file,), ())


def test_copies_of_one_generation_become_one_of_the_next() -> None:
    groups = [pieces(20, 20 * number) for number in range(8)]
    files = [copy_of(number, group) for number, group in enumerate(groups, 1)]
    everything = [one for group in groups for one in group]
    assert planned(everything, files[:7]).merges[0].files == ()  # the 20 that the eighth would hold
    (merge,) = planned(everything, files).merges
    assert (merge.files, merge.generation, len(merge.pieces)) == (tuple(files), 2, 160)
    mixed = [*files[:7], copy_of(8, groups[7], generation=2)]
    assert planned(everything, mixed) == NOTHING


def test_copies_that_are_large_stay() -> None:
    groups = [pieces(20, 20 * number) for number in range(8)]
    files = [copy_of(number, group, size=FULL_BYTES // 8 + 1) for number, group in enumerate(groups, 1)]
    assert planned([one for group in groups for one in group], files) == NOTHING


@given(st.lists(st.integers(0, THRESHOLDS.size_bytes), min_size=20, max_size=120))
def test_no_merge_is_larger_than_a_full_file_and_none_has_a_piece_twice(sizes: list[int]) -> None:
    given_pieces = [piece(number, size=size) for number, size in enumerate(sizes)]
    merges = planned(given_pieces, []).merges
    assert all(sum(one.size_bytes for one in merge.pieces) <= FULL_BYTES for merge in merges)
    assert all(2 <= len(merge.pieces) <= MOST_PIECES for merge in merges)
    merged = [one.made for merge in merges for one in merge.pieces]
    assert len(merged) == len(set(merged))
    assert len(given_pieces) - len(merged) <= len(merges) + 1  # what does not fit with its neighbours


def test_rows_are_read_from_a_copy_only_while_it_holds_them() -> None:
    held = pieces(3)
    file = copy_of(7, held)
    key, moved = "d/compact/bronze/7.parquet", piece(1, attempt=2)
    whole = Stretch(key=key, fields=PLAIN, batches=None, rows=30, holds=("b0", "b1", "b2"))
    assert gathered(held, [file]) == (whole,)
    assert gathered([held[0], moved, held[2], piece(9)], [file]) == (
        Stretch(key=key, fields=PLAIN, batches=("b0", "b2"), rows=20, holds=("b0", "b2")),
        Stretch(key=moved.key, fields=PLAIN, batches=None, rows=10, holds=("b1",)),
        Stretch(key="d/bronze/b9/1.parquet", fields=PLAIN, batches=None, rows=10, holds=("b9",)),
    )


def test_rows_that_two_copies_hold_are_read_once() -> None:
    held = pieces(4)
    stretches = gathered(held, [copy_of(1, held[:3]), copy_of(2, held[2:])])
    read = [(one.key, one.batches, one.rows) for one in stretches]
    assert read == [("d/compact/bronze/1.parquet", ("b0", "b1"), 20), ("d/compact/bronze/2.parquet", None, 20)]
