"""The second look: which readable records are missing in bronze, and which of their cells is to blame."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from server.adapters.engine.csv_block import read_block
from server.adapters.engine.csv_rejects import RejectFile
from server.adapters.engine.csv_shape import Offsets
from server.adapters.engine.csv_source import CsvSource, Place
from server.adapters.engine.csv_types import Guard
from server.adapters.engine.on_demand import compute

_Suspect: TypeAlias = tuple[int, str, int]  # line, raw text, ordinal

SUSPECTS = "suspect_rows"
AT_ONCE = 4_096


def set_aside_suspects(
    cursor: duckdb.DuckDBPyConnection,
    kept: Path,
    reading: CsvSource,
    guards: Sequence[Guard],
    bronze: Path,
    rejects: RejectFile,
) -> None:
    """Set each record aside that `reading` gave and bronze does not have."""
    suspects: list[_Suspect] = []
    batches: list[pa.RecordBatch] = []
    with kept.open("rb") as file:
        for place, missing in _missing(reading.places, bronze):
            file.seek(place.offset)
            text = file.read(place.size)
            final = place.offset + place.size == reading.size
            block = read_block(text, reading.header.syntax, line=place.line, final=final)
            batches.append(block.rows.take(missing))
            starts, behinds = block.starts[missing], block.behinds[missing]
            suspects += zip(
                block.lines_of(starts),
                map(block.raw, starts.tolist(), behinds.tolist()),
                (missing + place.first).tolist(),
                strict=True,
            )
            if len(suspects) >= AT_ONCE:
                _judge(cursor, batches, suspects, guards, rejects)
                suspects, batches = [], []
    if suspects:
        _judge(cursor, batches, suspects, guards, rejects)


def _missing(places: Sequence[Place], bronze: Path) -> Iterator[tuple[Place, Offsets]]:
    """The blocks with records that bronze does not have, and the places of these among the block's rows."""
    written = _ordinals(bronze)
    waiting = np.empty(0, np.int64)
    for place in places:
        behind = place.first + place.rows
        while len(waiting) == 0 or waiting[-1] < behind:
            more = next(written, None)
            if more is None:
                break
            waiting = np.concatenate((waiting, more))
        cut = int(np.searchsorted(waiting, behind))
        if cut < place.rows:
            yield place, np.setdiff1d(np.arange(place.rows), waiting[:cut] - place.first, assume_unique=True)
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
    suspects: Sequence[_Suspect],
    guards: Sequence[Guard],
    rejects: RejectFile,
) -> None:
    values = ", ".join(f"{guard.value} as v{place}" for place, guard in enumerate(guards))
    # a cell's verdict: 0 sound, 1 null where that is not allowed, 2 not of its type
    verdicts = ", ".join(f"case when {guard.sound} then 0 when {guard.blank} then 1 else 2 end" for guard in guards)
    cursor.register(SUSPECTS, pa.Table.from_batches(batches))
    try:
        query = f"select [{verdicts}] from (select *, {values} from {SUSPECTS})"  # noqa: S608 - numbered columns
        answers = cursor.execute(query).fetchall()
    finally:
        cursor.unregister(SUSPECTS)
    for (line, raw, ordinal), (verdict,) in zip(suspects, answers, strict=True):
        guilty = [(guard, code) for guard, code in zip(guards, verdict, strict=True) if code]
        reason = "; ".join(guard.reason(blank=code == 1) for guard, code in guilty)
        column = guilty[0][0].field.name
        rejects.add(line, reason, raw, column=column, ordinal=ordinal)
