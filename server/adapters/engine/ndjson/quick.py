"""NDJSON read quickly where it is plain: Arrow parses whole blocks, and declines all that is in doubt."""

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json as arrow_json

from server.adapters.engine.ingest.block import MAX_RECORD, Offsets, column_names
from server.adapters.engine.ndjson.cells import Columns
from server.adapters.engine.on_demand import compute
from server.kernel.fields import DataType, TypeName

OPEN, SHUT = b"{}"
LARGEST_PRECISION = 38
_TYPES: dict[TypeName, pa.DataType] = {
    TypeName.INT: pa.int64(),
    TypeName.FLOAT: pa.float64(),
    TypeName.BOOLEAN: pa.bool_(),
}
_MOMENTS = (TypeName.DATE, TypeName.DATETIME)


def rows_quickly(text: bytes, columns: Columns, ends: Offsets) -> pa.RecordBatch | None:
    """The rows of lines that each hold one object, as the exact reading gives them; None where that is in doubt."""
    if len(ends) == 0 or TypeName.JSON in (kind.name for kind in columns.types) or not _plain(text, ends):
        return None
    schema = pa.schema([(name, _type(kind)) for name, kind in zip(columns.places, columns.types, strict=True)])
    try:
        table = arrow_json.read_json(
            io.BytesIO(text[: ends[-1]]),
            read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(text) + 1),
            parse_options=arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != len(ends):
        return None
    cells: list[pa.Array[Any]] = []  # of the cells' own types, then of text
    for name, kind in zip(columns.places, columns.types, strict=True):
        cell = table.column(name).combine_chunks()
        if kind.name in _MOMENTS and _holds_blank(cell):
            return None
        cells.append(cell.cast(pa.string()))
    return pa.record_batch(cells, names=column_names(len(cells)))


def _plain(text: bytes, ends: Offsets) -> bool:
    """Whether each line begins and ends as an object does: then no object reaches over a line end.

    What stands behind a brace that closes is a comma or another that closes, never one that opens.
    """
    if b"\\ud" in text or b"\\uD" in text:
        return False  # half a pair of surrogates passes Arrow
    octets = np.frombuffer(text, np.uint8)
    starts = np.concatenate(([0], ends[:-1]))
    lasts = ends - 1 - (octets[ends - 1] == ord("\n"))
    sizes = ends - starts
    return bool(
        sizes.min() > 1
        and sizes.max() <= MAX_RECORD
        and (octets[starts] == OPEN).all()
        and (octets[lasts] == SHUT).all()
    )


def _type(kind: DataType) -> pa.DataType:
    if kind.name is TypeName.DECIMAL:
        return pa.decimal128(LARGEST_PRECISION, kind.scale)
    return _TYPES.get(kind.name, pa.string())


def _holds_blank(cell: "pa.Array[Any]") -> bool:  # of text; the class takes no parameter when it runs
    functions = compute()
    return bool(functions.any(functions.equal(functions.utf8_trim_whitespace(cell), "")).as_py())
