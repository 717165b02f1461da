"""What a landed CSV file becomes, read back from the files that were written."""

import hashlib
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from server.adapters.engine.ingest.ingestion import Ingested, IngestJob, ingest
from server.adapters.engine.source import Source
from server.kernel.fields import Field
from server.kernel.files import CsvOptions, check_csv
from server.kernel.record import record

AT = datetime(2026, 3, 4, 5, 6, 7, 890000, tzinfo=UTC)


@record
class Landed:
    """Bronze's rows and the rejects, each a dict by column; `rows` without the system columns, `ids` beside them."""

    ingested: Ingested
    rows: list[dict]
    ids: list[str]
    rejects: list[dict]
    types: dict[str, str]
    heard: list[int]


def columns(**types: str) -> tuple[Field, ...]:
    """Fields by name; a type that ends in `!` may not be null."""
    return tuple(
        Field(name=name, type=kind.rstrip("!"), nullable=not kind.endswith("!")) for name, kind in types.items()
    )


def land(
    text: bytes,
    fields: tuple[Field, ...],
    *,
    block_bytes: int = 1 << 20,
    keep: bool = True,
    existing: Sequence[Source] = (),
    **options: Any,  # of the job
) -> Landed:
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'")
        job = IngestJob(
            fields=fields,
            batch="b1",
            created_at=AT,
            bronze=Path(folder) / "bronze.parquet",
            rejects=Path(folder) / "rejects.parquet",
            raw=Path(folder) / "raw.csv" if keep else None,
            block_bytes=block_bytes,
            **options,
        )
        return _land(engine, Path(folder), text, job, existing)


def land_csv(text: bytes, fields: tuple[Field, ...], **options: Any) -> Landed:
    """`options`: how the producer writes CSV."""
    return land(text, fields, csv=check_csv(CsvOptions(**options)))


def _land(
    engine: duckdb.DuckDBPyConnection,
    folder: Path,
    text: bytes,
    job: IngestJob,
    existing: Sequence[Source],
) -> Landed:
    source = folder / "source.csv"
    source.write_bytes(text)
    heard: list[int] = []
    try:
        ingested = ingest(engine, source, job, lambda rows, share: heard.append(rows), existing)
    except BaseException:
        assert [path.name for path in folder.iterdir()] == ["source.csv"], "a refusal leaves nothing behind"
        raise
    left = {"source.csv", "bronze.parquet"} | ({"raw.csv"} if job.raw else set())
    assert {path.name for path in folder.iterdir()} == left | ({"rejects.parquet"} if job.rejects.exists() else set())
    if job.raw:
        assert (folder / "raw.csv").read_bytes() == text
    assert (ingested.sha256, ingested.size_bytes) == (hashlib.sha256(text).hexdigest(), len(text))
    rows = _rows(engine, job.bronze)
    rejects = _rows(engine, job.rejects) if job.rejects.exists() else []
    assert (len(rows), len(rejects)) == (ingested.row_count, ingested.rejected_row_count)
    assert job.rejects.exists() == bool(rejects)
    assert {(row.pop("_batch_id"), row.pop("_created_at")) for row in rows} <= {("b1", AT)}
    ids = [row.pop("_id") for row in rows]
    described = engine.execute("describe select * from read_parquet($1)", [str(job.bronze)]).fetchall()
    types = {name: kind for name, kind, *_ in described if not name.startswith("_")}
    return Landed(ingested=ingested, rows=rows, ids=ids, rejects=rejects, types=types, heard=heard)


def _rows(engine: duckdb.DuckDBPyConnection, path: Path) -> list[dict]:
    cursor = engine.execute("select * from read_parquet($1)", [str(path)])
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
