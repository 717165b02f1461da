"""A subject in a raw Parquet file: read apart as it was when it came, and written anew in its order."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from unicodedata import normalize

import duckdb
import numpy as np
import pyarrow as pa

from server.adapters.engine.batch_table import quoted
from server.adapters.engine.erasure.bronze_rows import FETCHED, FoundRows
from server.adapters.engine.erasure.files import BatchFiles, Mended
from server.adapters.engine.erasure.layer_file import LayerChange
from server.adapters.engine.erasure.raw_records import VALUES
from server.adapters.engine.erasure.subject import Matcher
from server.adapters.engine.ingest.block import Offsets
from server.adapters.engine.on_demand import compute
from server.adapters.engine.parquet.file import FILE, opened, readable
from server.adapters.engine.parquet.rows import COPY_BYTES, PIECE_ROWS
from server.kernel.fields import TypeName
from server.kernel.record import record

ROWS = "raw_rows"
_TEXT = ("VARCHAR", "JSON")
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_NUMBER = (*_WHOLE, *(f"U{kind}" for kind in _WHOLE), "DECIMAL", "FLOAT", "DOUBLE")
_CODECS = {"UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD", "BROTLI", "LZ4_RAW"}


@record
class _Column:
    """A column of raw: its name there and in NFC, DuckDB's type of it, and what its texts are."""

    name: str
    known_as: str
    kind: str
    is_json: bool
    is_value: bool
    is_key: bool

    @property
    def is_text(self) -> bool:
        return self.kind in _TEXT

    @property
    def is_nested(self) -> bool:
        return self.kind.endswith("]") or self.kind.startswith(("STRUCT", "MAP"))

    def left_of(self, text: str, matcher: Matcher) -> str | None:
        """What stays of one of its texts; None where the row goes."""
        if self.is_key:
            return matcher.left_of_key(text, is_value=self.is_value, is_json=self.is_json or self.is_nested)
        return matcher.left_of_value(text) if self.is_value else matcher.left_of(text, is_json=self.is_json)

    @property
    def shown(self) -> str:
        """SQL of its values as text in which the id can be found."""
        name = quoted(self.name)
        return f"to_json({name})::varchar" if self.is_nested else f"{name}::varchar"


def found_in_parquet(files: BatchFiles, matcher: Matcher, in_bronze: FoundRows) -> FoundRows:
    """The rows of raw that go and the cells of texts that lose a word, those that bronze tells of included.

    A word inside a value that is no text takes its row along.
    """
    with opened(raw := files.raw) as reader:
        columns = _columns(reader, raw, files)
        texts = {column.known_as for column in columns if column.is_text}
        found = _searched(reader, raw, columns, files, matcher) if _needs_search(files, columns) else FoundRows()
    mended = {one for one in (*in_bronze.mended, *found.mended) if one.column in texts}
    inside = {one.ordinal for one in in_bronze.mended if one.column not in texts}
    rows = in_bronze.rows | found.rows | inside
    return FoundRows(rows=rows, mended=frozenset(one for one in mended if one.ordinal not in rows))


def stands_in_footer(raw: Path, matcher: Matcher) -> bool:
    """Whether the id stands in what the writer of the file noted beside its rows, which no rewritten file carries."""
    with opened(raw) as reader, readable():
        noted = reader.execute("select key, value from parquet_kv_metadata($file)", {"file": str(raw)}).fetchall()
    return any(matcher.holds(octets.decode(errors="replace")) for pair in noted for octets in pair)


