"""Erasing beside others whose ids hold the same word: their rows stay as they came."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from server.kernel.fields import Field
from server.kernel.files import FileFormat
from tests.adapters.engine.erasure.erased import Erasing

FIELDS = (
    Field(name="who", type="string", subject_key=True),
    *(Field(name=n, type=t) for n, t in (("note", "string"), ("n", "int"))),
)
ROWS = [("ann", "herself", 1), ("ann-1", "met ann", 2), ("ann@x.org", "calm", 3), ("carl", "calm", 4)]
LEFT = [("ann-1", "met [erased]", 2), ("ann@x.org", "calm", 3), ("carl", "calm", 4)]


def raw_of(form: FileFormat, folder: Path, rows: list[tuple[str, str, object]]) -> bytes:
    if form is FileFormat.CSV:
        return b"who,note,n\n" + b"".join(f"{who},{note},{n}\n".encode() for who, note, n in rows)
    if form is FileFormat.NDJSON:
        return b"".join(json.dumps({"who": who, "note": note, "n": n}).encode() + b"\n" for who, note, n in rows)
    names = ("who", "note", "n")
    pq.write_table(pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)}), folder / "made")
    return (folder / "made").read_bytes()


def shown(rows: list[dict]) -> list[tuple]:
    return [(row["who"], row["note"], row["n"]) for row in rows]


@pytest.mark.parametrize("form", FileFormat)
def test_another_person_s_id_that_holds_the_id_stays_in_every_file(form, tmp_path):
    erasing = Erasing(tmp_path, raw_of(form, tmp_path, ROWS), FIELDS, form)

    done = erasing.erase("ann")

    assert (done.erased_bronze, done.row_count) == (1, 3)
    assert shown(erasing.bronze) == LEFT
    assert shown(erasing.ingest_again()[0]) == LEFT


@pytest.mark.parametrize("form", FileFormat)
def test_a_batch_that_holds_the_id_only_inside_another_person_s_is_left_alone(form, tmp_path):
    erasing = Erasing(tmp_path, raw_of(form, tmp_path, ROWS[2:]), FIELDS, form)

    assert not erasing.locate("ann").found


@pytest.mark.parametrize("form", [FileFormat.CSV, FileFormat.NDJSON])
def test_a_record_set_aside_keeps_another_person_s_id_and_loses_the_word_elsewhere(form, tmp_path):
    erasing = Erasing(tmp_path, raw_of(form, tmp_path, [("ann-1", "met ann", "many"), *ROWS[:1]]), FIELDS, form)
    assert len(erasing.rejects) == 1

    erasing.erase("ann")

    assert [("ann-1" in row["raw"], "met [erased]" in row["raw"]) for row in erasing.rejects] == [(True, True)]
    assert b"ann-1" in erasing.raw


def test_samples_of_another_person_stay(tmp_path):
    erasing = Erasing(tmp_path, raw_of(FileFormat.CSV, tmp_path, ROWS), FIELDS)
    samples = tmp_path / "samples"
    kept = [{"_id": "b1-000000000002", "who": "ann@x.org"}, {"_id": "b1-000000000003", "note": "ann"}]
    samples.write_text(json.dumps([kept]))
    erasing.files = replace(erasing.files, samples=(samples,))

    erasing.erase("ann")

    assert json.loads(erasing.files.samples[0].read_bytes()) == [kept[:1]]


def test_a_key_of_numbers_is_compared_as_a_number(tmp_path):
    fields = (Field(name="who", type="int", subject_key=True), Field(name="note", type="string"))
    erasing = Erasing(tmp_path, b"who,note\n+1042,a\n10420,b\n", fields)

    assert erasing.erase("1042").erased_bronze == 1
    assert erasing.raw == b"who,note\n10420,b\n"


@pytest.mark.parametrize("form", FileFormat)
def test_a_key_of_json_is_compared_by_each_value_in_it_and_never_mended(form, tmp_path):
    fields = (Field(name="who", type="json", subject_key=True), Field(name="note", type="string"))
    rows = [('"ann"', "a"), ('{"id":"ann"}', "b"), ('"ann-1"', "met ann"), ('{"id":"ann-1"}', "c")]
    if form is FileFormat.CSV:
        cells = ((who.replace('"', '""'), note) for who, note in rows)
        raw = "who,note\n" + "".join(f'"{who}",{note}\n' for who, note in cells)
    else:
        raw = "".join(f'{{"who":{who},"note":"{note}"}}\n' for who, note in rows)
    octets = raw.encode()
    if form is FileFormat.PARQUET:
        table = {"who": [who for who, _ in rows], "note": [note for _, note in rows]}
        pq.write_table(pa.table(table), tmp_path / "made")
        octets = (tmp_path / "made").read_bytes()
    erasing = Erasing(tmp_path, octets, fields, form)

    erasing.erase("ann")

    left = [('"ann-1"', "met [erased]"), ('{"id":"ann-1"}', "c")]
    assert [(row["who"], row["note"]) for row in erasing.bronze] == left
    assert erasing.ingest_again() == (erasing.bronze, [])
