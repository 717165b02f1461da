"""The second look: which rows are missing in bronze, and whether a cell or a key that is taken is to blame."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from server.adapters.engine.ingest.block import Offsets
from server.adapters.engine.ingest.primary_keys import Repeated
from server.adapters.engine.ingest.reject_file import RejectFile
from server.adapters.engine.ingest.row_source import Place, RowSource
from server.adapters.engine.on_demand import compute
from server.adapters.engine.typed_text import Guard

_Suspect: TypeAlias = tuple[int, str, int]  # line, raw text, ordinal

SUSPECTS = "suspect_rows"
AT_ONCE = 4_096


def set_aside_suspects(
    cursor: duckdb.DuckDBPyConnection,
    text: Path,
    source: RowSource,
    bronze: Path,
    repeated: Repeated,
    null_values: Sequence[str],
    rejects: RejectFile,
) -> None:
    """Set each row aside that `source` gave and bronze does not have. `text`: the file's text in UTF-8."""
    suspects: list[_Suspect] = []
    batches: list[pa.RecordBatch] = []

    def judge() -> None:
        judged = _judge(cursor, batches, source.form.guards, null_values)
        for (line, raw, ordinal), (column, reason) in zip(suspects, judged, strict=True):
            if column is None:
                column, reason = repeated.reason(ordinal)
            rejects.add(line, reason, raw, column=column, ordinal=ordinal)

    with text.open("rb") as file:
        for place, present in _incomplete(source.places, bronze):
            block, ordinals = source.again(file, place)
            missing = np.flatnonzero(~np.isin(ordinals, present))
            batches.append(block.rows.take(missing))
            starts, behinds = block.starts[missing], block.behinds[missing]
            suspects += zip(
                block.lines_of(starts),
                map(block.raw, starts.tolist(), behinds.tolist()),
                ordinals[missing].tolist(),
                strict=True,
            )
            if len(suspects) >= AT_ONCE:
                judge()
                suspects, batches = [], []
    if suspects:
        judge()


def _incomplete(places: Sequence[Place], bronze: Path) -> Iterator[tuple[Place, Offsets]]:
    """The places with rows that bronze does not have, and the ordinals from there that it has."""
    written = _ordinals(bronze)
    waiting = np.empty(0, np.int64)
    for place in places:
        while len(waiting) == 0 or waiting[-1] < place.behind:
            more = next(written, None)
            if more is None:
                break
            waiting = np.concatenate((waiting, more))
        cut = int(np.searchsorted(waiting, place.behind))
        if cut < place.rows:
            yield place, waiting[:cut]
        waiting = waiting[cut:]


def _ordinals(bronze: Path) -> Iterator[Offsets]:
    """The ordinals of bronze's rows, ascending."""
    with parquet.ParquetFile(bronze) as file:
        for batch in file.iter_batches(columns=["_id"]):
            digits = compute().utf8_slice_codeunits(batch.column(0), -12)
            yield digits.cast(pa.int64()).to_numpy()


def _judge(
    cursor: duckdb.DuckDBPyConnection,
    batches: Sequence[pa.RecordBatch],
    guards: Sequence[Guard],
    null_values: Sequence[str],
) -> Iterator[tuple[str | None, str]]:
    """The first guilty column of each row and the reason, which names all of them; None where no cell is guilty."""
    values = ", ".join(f"{guard.value} as v{place}" for place, guard in enumerate(guards))
    # a cell's verdict: 0 sound, 1 null where that is not allowed, 2 not of its type
    verdicts = ", ".join(f"case when {guard.sound} then 0 when {guard.blank} then 1 else 2 end" for guard in guards)
    cursor.register(SUSPECTS, pa.Table.from_batches(batches))
    try:
        query = f"select [{verdicts}] from (select *, {values} from {SUSPECTS})"  # noqa: S608 - numbered columns
        answers = cursor.execute(query, {"nulls": list(null_values)} if "$nulls" in query else {}).fetchall()
    finally:
        cursor.unregister(SUSPECTS)
    for (verdict,) in answers:
        guilty = [(guard, code) for guard, code in zip(guards, verdict, strict=True) if code]
        reason = "; ".join(guard.reason(blank=code == 1) for guard, code in guilty)
        yield (guilty[0][0].field.name if guilty else None), reason
