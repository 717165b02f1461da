"""The records of a raw text file as they were read when it came: how they are found, and what stays of one."""

import unicodedata
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TypeAlias

from server.adapters.engine.csv import block as csv_block
from server.adapters.engine.csv.header import DELIMITERS
from server.adapters.engine.csv.records import Record, Syntax, read_record
from server.adapters.engine.erasure.csv_cells import cells_in
from server.adapters.engine.erasure.files import BatchFiles
from server.adapters.engine.erasure.subject import Matcher
from server.adapters.engine.ingest.block import MAX_RECORD, breaks_in
from server.adapters.engine.ingest.row_source import ReadBlock
from server.adapters.engine.ingest.text_file import TextFile
from server.adapters.engine.ndjson import block as ndjson_block
from server.adapters.engine.ndjson.cells import columns_of
from server.kernel.errors import InvalidData
from server.kernel.fields import TypeName
from server.kernel.files import CsvOptions, FileFormat
from server.kernel.record import record

TIMES = (TypeName.DATE, TypeName.DATETIME)
VALUES = (*TIMES, TypeName.INT, TypeName.FLOAT, TypeName.DECIMAL, TypeName.BOOLEAN)

Judge: TypeAlias = Callable[[str], str | None]  # what stays of a cell, None: its record goes


@record
class RawRecords:
    """`read_block` finds records; `left_of` says what stays of the bytes of one that can be read, None: nothing."""

    read_block: ReadBlock
    left_of: Callable[[bytes], bytes | None]


def opened_records(text: TextFile, files: BatchFiles, matcher: Matcher) -> RawRecords:
    """How to read the records; the text is advanced to the first. Raises: InvalidData."""
    if files.format is FileFormat.CSV:
        return _csv(text, files, matcher)
    while len(text.pending) < len(csv_block.BOM) and not text.read_on():
        continue
    if text.pending.startswith(csv_block.BOM):
        text.advance(len(csv_block.BOM), 0)
    times = files.columns_of(*TIMES)
    return RawRecords(
        read_block=partial(ndjson_block.read_block, columns=columns_of(files.fields, frozenset())),
        left_of=partial(_left_of_object, times=times, keys=files.keys, matcher=matcher),
    )


def _left_of_object(octets: bytes, *, times: Collection[str], keys: Collection[str], matcher: Matcher) -> bytes | None:
    left = matcher.left_of_json(octets.decode(), times=times, keys=keys)
    return None if left is None else left.encode()


def _csv(text: TextFile, files: BatchFiles, matcher: Matcher) -> RawRecords:
    options = files.csv or CsvOptions()
    header, delimiter = _header(text, files, options)
    names = names_of(header)
    syntax = Syntax(delimiter=delimiter, columns=len(names), null_values=options.null_values)
    json_columns, values = files.columns_of(TypeName.JSON), files.columns_of(*VALUES)
    comma = options.decimal_separator == ","
    judges: list[Judge] = []
    for name in names:
        if name in files.keys:
            judges.append(
                partial(matcher.left_of_key, is_value=name in values, is_json=name in json_columns, comma=comma)
            )
        elif name in values:
            judges.append(partial(matcher.left_of_value, comma=comma))
        else:
            judges.append(partial(matcher.left_of, is_json=name in json_columns))
    return RawRecords(
        read_block=partial(csv_block.read_block, syntax=syntax),
        left_of=partial(_left_of_cells, delimiter=delimiter, judges=judges, word=matcher.instead),
    )


def _left_of_cells(octets: bytes, *, delimiter: str, judges: Sequence[Judge], word: str) -> bytes | None:
    parts: list[bytes] = []
    done = 0
    for cell, judge in zip(cells_in(octets, delimiter), judges, strict=True):
        left = judge(cell.text)
        if left is None:
            return None
        if left != cell.text:
            if delimiter in word:
                return None  # the word would part the cell
            parts += octets[done : cell.start], cell.written(left)
            done = cell.stop
    return b"".join((*parts, octets[done:]))


def _header(text: TextFile, files: BatchFiles, options: CsvOptions) -> tuple[Record, str]:
    """The header, which fitted when the file came: cut so that most of its names are those of the fields.

    The options may have changed since; the delimiter that they name is only the first to be tried.
    """
    known = {field.name for field in files.fields}
    delimiters = dict.fromkeys((*(options.delimiter or ""), *DELIMITERS))
    final = False
    while not final:
        final = text.read_on()
        mark = len(csv_block.BOM) if text.pending.startswith(csv_block.BOM) else 0
        firsts = {delimiter: _first_record(text.pending[mark:], delimiter, final) for delimiter in delimiters}
        if None in firsts.values() and not final and len(text.pending) <= MAX_RECORD:
            continue
        found = {delimiter: first for delimiter, first in firsts.items() if first is not None and first.values}
        if found:
            delimiter = max(found, key=lambda one: sum(name in known for name in names_of(found[one])))
            behind = mark + found[delimiter].behind
            text.advance(behind, breaks_in(text.pending[:behind]))
            return found[delimiter], delimiter
    raise InvalidData("the header of a raw file cannot be read by the csv options of its contract; restore them")


def _first_record(octets: bytes, delimiter: str, final: bool) -> Record | None:
    try:
        return read_record(octets, 0, Syntax(delimiter=delimiter, columns=None), 1, final)
    except InvalidData:
        return None


def names_of(header: Record) -> list[str]:
    """The names in a header, as those of fields are written."""
    return [unicodedata.normalize("NFC", name or "") for name in header.values]
