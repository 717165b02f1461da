"""A subject among what was set aside: the records of the reject file, and the samples that checks keep."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as parquet
from numpy.typing import NDArray

from server.adapters.engine.batch_table import ROW_ID
from server.adapters.engine.erasure.layer_file import Erased
from server.adapters.engine.erasure.subject import Matcher
from server.adapters.engine.ingest.block import Offsets
from server.adapters.engine.ingest.primary_keys import ORDINAL_DIGITS
from server.adapters.engine.ingest.reject_file import FLUSH_ROWS
from server.kernel.record import record


@record
class RejectChange:
    """What changes among rejects: records go by ordinal or by line; `instead` has the text of others by their line."""

    ordinals: Offsets
    lines: Offsets
    instead: Mapping[int, Callable[[str], str]]


def rejects_change(rejects: Path, change: RejectChange) -> bool:
    """Whether any record set aside goes or changes."""
    with parquet.ParquetFile(rejects) as file:
        batches = file.iter_batches(batch_size=FLUSH_ROWS, columns=["line", "ordinal"])
        return any((_goes(batch, change) | np.isin(_lines(batch), list(change.instead))).any() for batch in batches)


def rewrite_rejects(rejects: Path, target: Path, change: RejectChange) -> Erased:
    """Write the records that stay to `target`; no file where there are none."""
    left = 0
    with parquet.ParquetFile(rejects) as file:
        count = file.metadata.num_rows
        with parquet.ParquetWriter(target, file.schema_arrow, compression="zstd", store_schema=False) as writer:
            for batch in file.iter_batches(batch_size=FLUSH_ROWS):
                stays = _mended(batch.filter(pa.array(~_goes(batch, change))), change)
                left += stays.num_rows
                writer.write_batch(stays)
    if left == 0:
        target.unlink()
    return Erased(gone=count - left, left=left)


def _goes(batch: pa.RecordBatch, change: RejectChange) -> NDArray[np.bool_]:
    ordinals = batch.column("ordinal").fill_null(-1).to_numpy()
    return np.isin(ordinals, change.ordinals) | np.isin(_lines(batch), change.lines)


def _lines(batch: pa.RecordBatch) -> Offsets:
    lines: Offsets = batch.column("line").to_numpy()
    return lines


def _mended(batch: pa.RecordBatch, change: RejectChange) -> pa.RecordBatch:
    lines: list[int] = _lines(batch).tolist()
    if change.instead.keys().isdisjoint(lines):
        return batch
    place = batch.schema.get_field_index("raw")
    shown = zip(lines, map(str, batch.column(place)), strict=True)
    cells = [change.instead[line](text) if line in change.instead else text for line, text in shown]
    return batch.set_column(place, batch.schema.field(place), pa.array(cells, batch.schema.field(place).type))


def samples_left(samples: Path, rows: Collection[int], matcher: Matcher, keys: Collection[str]) -> bytes | None:
    """The samples without those of these rows and those that hold the id; None where all stay.

    `keys`: columns that name a person; only the id itself counts there.
    """
    rules: Sequence[Sequence[dict[str, Any]]] = orjson.loads(samples.read_bytes())  # rows as JSON holds them
    left = [[row for row in rule if not _concerns(row, rows, matcher, keys)] for rule in rules]
    return None if left == rules else orjson.dumps(left)


def _concerns(row: dict[str, Any], rows: Collection[int], matcher: Matcher, keys: Collection[str]) -> bool:
    if int(row[ROW_ID][-ORDINAL_DIGITS:]) in rows:
        return True
    cells = ((name, str(cell)) for name, cell in row.items() if name != ROW_ID and cell is not None)
    return any(matcher.is_id(cell) if name in keys else matcher.holds(cell) for name, cell in cells)
