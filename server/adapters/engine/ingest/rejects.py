"""Reading back the records that were set aside: where and why, never what stood there."""

from pathlib import Path

import duckdb

from server.kernel.record import record


@record
class Reject:
    """A record set aside. `line` counts from the header, which is 1; `column` None: its form is bad."""

    line: int
    column: str | None
    reason: str


def read_rejects(cursor: duckdb.DuckDBPyConnection, parquet: Path, first: int) -> tuple[Reject, ...]:
    """The first rejects, in the order of the file."""
    rows = cursor.execute(
        'select line, "column", reason from read_parquet($1) order by line limit $2', [str(parquet), first]
    ).fetchall()
    return tuple(Reject(line=line, column=column, reason=reason) for line, column, reason in rows)
