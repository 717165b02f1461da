"""A batch's Parquet file from rows in Python, and back."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from server.kernel.fields import DataType, Field, TypeName

CREATED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def arrow_type(kind: DataType) -> pa.DataType:
    return {
        TypeName.STRING: pa.string(),
        TypeName.JSON: pa.string(),
        TypeName.INT: pa.int64(),
        TypeName.FLOAT: pa.float64(),
        TypeName.DECIMAL: pa.decimal128(kind.precision, kind.scale),
        TypeName.BOOLEAN: pa.bool_(),
        TypeName.DATE: pa.date32(),
        TypeName.DATETIME: pa.timestamp("us", tz="UTC"),
    }[kind.name]


def write_batch(path: Path, fields: Sequence[Field], rows: Sequence[Mapping[str, Any]], row_group: int = 1000) -> Path:
    columns: dict[str, pa.Array] = {
        "_id": pa.array([f"b1-{place:012}" for place in range(len(rows))], pa.string()),
        "_batch_id": pa.array(["b1"] * len(rows), pa.string()),
        "_created_at": pa.array([CREATED_AT] * len(rows), pa.timestamp("us", tz="UTC")),
    }
    for field in fields:
        columns[field.name] = pa.array([row.get(field.name) for row in rows], arrow_type(field.data_type))
    pq.write_table(pa.table(columns), path, compression="zstd", row_group_size=row_group)
    return path


def read_batch(path: Path) -> list[dict[str, Any]]:
    return pq.read_table(path).to_pylist()


def sandboxed(folder: Path) -> duckdb.DuckDBPyConnection:
    """A session as locked as the engine's."""
    session = duckdb.connect(config={"threads": 2, "memory_limit": "512MB", "autoinstall_known_extensions": False})
    session.execute("set global timezone = 'UTC'")
    session.execute("set global allowed_directories = $1", [[f"{folder.resolve()}/"]])
    session.execute("set global enable_external_access = false")
    session.execute("set global lock_configuration = true")
    return session
