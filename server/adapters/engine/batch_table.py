"""A batch's Parquet file as an Ibis table, and the one way from an expression to DuckDB.

The expressions are compiled unbound: `ibis.duckdb.from_connection` would set options, which the sandbox
refuses. Identifiers come from the schema and literals through Ibis; the files' names are bound parameters.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias, assert_never

import duckdb

from server.adapters.engine.on_demand import ibis
from server.kernel.fields import DataType, Field, TypeName

Expression: TypeAlias = Any
"""A table, column or value of Ibis, whose own hints leave out most methods of columns."""

NAME = "batch"
ROW_ID = "_id"
SYSTEM_TYPES = {ROW_ID: "string", "_batch_id": "string", "_created_at": "timestamp('UTC')"}


def batch_table(fields: Sequence[Field]) -> Expression:
    """The table of a batch with these fields behind the system columns."""
    return ibis().table(SYSTEM_TYPES | {field.name: ibis_type(field.data_type) for field in fields}, name=NAME)


def ibis_type(kind: DataType) -> str:
    """The Ibis type in which the layer's Parquet file holds such a column."""
    match kind.name:
        case TypeName.STRING | TypeName.JSON:
            return "string"
        case TypeName.INT:
            return "int64"
        case TypeName.FLOAT:
            return "float64"
        case TypeName.DECIMAL:
            return f"decimal({kind.precision}, {kind.scale})"
        case TypeName.BOOLEAN:
            return "boolean"
        case TypeName.DATE:
            return "date"
        case TypeName.DATETIME:
            return "timestamp('UTC')"
        case _:
            assert_never(kind.name)


def rows_of(
    cursor: duckdb.DuckDBPyConnection, parquet: Path, expression: Expression
) -> list[tuple[Any, ...]]:  # whatever types the columns have
    """The rows of an expression over `batch_table`, read from `parquet`."""
    return cursor.execute(_over_file(expression), {"source": str(parquet)}).fetchall()


def quoted(name: str) -> str:
    """A column's name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def write_parquet(cursor: duckdb.DuckDBPyConnection, source: Path, target: Path, expression: Expression) -> int:
    """Write the expression over `source` to `target` (Parquet, zstd) in the order of its rows; their number."""
    written = cursor.execute(
        f"copy ({_over_file(expression)}) to $target (format parquet, compression zstd)",
        {"source": str(source), "target": str(target)},
    ).fetchall()  # an answer read to its end lets go of the cursor
    return int(written[0][0])


def _over_file(expression: Expression) -> str:
    # not materialized: a subquery beside the main one must not make DuckDB read every column of the file
    compiled = ibis().to_sql(expression, dialect="duckdb")
    return f"with {NAME} as not materialized (from read_parquet($source)) from ({compiled}) as answer"
