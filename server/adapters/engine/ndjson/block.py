"""A block of NDJSON: its objects as columns of text."""

import numpy as np
import pyarrow as pa

from server.adapters.engine.ingest.block import MAX_RECORD, Block, Broken, Offsets, column_names
from server.adapters.engine.ndjson.cells import Columns, NotReadable, Unfit, cells_of
from server.adapters.engine.ndjson.quick import rows_quickly

LF = 10
SPACES = b" \t\r\n"


def read_block(text: bytes, columns: Columns, *, line: int, final: bool) -> Block:
    """The complete lines at the front of UTF-8 `text`. Blank lines are no records."""
    breaks = np.flatnonzero(np.frombuffer(text, np.uint8) == LF) + 1
    ends: list[int] = breaks.tolist()
    if final and (not ends or ends[-1] < len(text)):
        ends.append(len(text))
    rows = rows_quickly(text, columns, np.array(ends, np.int64))
    return _exactly(text, columns, line, breaks, ends) if rows is None else _whole(text, rows, line, breaks, ends)


def _whole(text: bytes, rows: pa.RecordBatch, line: int, breaks: Offsets, ends: list[int]) -> Block:
    """A block in which every line is a row."""
    behinds = np.array(ends, np.int64)
    return Block(
        text=text,
        line=line,
        rows=rows,
        starts=np.concatenate(([0], behinds[:-1])),
        behinds=behinds,
        ordinals=np.arange(len(ends)),
        readable=len(ends),
        breaks=breaks,
        broken=(),
        consumed=ends[-1],
    )


def _exactly(text: bytes, columns: Columns, line: int, breaks: Offsets, ends: list[int]) -> Block:
    rows: list[list[str | None]] = []
    places: list[tuple[int, int, int]] = []
    broken: list[Broken] = []
    start = readable = 0
    for behind in ends:
        record = text[start:behind].strip(SPACES)
        if record:
            try:
                if behind - start > MAX_RECORD:
                    raise NotReadable(f"the record is {behind - start} bytes long; {MAX_RECORD} are allowed")
                rows.append(cells_of(record.decode(), columns))
                places.append((start, behind, readable))
                readable += 1
            except NotReadable as fault:
                broken.append(Broken(start=start, behind=behind, reason=str(fault)))
            except Unfit as fault:
                broken.append(Broken(start=start, behind=behind, reason=str(fault), ordinal=readable))
                readable += 1
        start = behind
    starts, behinds, ordinals = np.array(places, np.int64).reshape(-1, 3).T
    return Block(
        text=text,
        line=line,
        rows=_text_rows(rows, len(columns.cells)),
        starts=starts,
        behinds=behinds,
        ordinals=ordinals,
        readable=readable,
        breaks=breaks,
        broken=tuple(broken),
        consumed=start,
    )


def _text_rows(rows: list[list[str | None]], columns: int) -> pa.RecordBatch:
    cells = list(zip(*rows, strict=True)) or [()] * columns
    return pa.record_batch([pa.array(cell, pa.string()) for cell in cells], names=column_names(columns))
