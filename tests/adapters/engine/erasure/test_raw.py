"""What is written in place of raw: every other byte as it came."""

from dataclasses import replace

import pytest

from server.adapters.engine.ingest.gaps import Gaps
from server.kernel.errors import InvalidData
from server.kernel.files import CsvOptions, FileFormat
from tests.adapters.engine.erasure.erased import Erasing, columns, ordinals

FIELDS = columns(who="string", n="int", note="string")


def test_csv_loses_records_and_words_and_no_other_byte(tmp_path):
    raw = (
        b"\xef\xbb\xbfnote;who;n\r\n"
        b'"first\r\nline";bert;1\r\n'
        b"x; C-77 ;2\r\n"
        b'"of C-77, ""C-77""\n";carl;3\n'
        b"\n"
        b";dora;x C-77\r\n"
        b"C-77;too;many;fields\r\n"
        b"y;emil;+4"
    )
    erasing = Erasing(tmp_path, raw, FIELDS)
    assert [(row["line"], row["ordinal"]) for row in erasing.rejects] == [(8, 3), (9, None)]

    done = erasing.erase("C-77")

    assert erasing.raw == (
        b"\xef\xbb\xbfnote;who;n\r\n"
        b'"first\r\nline";bert;1\r\n'
        b'"of [erased], ""[erased]""\n";carl;3\n'
        b"\n"
        b";dora;x [erased]\r\n"
        b"y;emil;+4"
    )
    assert [(row["_id"], row["who"], row["note"]) for row in erasing.bronze] == [
        ("b1-000000000000", "bert", "first\r\nline"),
        ("b1-000000000002", "carl", 'of [erased], "[erased]"\n'),
        ("b1-000000000004", "emil", "y"),
    ]
    assert [(row["line"], row["ordinal"], row["raw"]) for row in erasing.rejects] == [(8, 3, ";dora;x [erased]")]
    assert (done.erased_bronze, done.erased_rejects, done.row_count, done.rejected_row_count) == (1, 1, 3, 1)
    assert erasing.files.gaps == Gaps(ordinals=(1,), lines=((4, 1), (9, 1)))
    assert erasing.ingest_again() == (erasing.bronze, erasing.rejects)


def test_a_second_erasure_adds_to_the_gaps_of_the_first(tmp_path):
    erasing = Erasing(tmp_path, b"who,n\nann,1\nbob,2\ncat,3\nann,4\ndan,x\neve,6\n", FIELDS)

    erasing.erase("ann")
    erasing.erase("cat")
    erasing.erase("bob")

    assert erasing.raw == b"who,n\ndan,x\neve,6\n"
    assert erasing.files.gaps == Gaps(ordinals=(0, 1, 2, 3), lines=((2, 1), (3, 1), (4, 1), (5, 1)))
    assert ordinals(erasing.bronze) == [5]
    assert [(row["line"], row["ordinal"]) for row in erasing.rejects] == [(6, 4)]
    assert erasing.ingest_again() == (erasing.bronze, erasing.rejects)


def test_line_ends_that_meet_behind_a_cut_stay_two(tmp_path):
    erasing = Erasing(tmp_path, b"who\nbert\rann\n\ncarl", columns(who="string"))
    assert [row["who"] for row in erasing.bronze] == ["bert", "ann", None, "carl"]

    erasing.erase("ann")

    assert erasing.raw == b"who\nbert\r\n\ncarl"
    assert erasing.ingest_again() == (erasing.bronze, [])


def test_a_number_written_in_another_way_takes_its_record_along(tmp_path):
    erasing = Erasing(tmp_path, b'{"n": 4.711E3}\n{"n": 5}\n', columns(n="float"), FileFormat.NDJSON)

    erasing.erase("4711")

    assert erasing.raw == b'{"n": 5}\n'


