"""A layer's Parquet file without a subject: its rows in their order, its columns as bare of statistics as they were."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
from numpy.typing import NDArray

from server.adapters.engine.bare_statistics import ROWS_AT_ONCE
from server.adapters.engine.batch_table import ROW_ID, SYSTEM_TYPES
from server.adapters.engine.erasure.subject import Matcher
from server.adapters.engine.ingest.block import Offsets
from server.adapters.engine.ingest.primary_keys import ORDINAL_DIGITS
from server.adapters.engine.on_demand import compute
from server.kernel.record import record


@record
class Erased:
    """How many rows went, and how many are left."""

    gone: int
    left: int


@record
class LayerChange:
    """What changes in a layer. `rows`: ordinals that go; `mended`: by column, ordinals of cells that lose a word.

    `keys`: columns that name a person, and lose none.
    """

    rows: Offsets
    mended: Mapping[str, Offsets]
    json_columns: Collection[str]
    keys: Collection[str]


def rewrite_layer(source: Path, target: Path, change: LayerChange, matcher: Matcher, *, level: int) -> Erased:
    """Write the rows of `source` that stay to `target`, one row group at a time, zstd of this level.

    A cell that loses a word and does not show it was made from it: nothing is left of such a cell.
    """
    gone = 0
    with parquet.ParquetFile(source) as file, _writer(target, file, level) as writer:
        for number in range(file.num_row_groups):
            group = file.read_row_group(number)
            goes = _are(group, change.rows)
            if goes.any():
                gone += int(goes.sum())
                group = group.filter(pa.array(~goes))
            writer.write_table(_mended(group, change, matcher), row_group_size=ROWS_AT_ONCE)
        return Erased(gone=gone, left=file.metadata.num_rows - gone)


def _are(rows: pa.Table, ordinals: Offsets) -> NDArray[np.bool_]:
    """Which of the rows, all of one batch, have one of these ordinals."""
    if rows.num_rows == 0:
        return np.empty(0, np.bool_)
    ids = rows.column(ROW_ID)
    batch = str(ids[0])[:-ORDINAL_DIGITS]
    sought = pa.array([f"{batch}{ordinal:0{ORDINAL_DIGITS}}" for ordinal in ordinals.tolist()], ids.type)
    found: NDArray[np.bool_] = compute().is_in(ids, value_set=sought).to_numpy()
    return found


def _mended(group: pa.Table, change: LayerChange, matcher: Matcher) -> pa.Table:
    """The rows with their words gone. A row that loses one is looked through in every text that it has here."""
    touched = np.unique(np.concatenate([np.empty(0, np.int64), *change.mended.values()]))
    if not (hit := _are(group, touched)).any():
        return group
    for place, field in enumerate(group.schema):
        if (
            field.name in SYSTEM_TYPES
            or field.name in change.keys
            or not (pa.types.is_string(field.type) or field.name in change.mended)
        ):
            continue
        column = group.column(place).combine_chunks()
        lost = _are(group, change.mended.get(field.name, np.empty(0, np.int64)))[hit].tolist()
        cells = zip(column.filter(pa.array(hit)).to_pylist(), lost, strict=True)
        is_json = field.name in change.json_columns
        left = [_left(cell, matcher, is_json=is_json, lost=one_lost) for cell, one_lost in cells]
        instead = compute().replace_with_mask(column, pa.array(hit), pa.array(left, column.type))
        group = group.set_column(place, field, instead)
    return group


def _left(cell: Any, matcher: Matcher, *, is_json: bool, lost: bool) -> str | None:  # of the type that rules gave it
    if not isinstance(cell, str):
        return None
    left = matcher.left_of(cell, is_json=is_json)
    return None if lost and left == cell else left


def _writer(target: Path, file: parquet.ParquetFile, level: int) -> parquet.ParquetWriter:
    schema = file.schema_arrow
    groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
    columns = {name: [group.column(place) for group in groups] for place, name in enumerate(schema.names)}
    repeating = [name for name, of in columns.items() if any(map(_has_dictionary, of))]
    return parquet.ParquetWriter(
        target,
        schema,
        compression="zstd",
        compression_level=level,
        # whose values repeat was found out when the file was made: to try again doubles the work
        use_dictionary=cast(bool, repeating),  # the stubs know of no list of columns
        write_statistics=[name for name, of in columns.items() if all(one.is_stats_set for one in of)],
        store_schema=False,
        store_decimal_as_integer=True,
    )


def _has_dictionary(column: parquet.ColumnChunkMetaData) -> bool:
    return any(encoding.endswith("DICTIONARY") for encoding in column.encodings)
