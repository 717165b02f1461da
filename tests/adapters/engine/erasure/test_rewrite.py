"""The layers, rejects and samples of a batch without a subject."""

import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from server.adapters.engine.bare_statistics import without_statistics
from server.adapters.engine.erasure import rewrite as rewriting
from server.adapters.engine.erasure.files import Traces
from server.kernel.files import FileFormat
from tests.adapters.engine.erasure.erased import Erasing, columns, rows_of

FIELDS = columns(who="string", note="string", n="int")
RAW = b"who,note,n\nbert,of anna,1\nanna,x,2\ncarl,y,x anna\ndora,calm,4\n"


@pytest.fixture
def erasing(tmp_path):
    return Erasing(tmp_path, RAW, FIELDS)


def layer(erasing: Erasing, name: str, columns: str) -> None:
    """A file made from bronze, as privacy rules would."""
    source, target = erasing.files.bronze, erasing.folder / name
    erasing.cursor.execute(
        f"copy (select _id, _batch_id, _created_at, {columns} from read_parquet('{source}')) to '{target}'"
        " (format parquet, compression zstd)"
    )
    erasing.files = replace(erasing.files, **{name: target})


def test_a_row_goes_from_layers_that_do_not_show_the_id(erasing):
    layer(erasing, "silver", "md5(who) as who, n")
    layer(erasing, "gold", "md5(who) as who, n + 1 as n")

    done = erasing.erase("anna")

    assert (done.erased_bronze, done.erased_silver, done.erased_gold) == (1, 1, 1)
    assert [row["n"] for row in rows_of(erasing.files.silver)] == [1, 4]
    assert [row["n"] for row in rows_of(erasing.files.gold)] == [2, 5]
    assert [row["_id"][-1] for row in rows_of(erasing.files.gold)] == ["0", "3"]


def test_a_word_goes_from_every_text_of_its_row_and_what_was_made_of_its_text_is_null(erasing):
    layer(erasing, "silver", "who, note, note as copy")
    layer(erasing, "gold", "who, md5(note) as note")

    erasing.erase("anna")

    assert [(row["note"], row["copy"]) for row in rows_of(erasing.files.silver)] == [
        ("of [erased]", "of [erased]"),
        ("calm", "calm"),
    ]
    assert [row["note"] is None for row in rows_of(erasing.files.gold)] == [True, False]


def test_gold_that_is_a_copy_stays_one(erasing):
    layer(erasing, "silver", "who, note")
    erasing.files = replace(erasing.files, gold=erasing.folder / "gold")
    erasing.files.gold.write_bytes(erasing.files.silver.read_bytes())

    done = erasing.erase("anna")

    assert done.erased_gold == 1
    assert erasing.files.gold.read_bytes() == erasing.files.silver.read_bytes()


def test_columns_without_statistics_stay_without_and_types_stay(erasing):
    bare = erasing.folder / "bare"
    without_statistics(erasing.files.bronze, bare, ["who"])
    erasing.files = replace(erasing.files, gold=bare)
    before = {path: pq.read_schema(path) for path in (erasing.files.bronze, bare)}

    erasing.erase("anna")

    for path, was in zip((erasing.files.bronze, erasing.files.gold), before.values(), strict=True):
        assert pq.read_schema(path).equals(was)
        group = pq.ParquetFile(path).metadata.row_group(0)
        told = {group.column(at).path_in_schema: group.column(at).is_stats_set for at in range(group.num_columns)}
        assert told == {name: path != erasing.files.gold or name != "who" for name in was.names}
        assert {group.column(at).compression for at in range(group.num_columns)} == {"ZSTD"}
        assert b"anna" not in path.read_bytes()


def test_rejects_of_which_none_is_left_have_no_file(tmp_path):
    erasing = Erasing(tmp_path, b"who,n\nanna,x\nbert,1\n", columns(who="string", n="int"))

    done = erasing.erase("anna")

    assert (done.erased_rejects, done.rejected_row_count, erasing.files.rejects) == (1, 0, None)
    assert [target.name for target in done.emptied] == ["rejects"]
    assert erasing.raw == b"who,n\nbert,1\n"


def test_samples_lose_the_rows_of_the_subject_and_keep_their_places(erasing):
    def sample(ordinal, **cells):
        return {"_id": f"b1-{ordinal:012}", **cells}

    kept, masked = [sample(3, who="dora")], [sample(1, who="***"), sample(0, who="***")]
    clean, touched = erasing.folder / "clean", erasing.folder / "touched"
    clean.write_text(json.dumps([kept]))
    touched.write_text(json.dumps([masked, [sample(3, who="anna"), *kept], []]))
    erasing.files = replace(erasing.files, samples=(clean, touched))

    done = erasing.erase("anna")

    assert sorted(path.name for path in done.written) == ["bronze", "gaps", "raw", "rejects", "samples1"]
    assert json.loads(erasing.files.samples[1].read_text()) == [[], kept, []]


def test_only_raw_changes_where_only_raw_holds_the_word(tmp_path):
    erasing = Erasing(tmp_path, b"who,old\nbert,of anna\n", columns(who="string"), ignored=["old"])

    done = erasing.erase("anna")

    assert [path.name for path in done.written] == ["raw"]
    assert (erasing.raw, done.row_count) == (b"who,old\nbert,of [erased]\n", 1)


def test_a_failure_leaves_no_target(erasing, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise OSError("disk")

    monkeypatch.setattr(rewriting, "rewrite_layer", broken)
    with pytest.raises(OSError, match="disk"):
        erasing.erase("anna")
    assert list((erasing.folder / "1").iterdir()) == []


def test_a_clean_batch_has_no_traces(erasing):
    assert erasing.locate("nobody@example.org") == Traces()


def test_a_word_inside_a_value_of_parquet_takes_its_row_along(tmp_path):
    source = tmp_path / "source.parquet"
    fields = columns(who="string", more="json")
    with Erasing(tmp_path, b"who,note,n\n", FIELDS).cursor as engine:
        engine.execute(
            "copy (select 'bert' as who, {'t': 'of anna'} as more union all select 'carl', {'t': 'x'})"
            f" to '{source}' (format parquet, compression gzip)"
        )
    erasing = Erasing(tmp_path, source, fields, FileFormat.PARQUET)

    erasing.erase("anna")

    assert [row["who"] for row in erasing.bronze] == ["carl"]
    assert erasing.files.gaps.ordinals == (0,)
    assert pq.ParquetFile(erasing.files.raw).metadata.row_group(0).column(0).compression == "GZIP"
    assert erasing.ingest_again() == (erasing.bronze, [])
