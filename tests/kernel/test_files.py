"""How CSV may be said to be written."""

import pytest

from server.kernel.errors import BadUserInput
from server.kernel.files import CsvOptions, FileFormat, check_csv


def test_options_are_kept_in_one_form() -> None:
    given = CsvOptions(delimiter="\t", null_values=("NA", "", "NA", "n/a"), encoding=" Latin1 ", decimal_separator=",")
    kept = CsvOptions(delimiter="\t", null_values=("NA", "n/a"), encoding="iso8859-1", decimal_separator=",")
    assert check_csv(given) == kept
    assert check_csv(kept) == kept
    assert check_csv(CsvOptions()) == CsvOptions()


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "'", "a", "7", "é", "\n", "\r", "\0", "\x1f", "\u2028"])
def test_refuses_what_cannot_part_fields(delimiter: str) -> None:
    with pytest.raises(BadUserInput, match="cannot part the fields"):
        check_csv(CsvOptions(delimiter=delimiter))


@pytest.mark.parametrize("sign", [".", ","])
def test_refuses_a_delimiter_that_is_the_decimal_separator(sign: str) -> None:
    with pytest.raises(BadUserInput, match="is the decimalSeparator too"):
        check_csv(CsvOptions(delimiter=sign, decimal_separator=sign))
    assert check_csv(CsvOptions(delimiter=sign, decimal_separator=",.".replace(sign, ""))).delimiter == sign


@pytest.mark.parametrize(
    "encoding",
    ["", "klingon", "base64", "rot13", "zlib", "idna", "punycode", "unicode_escape", "utf-7", "undefined", "a\0"],
)
def test_refuses_an_encoding_that_is_none_of_text(encoding: str) -> None:
    with pytest.raises(BadUserInput, match="is not known"):
        check_csv(CsvOptions(encoding=encoding))


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf-16", "latin-1", "cp1252", "shift_jis", "koi8-r", "ascii"])
def test_takes_the_encodings_of_text(encoding: str) -> None:
    assert "é".encode(check_csv(CsvOptions(encoding=encoding)).encoding, "ignore") is not None


@pytest.mark.parametrize("texts", [("x",) * 51, ("x" * 101,), ("a\nb",), ("\t",)])
def test_refuses_null_values_out_of_bounds(texts: tuple[str, ...]) -> None:
    with pytest.raises(BadUserInput, match="nullValues"):
        check_csv(CsvOptions(null_values=texts))


def test_refuses_a_separator_that_is_none() -> None:
    with pytest.raises(BadUserInput, match=r"neither '\.' nor ','"):
        check_csv(CsvOptions(decimal_separator="'"))


def test_names_of_files_end_as_their_format_says() -> None:
    assert [one.suffix for one in FileFormat] == [".csv", ".ndjson", ".parquet"]
