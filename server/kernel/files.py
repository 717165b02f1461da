"""The files that rows come in: their formats, and how a producer writes CSV."""

import codecs
from collections.abc import Sequence
from enum import StrEnum

from server.kernel.errors import BadUserInput
from server.kernel.record import record

MAX_NULL_VALUES = 50
MAX_NULL_VALUE = 100  # characters
UTF_8 = "utf-8"
_SAID_TO_BE_TEXT = {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem", "utf-7"}


class FileFormat(StrEnum):
    """What a file of rows may be."""

    CSV = "CSV"
    NDJSON = "NDJSON"
    PARQUET = "PARQUET"

    @property
    def suffix(self) -> str:
        """How the names of such files end."""
        return f".{self.value.lower()}"


@record
class CsvOptions:
    """How a producer writes CSV. `delimiter` None: found from the header.

    `null_values`: texts that mean null besides an empty cell. `encoding`: the canonical name of one of Python's codecs.
    """

    delimiter: str | None = None
    null_values: tuple[str, ...] = ()
    encoding: str = UTF_8
    decimal_separator: str = "."


def check_csv(options: CsvOptions) -> CsvOptions:
    """The options in the one form that is stored, if a file can be read by them. Raises: BadUserInput."""
    if options.decimal_separator not in (".", ","):
        raise BadUserInput(
            f"decimalSeparator {options.decimal_separator[:20]!r} is neither '.' nor ','; choose one of them",
            field="csv.decimalSeparator",
        )
    if options.delimiter is not None:
        _check_delimiter(options.delimiter, options.decimal_separator)
    return CsvOptions(
        delimiter=options.delimiter,
        null_values=_null_values(options.null_values),
        encoding=_encoding(options.encoding),
        decimal_separator=options.decimal_separator,
    )


def _check_delimiter(delimiter: str, decimal_separator: str) -> None:
    fit = len(delimiter) == 1 and (delimiter == "\t" or delimiter.isprintable())
    if not fit or delimiter.isalnum() or delimiter in "\"'":
        raise BadUserInput(
            f"delimiter {delimiter[:20]!r} cannot part the fields of a line: give one printable character that is no"
            " letter, digit or quote, or a tab, or null to have it found from the header",
            field="csv.delimiter",
        )
    if delimiter == decimal_separator:
        raise BadUserInput(
            f"delimiter {delimiter!r} is the decimalSeparator too; choose another for one of them",
            field="csv.delimiter",
        )


def _null_values(texts: Sequence[str]) -> tuple[str, ...]:
    if len(texts) > MAX_NULL_VALUES:
        raise BadUserInput(f"nullValues has {len(texts)} texts; {MAX_NULL_VALUES} are allowed", field="csv.nullValues")
    for text in texts:
        if len(text) > MAX_NULL_VALUE or (text and not text.isprintable()):
            raise BadUserInput(
                f"nullValues holds {text[:40]!r}, which no cell can be read as: give texts of up to {MAX_NULL_VALUE}"
                " printable characters",
                field="csv.nullValues",
            )
    return tuple(dict.fromkeys(text for text in texts if text))  # an empty cell is null already


def _encoding(name: str) -> str:
    try:
        codec = codecs.lookup(name.strip())
        "".encode(codec.name)  # refuses codecs that turn bytes into bytes
    except (LookupError, ValueError, UnicodeError):
        codec = None
    if codec is None or codec.name.replace("_", "-") in _SAID_TO_BE_TEXT:
        raise BadUserInput(
            f"encoding {name[:40]!r} is not known; name the one in which the files are written, such as utf-8, utf-16,"
            " latin-1, cp1252 or shift_jis",
            field="csv.encoding",
        )
    return codec.name
