"""A landed Parquet file: opened apart from everything else, and its columns matched with the schema's by name.

A damaged file can make DuckDB give up a whole instance, so each file is read by one of its own.
"""

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unicodedata import normalize

import duckdb
import pyarrow as pa

from server.adapters.engine.batch_table import quoted
from server.adapters.engine.ingest.job import IngestJob
from server.adapters.engine.ingest.told_names import SHOWN, listed
from server.adapters.engine.parquet.types import ParquetCell, cell_of, missing_cell
from server.adapters.engine.session import sandbox
from server.kernel.errors import InvalidData
from server.kernel.fields import Field, folded

READER_MEMORY = "256MB"
MAX_ROWS = 1_000_000_000
MAX_DIGITS = 38
FILE = "read_parquet($file, hive_partitioning = false)"
_FULL = ("no space left", "disk quota", "could not write", "file too large")


@contextmanager
def opened(source: Path) -> Generator[duckdb.DuckDBPyConnection]:
    """An engine that reads this file only."""
    reader = sandbox([source.parent], READER_MEMORY, 1, source.parent / "spill")
    try:
        yield reader
    finally:
        reader.close()


@contextmanager
def readable() -> Generator[None]:
    """What DuckDB says of a file that it cannot read, as a refusal. Its own words hold values and paths."""
    try:
        yield
    except duckdb.InterruptException:
        raise
    except (duckdb.Error, pa.ArrowException, OSError) as error:  # a stream tells the engine's errors as Arrow's
        told = str(error).lower()
        if any(word in told for word in _FULL):
            raise
        if "out of memory" not in told:
            raise InvalidData(
                "the Parquet file cannot be read: it is damaged, cut off, encrypted or of an unknown kind; write it"
                " again, or as CSV or NDJSON, and upload that"
            ) from None
        raise InvalidData(
            f"a part of the Parquet file takes more than {READER_MEMORY} of memory; write it with smaller row groups"
            " and pages, and upload it again"
        ) from None


def cells_of(reader: duckdb.DuckDBPyConnection, source: Path, job: IngestJob) -> tuple[ParquetCell, ...]:
    """The cell of each field, in the schema's order. Raises: InvalidData."""
    with readable():
        names, wide = _columns(reader, source)
        described = reader.execute(f"describe from {FILE}", {"file": str(source)}).fetchall()
    types = dict(zip(names, [(name, kind) for name, kind, *_ in described], strict=True))
    expected = {normalize("NFC", field.name): field for field in job.fields}
    _check_names(names, expected, job)
    cells: list[ParquetCell] = []
    for name, field in expected.items():
        if name not in types:
            cells.append(missing_cell(field))
            continue
        column, kind = types[name]
        cell = None if name in wide else cell_of(field, quoted(column), kind)
        if cell is None:
            found = _told(kind, wide=name in wide)
            raise InvalidData(
                f"column {name!r} of the Parquet file is {found}, from which no {field.data_type} can be made exactly;"
                " write it as that, or evolve the schema, and upload the file again",
                column=name,
            )
        cells.append(cell)
    return tuple(cells)


def _columns(reader: duckdb.DuckDBPyConnection, source: Path) -> tuple[list[str], set[str]]:
    """The names of the columns in NFC, and which of them are decimals of too many digits."""
    rows = reader.execute(
        "select name, num_children, precision from parquet_schema($file)", {"file": str(source)}
    ).fetchall()
    (counted,) = reader.execute(
        "select coalesce(sum(num_rows), 0) from parquet_file_metadata($file)", {"file": str(source)}
    ).fetchall()
    if not rows or not 0 <= counted[0] <= MAX_ROWS:
        raise InvalidData(f"the Parquet file says that it has {counted[0]} rows; 0 to {MAX_ROWS} are allowed")
    names: list[str] = []
    wide: set[str] = set()
    at = 1  # the root stands first
    while at < len(rows):
        name, _, precision = rows[at]
        names.append(normalize("NFC", name))
        if precision is not None and precision > MAX_DIGITS:
            wide.add(names[-1])
        pending = 1
        while pending and at < len(rows):
            pending += (rows[at][1] or 0) - 1
            at += 1
    return names, wide


def _check_names(names: Sequence[str], expected: dict[str, Field], job: IngestJob) -> None:
    times = Counter(map(folded, names))
    repeated = [name for name in names if times[folded(name)] > 1]
    unknown = [name for name in names if name not in expected and name not in job.ignored]
    missing = [name for name, field in expected.items() if name not in names and not field.nullable]
    parts: list[str] = []
    if repeated:
        parts.append(f"has {listed(repeated)} more than once")
    if unknown:
        parts.append(f"has {listed(unknown)}, which the schema does not have")
    if missing:
        parts.append(f"lacks {listed(missing)}, which may not be null")
    if parts:
        raise InvalidData(
            f"the Parquet file {' and '.join(parts)}; mend its columns or evolve the schema, and upload the file again",
            missing=missing,
            unknown=unknown[:SHOWN],
            repeated=repeated[:SHOWN],
        )


def _told(kind: str, *, wide: bool) -> str:
    if wide:
        return f"a decimal of more than {MAX_DIGITS} digits"
    return kind.lower() if len(kind) <= 40 else f"{kind[:40].lower()}..."
