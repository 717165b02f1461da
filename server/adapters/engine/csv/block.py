"""A block of CSV: its records as columns of text, read quickly where its shape is plain and exactly where it is not."""

from collections.abc import Sequence
from typing import IO, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from server.adapters.engine.csv.records import Syntax, read_records
from server.adapters.engine.csv.shape import Shape, fields_in, shape_of
from server.adapters.engine.ingest.block import MAX_RECORD, Block, Broken, column_names

BOM = b"\xef\xbb\xbf"


def read_block(text: bytes, syntax: Syntax, *, line: int, final: bool) -> Block:
    """The complete records at the front of UTF-8 `text`, which starts where a record starts. Raises: InvalidData."""
    shape = shape_of(text, syntax.delimiter, final=final)
    return _quickly(text, syntax, line, final, shape) or _exactly(text, syntax, line, final, shape)


def _quickly(text: bytes, syntax: Syntax, line: int, final: bool, shape: Shape) -> Block | None:
    """The block, if the quick reader and the shape understand it alike."""
    ends = shape.ends
    if final and (len(ends) == 0 or ends[-1] != len(text)):
        ends = np.append(ends, len(text))
    # the quick reader takes a BOM at the front of any block for no text
    if not shape.orderly or len(ends) == 0 or text.startswith(BOM) or np.diff(ends, prepend=0).max() > MAX_RECORD:
        return None
    read = _arrow_rows(memoryview(text)[: ends[-1]], syntax)
    if read is None or read[0].num_rows + read[1] != len(ends):
        return None
    rows, unreadable = read
    starts = np.concatenate(([0], ends[:-1]))
    ragged = np.zeros(len(ends), np.bool_)
    broken: tuple[Broken, ...] = ()
    if unreadable:
        counts = fields_in(text, syntax.delimiter, shape, ends)
        ragged = counts != syntax.columns
        if ragged.sum() != unreadable:
            return None
        broken = tuple(
            Broken(start=int(starts[at]), behind=int(ends[at]), reason=syntax.misfit(int(counts[at])))
            for at in np.flatnonzero(ragged)
        )
    return Block(
        text=text,
        line=line,
        rows=rows,
        starts=starts[~ragged],
        behinds=ends[~ragged],
        ordinals=np.arange(rows.num_rows),
        readable=rows.num_rows,
        breaks=shape.breaks,
        broken=broken,
        consumed=int(ends[-1]),
    )


def _arrow_rows(text: memoryview, syntax: Syntax) -> tuple[pa.RecordBatch, int] | None:
    """The rows, and how many records had another number of fields; None where the reader gives up."""
    names = column_names(syntax.columns or 0)
    unreadable = 0

    def skip(_: arrow_csv.InvalidRow) -> Literal["skip"]:
        nonlocal unreadable
        unreadable += 1
        return "skip"

    try:
        table = arrow_csv.read_csv(
            cast(IO[bytes], pa.BufferReader(pa.py_buffer(text))),  # the stubs know of no file but Python's
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=names),
            parse_options=arrow_csv.ParseOptions(
                delimiter=syntax.delimiter,
                newlines_in_values=True,
                ignore_empty_lines=syntax.columns != 1,
                invalid_row_handler=skip,
            ),
            convert_options=arrow_csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(names, pa.string()),
                null_values=["", *syntax.null_values],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows == 0:
        return _text_rows([()] * len(names), syntax), unreadable
    return table.combine_chunks().to_batches()[0], unreadable


def _exactly(text: bytes, syntax: Syntax, line: int, final: bool, shape: Shape) -> Block:
    records, consumed = read_records(text, syntax, line=line, final=final)
    rows = [found for found in records if found.reason is None]
    columns = list(zip(*(found.values for found in rows), strict=True)) or [()] * len(column_names(syntax.columns or 0))
    return Block(
        text=text,
        line=line,
        rows=_text_rows(columns, syntax),
        starts=np.array([found.start for found in rows], np.int64),
        behinds=np.array([found.behind for found in rows], np.int64),
        ordinals=np.arange(len(rows)),
        readable=len(rows),
        breaks=shape.breaks,
        broken=tuple(
            Broken(start=found.start, behind=found.behind, reason=found.reason)
            for found in records
            if found.reason is not None
        ),
        consumed=consumed,
    )


def _text_rows(columns: Sequence[Sequence[str | None]], syntax: Syntax) -> pa.RecordBatch:
    return pa.record_batch(
        [pa.array(column, pa.string()) for column in columns], names=column_names(syntax.columns or 0)
    )