def rewrite_parquet(
    cursor: duckdb.DuckDBPyConnection, files: BatchFiles, target: Path, change: LayerChange, matcher: Matcher
) -> tuple[str, int]:
    """Write the rows that stay to `target`, compressed as they were; SHA-256 (hex) and size of what was written."""
    with opened(raw := files.raw) as reader:
        columns = _columns(reader, raw, files)
        with readable():
            codecs = reader.execute("select distinct compression from parquet_metadata($file)", {"file": str(raw)})
            codec = next((name for (name,) in codecs.fetchall() if name in _CODECS), "ZSTD")
            stream = reader.sql(f"from {FILE}", params={"file": str(raw)}).to_arrow_reader(PIECE_ROWS)

        def left() -> Iterator[pa.RecordBatch]:
            done = 0
            for piece in stream:
                ordinals = files.gaps.placed(np.arange(done, done + piece.num_rows))
                done += piece.num_rows
                yield _left_of(piece, ordinals, columns, change, matcher)

        write = f"copy (from {ROWS}) to $target (format parquet, compression {codec.lower()})"
        cursor.register(ROWS, pa.RecordBatchReader.from_batches(stream.schema, left()))
        try:
            cursor.execute(write, {"target": str(target)}).fetchall()
        finally:
            cursor.unregister(ROWS)
    digest = hashlib.sha256()
    with target.open("rb") as file:
        while octets := file.read(COPY_BYTES):
            digest.update(octets)
    return digest.hexdigest(), target.stat().st_size


def _left_of(
    piece: pa.RecordBatch, ordinals: Offsets, columns: Sequence[_Column], change: LayerChange, matcher: Matcher
) -> pa.RecordBatch:
    stays = ~np.isin(ordinals, change.rows)
    for place, column in enumerate(columns):
        mended = change.mended.get(column.known_as)
        if mended is None or not (hit := np.isin(ordinals, mended) & stays).any():
            continue
        cells = piece.column(place)
        held = cells.filter(pa.array(hit)).to_pylist()
        left = [None if cell is None else column.left_of(cell, matcher) for cell in held]
        instead = compute().replace_with_mask(cells, pa.array(hit), pa.array(left, cells.type))
        piece = piece.set_column(place, piece.schema.field(place), instead)
    return piece if stays.all() else piece.filter(pa.array(stays))


def _needs_search(files: BatchFiles, columns: Sequence[_Column]) -> bool:
    """Whether raw may hold texts that bronze does not: of records set aside, or of columns that bronze lacks."""
    return files.rejects is not None or not {column.known_as for column in columns} <= {
        field.name for field in files.fields
    }


def _columns(reader: duckdb.DuckDBPyConnection, raw: Path, files: BatchFiles) -> tuple[_Column, ...]:
    json_names, values = files.columns_of(TypeName.JSON), files.columns_of(*VALUES)
    with readable():
        described = reader.execute(f"describe from {FILE}", {"file": str(raw)}).fetchall()
    return tuple(
        _Column(
            name=name,
            known_as=(known := normalize("NFC", name)),
            kind=kind,
            is_json=kind == "JSON" or known in json_names,
            is_value=known in values,
            is_key=known in files.keys,
        )
        for name, kind, *_ in described
    )


def _searched(
    reader: duckdb.DuckDBPyConnection, raw: Path, columns: Sequence[_Column], files: BatchFiles, matcher: Matcher
) -> FoundRows:
    shown = ", ".join(f"{column.shown} as v{place}" for place, column in enumerate(columns))
    held = " or ".join(f"regexp_matches(v{place}, $pattern)" for place in range(len(columns)))
    query = f"from (select row_number() over () - 1 as n, {shown} from {FILE}) where {held}"  # noqa: S608  # names in quotes
    rows: set[int] = set()
    mended: set[Mended] = set()
    with readable():
        found = reader.execute(query, {"file": str(raw), "pattern": matcher.pattern})
        while some := found.fetchmany(FETCHED):
            for place, *cells in some:
                ordinal = files.gaps.place(place)
                for column, cell in zip(columns, cells, strict=True):
                    if cell is None:
                        continue
                    left = _judged(column, cell, matcher)
                    if left is None:
                        rows.add(ordinal)
                    elif left != cell:
                        mended.add(Mended(ordinal=ordinal, column=column.known_as))
    return FoundRows(rows=frozenset(rows), mended=frozenset(mended))


def _judged(column: _Column, cell: str, matcher: Matcher) -> str | None:
    """What stays of the cell as it is shown; None where the row goes."""
    if column.kind.startswith(_NUMBER):
        return None if matcher.is_number(cell) else cell
    if column.is_text or (column.is_key and column.is_nested):
        return column.left_of(cell, matcher)
    if column.is_nested or column.kind == "BLOB":  # a word cannot be replaced there
        return cell if matcher.left_of(cell, is_json=column.is_nested) == cell else None
    return None if matcher.is_id(cell) else cell