def test_a_letter_that_json_escapes_is_read(tmp_path):
    text = b'{"who": "\\u0061nna"}\n{"who": "b"}\n{"who": "of \\u0061nna."}\n'
    erasing = Erasing(tmp_path, text, FIELDS, FileFormat.NDJSON)

    erasing.erase("anna")

    assert erasing.raw == b'{"who": "b"}\n{"who": "of [erased]."}\n'
    assert erasing.ingest_again() == (erasing.bronze, [])


def test_a_broken_record_that_holds_the_id_goes_whole(tmp_path):
    text = b'{"who": "b"}\n{"who": "of anna\n{"who": "annab\n{"who": "c", "x": "my anna"}\n'
    erasing = Erasing(tmp_path, text, FIELDS, FileFormat.NDJSON)
    assert len(erasing.rejects) == 3

    erasing.erase("anna")

    assert erasing.raw == b'{"who": "b"}\n{"who": "annab\n'
    assert erasing.files.gaps == Gaps(ordinals=(1,), lines=((2, 1), (4, 1)))
    assert erasing.ingest_again() == (erasing.bronze, erasing.rejects)


@pytest.mark.parametrize(
    ("encoding", "mark"), [("utf-16-be", b"\xfe\xff"), ("utf-16-le", b"\xff\xfe"), ("cp1252", b"")]
)
def test_text_in_another_encoding_stays_in_it(tmp_path, encoding, mark):
    options = CsvOptions(encoding="utf-16" if mark else encoding)
    raw = mark + "who,note\nmüller,ö\nbert,of müller\n".encode(encoding)
    erasing = Erasing(tmp_path, raw, FIELDS, csv=options)

    erasing.erase("müller")

    assert erasing.raw == mark + "who,note\nbert,of [erased]\n".encode(encoding)


def test_a_record_over_the_end_of_a_piece_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr("server.adapters.engine.erasure.raw_text.PIECE_BYTES", 7)
    monkeypatch.setattr("server.adapters.engine.erasure.cut_out.PIECE_BYTES", 7)
    erasing = Erasing(tmp_path, b"who,note\nbert,something\nanna-maria,more of it\ncarl,\n", FIELDS)

    erasing.erase("anna-maria")

    assert erasing.raw == b"who,note\nbert,something\ncarl,\n"


def test_a_cell_that_a_mark_would_part_takes_its_record_along(tmp_path):
    erasing = Erasing(tmp_path, b"who[note\nbert[of anna\ncarl[x\n", FIELDS, csv=CsvOptions(delimiter="["))

    erasing.erase("anna")

    assert erasing.raw == b"who[note\ncarl[x\n"


def test_a_delimiter_that_the_contract_names_only_since_then_does_not_mislead(tmp_path):
    erasing = Erasing(tmp_path, b"who,note\nbert,a;anna\nanna,x\n", FIELDS)
    erasing.files = replace(erasing.files, csv=CsvOptions(delimiter=";"))

    erasing.erase("anna")

    assert erasing.raw == b"who,note\nbert,a;[erased]\n"


def test_a_file_of_one_person_keeps_its_header(tmp_path):
    erasing = Erasing(tmp_path, b"who,n\nanna,1\nanna,2", FIELDS)

    done = erasing.erase("anna")

    assert (erasing.raw, erasing.bronze, done.row_count) == (b"who,n\n", [], 0)
    assert erasing.ingest_again() == ([], [])


def test_nothing_is_found_where_the_id_is_part_of_words_only(tmp_path):
    erasing = Erasing(tmp_path, b"who,note\nannab,xanna\n", FIELDS)

    assert not erasing.locate("anna").found


def test_a_header_that_cannot_be_read_is_told_and_nothing_is_written(tmp_path):
    erasing = Erasing(tmp_path, b"who,note\nanna,x\n", FIELDS)
    erasing.files.raw.write_bytes(b'"who,note\nanna,x\n')

    with pytest.raises(InvalidData):
        erasing.erase("anna")
    assert list((tmp_path / "1").iterdir()) == []
