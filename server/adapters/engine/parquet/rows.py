"""Parquet to bronze: the file is read in pieces, each value is taken exactly or its row is set aside."""

import hashlib
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from server.adapters.engine.batch_table import quoted
from server.adapters.engine.ingest.block import MAX_RECORD
from server.adapters.engine.ingest.job import IngestJob, Progress
from server.adapters.engine.ingest.primary_keys import Repeated
from server.adapters.engine.ingest.reject_file import RejectFile
from server.adapters.engine.parquet.file import FILE, cells_of, opened, readable
from server.adapters.engine.parquet.types import ParquetCell
from server.kernel.errors import InvalidData

PIECE_ROWS = 2_048
COPY_BYTES = 4 * 1024 * 1024
COUNT = f"select count(*) from {FILE}"  # noqa: S608 - our own words
ROWS, TAKEN = "landed_rows", "taken_rows"
FETCHED = 1_024


class ParquetRows:
    """The rows of one Parquet file on their way to bronze. `records`: how many stand in the file."""

    def __init__(self, source: Path, job: IngestJob, progress: Progress) -> None:
        self._source = source
        self._job = job
        self._progress = progress
        self._cells: tuple[ParquetCell, ...] = ()
        self.records = 0
        self._length = 0
        self.size = 0
        self.sha256 = ""

    def write(self, cursor: duckdb.DuckDBPyConnection, rejects: RejectFile) -> int:
        """Write the sound rows to bronze, in the file's order; how many there are. Raises: InvalidData."""
        self._keep()
        job = self._job
        with opened(self._source) as reader:
            self._cells = cells_of(reader, self._source, job)
            with readable():
                counted = reader.execute(COUNT, {"file": str(self._source)}).fetchall()
                self._length = int(counted[0][0])
            columns = "".join(f", v{place} as {quoted(cell.field.name)}" for place, cell in enumerate(self._cells))
            query = f"""
                copy (
                    select $batch || '-' || substr((1000000000000 + n)::varchar, 2) as _id,
                        $batch as _batch_id, cast($at as timestamptz) as _created_at{columns}
                    from {ROWS} where sound
                ) to $bronze (format parquet, compression zstd, compression_level 1)
                """  # noqa: S608 - numbered columns, and names from the schema in quotes
            given = {"batch": job.batch, "at": job.created_at.isoformat(), "bronze": str(job.bronze)}
            with self._read(cursor, reader, self._typed(), self._count):
                return int(cursor.execute(query, given).fetchall()[0][0])

    def set_aside(self, cursor: duckdb.DuckDBPyConnection, repeated: Repeated, rejects: RejectFile) -> None:
        """Set each row aside that is not in bronze, for its cells or for its key."""
        taken = pa.table([pa.array(repeated.ordinals)], names=["n"])
        query = f"""
            select n, verdicts, left(told, {MAX_RECORD}) from {ROWS}
            where not sound or n in (select n from {TAKEN})
            """  # noqa: S608 - nothing of the file's
        with opened(self._source) as reader:
            cursor.register(TAKEN, taken)
            try:
                with self._read(cursor, reader, self._judged(sound_too=taken.num_rows > 0), lambda _: None):
                    found = cursor.execute(query)
                    while rows := found.fetchmany(FETCHED):
                        for ordinal, verdicts, raw in rows:
                            column, reason = self._blame(ordinal, verdicts, repeated)
                            rejects.add(ordinal + 1, reason, raw, column=column, ordinal=ordinal)
            finally:
                cursor.unregister(TAKEN)

    def discard(self) -> None:
        """Nothing is made on the way."""

    def _blame(self, ordinal: int, verdicts: list[int], repeated: Repeated) -> tuple[str, str]:
        guilty = [(cell, code) for cell, code in zip(self._cells, verdicts, strict=True) if code]
        if not guilty:
            return repeated.reason(ordinal)
        reasons = [
            f"{cell.field.name}: null, and the column is not nullable" if code == 1 else cell.misfit
            for cell, code in guilty
        ]
        return guilty[0][0].field.name, "; ".join(reasons)

    def _keep(self) -> None:
        """Digest the file, and copy it where it is not kept already."""
        digest = hashlib.sha256()
        with ExitStack() as files:
            landed = files.enter_context(self._source.open("rb"))
            kept = None if self._job.raw is None else files.enter_context(self._job.raw.open("wb"))
            while octets := landed.read(COPY_BYTES):
                digest.update(octets)
                if kept is not None:
                    kept.write(octets)
                self.size += len(octets)
        self.sha256 = digest.hexdigest()

    def _count(self, rows: int) -> None:
        self.records += rows
        self._progress(self.records, self.records / max(self._length, self.records, 1))

    def _typed(self) -> str:
        """Rows with their ordinal `n`, typed values `v0` … and whether they are `sound`."""
        values = "".join(f", v{place}" for place in range(len(self._cells)))
        return f"select n{values}, {self._sound()} as sound from ({self._cast()})"  # noqa: S608 - as above

    def _judged(self, *, sound_too: bool) -> str:
        """Rows with their ordinal `n`, whether they are `sound`, the verdict on each cell and all cells as JSON."""
        # a cell's verdict: 0 sound, 1 null where that is not allowed, 2 not of its type
        verdicts = ", ".join(
            f"case when {cell.sound(place)} then 0 when not p{place} then 1 else 2 end"
            for place, cell in enumerate(self._cells)
        )
        sound, told = self._sound(), "told" if sound_too else f"case when not {self._sound()} then told end"
        return f"select n, {sound} as sound, [{verdicts}] as verdicts, {told} as told from ({self._cast(told=True)})"  # noqa: S608 - as above

    def _sound(self) -> str:
        return "(" + " and ".join(cell.sound(place) for place, cell in enumerate(self._cells)) + ")"

    def _cast(self, *, told: bool = False) -> str:
        values = "".join(
            f", {cell.value} as v{place}, {cell.present} as p{place}" for place, cell in enumerate(self._cells)
        )
        shown = ", ".join(f"{quoted(cell.field.name)} := {cell.shown}" for cell in self._cells)
        whole = f", to_json(struct_pack({shown}))::varchar as told" if told else ""
        return f"select row_number() over () - 1 as n{values}{whole} from {FILE}"  # noqa: S608 - as above

    def _placed(self, piece: pa.RecordBatch) -> pa.RecordBatch:
        """The rows with the ordinals of the upload, which stand in front."""
        gaps = self._job.gaps
        if not gaps.ordinals:
            return piece
        placed = pa.array(gaps.placed(piece.column(0).to_numpy()))
        return pa.RecordBatch.from_arrays([placed, *piece.columns[1:]], schema=piece.schema)

    @contextmanager
    def _read(
        self,
        cursor: duckdb.DuckDBPyConnection,
        reader: duckdb.DuckDBPyConnection,
        rows: str,
        told: Callable[[int], None],
    ) -> Generator[None]:
        """What the reader gives for `rows` is a table of the cursor, which may be interrupted."""
        with readable():
            stream = reader.sql(rows, params={"file": str(self._source)}).to_arrow_reader(PIECE_ROWS)
        refusals: list[InvalidData] = []

        def pieces() -> Iterator[pa.RecordBatch]:
            try:
                with readable():
                    for piece in stream:
                        told(piece.num_rows)
                        yield self._placed(piece)
            except InvalidData as refused:
                refusals.append(refused)
                raise

        cursor.register(ROWS, pa.RecordBatchReader.from_batches(stream.schema, pieces()))
        try:
            yield
        except duckdb.Error:
            if refusals:
                raise refusals[0] from None
            raise
        finally:
            cursor.unregister(ROWS)
