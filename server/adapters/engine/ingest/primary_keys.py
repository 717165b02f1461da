"""Primary keys: which rows of a new file have one that stands before them, in the file or in the dataset."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from server.adapters.engine.batch_table import NAME, ROW_ID, quoted
from server.adapters.engine.ingest.block import Offsets
from server.adapters.engine.records.view import view_of
from server.adapters.engine.source import Source, noticing_gone
from server.kernel.fields import Field
from server.kernel.record import record

ORDINAL_DIGITS = 12  # at the end of an `_id`
IN_FILE, IN_DATASET = False, True


@record
class Repeated:
    """Rows whose key is taken: their ordinals, ascending, and of each whether the dataset has it already."""

    keys: tuple[str, ...]
    ordinals: Offsets
    in_dataset: np.ndarray[tuple[int], np.dtype[np.bool_]]

    def reason(self, ordinal: int) -> tuple[str, str]:
        """The first column of the key, and why the row of this ordinal is set aside."""
        place = int(np.searchsorted(self.ordinals, ordinal))
        assert self.ordinals[place] == ordinal, "a row without a guilty cell is missing for its key alone"
        where = "in the dataset already" if self.in_dataset[place] else "in an earlier record"
        named = ", ".join(self.keys)
        return self.keys[0], f"{named}: the primary key stands {where}"

    def with_more(self, other: "Repeated") -> "Repeated":
        """Both; their ordinals are apart."""
        ordinals = np.concatenate((self.ordinals, other.ordinals))
        order = np.argsort(ordinals)
        in_dataset = np.concatenate((self.in_dataset, other.in_dataset))[order]
        return Repeated(keys=self.keys, ordinals=ordinals[order], in_dataset=in_dataset)


def key_fields(fields: Sequence[Field]) -> tuple[Field, ...]:
    """The columns that together are the primary key; none where a dataset has none."""
    return tuple(field for field in fields if field.primary_key)


def none_repeated(fields: Sequence[Field]) -> Repeated:
    """No row's key is taken."""
    names = tuple(key.name for key in key_fields(fields))
    return Repeated(keys=names, ordinals=np.empty(0, np.int64), in_dataset=np.empty(0, np.bool_))


def repeated_in_file(cursor: duckdb.DuckDBPyConnection, bronze: Path, fields: Sequence[Field]) -> Repeated:
    """The rows whose key stands in an earlier row of the file."""
    keys = key_fields(fields)
    if not keys:
        return none_repeated(fields)
    listed = ", ".join(quoted(key.name) for key in keys)
    same = " and ".join(f"f.{quoted(key.name)} = r.{quoted(key.name)}" for key in keys)
    query = f"""
        with f as (
            select {listed}, min({ROW_ID}) as first from read_parquet($bronze) group by all having count(*) > 1
        )
        select {_ordinal("r")} as n from read_parquet($bronze) r join f on {same} where r.{ROW_ID} > f.first order by n
        """  # noqa: S608 - names from the schema in quotes
    return _repeated(cursor, query, {"bronze": str(bronze)}, keys, IN_FILE)


def repeated_in_dataset(
    cursor: duckdb.DuckDBPyConnection, bronze: Path, fields: Sequence[Field], batch: str, existing: Sequence[Source]
) -> Repeated:
    """The rows whose key one of the `existing` files has in a row of another batch than `batch`, a bare id.

    Older keys are read as today's types; one that has no equal there is none. Raises: SourceGone.
    """
    keys = key_fields(fields)
    if not keys or not existing:
        return none_repeated(fields)
    view = view_of(existing, keys)
    same = " and ".join(f"e.{quoted(key.name)} = r.{quoted(key.name)}" for key in keys)
    query = f"""
        {view.sql} select {_ordinal("r")} as n from read_parquet($bronze) r
        where exists (select 1 from {NAME} e where e._batch_id <> $batch and {same}) order by n
        """  # noqa: S608 - names from the schema in quotes
    with noticing_gone(existing):
        return _repeated(cursor, query, {"bronze": str(bronze), "batch": batch, **view.parameters}, keys, IN_DATASET)


def without(cursor: duckdb.DuckDBPyConnection, bronze: Path, repeated: Repeated) -> None:
    """Write the file anew without these rows."""
    if len(repeated.ordinals) == 0:
        return
    kept = bronze.with_name(f"{bronze.name}.kept")
    cursor.register("repeated_rows", pa.table([pa.array(repeated.ordinals)], names=["n"]))
    try:
        cursor.execute(
            f"copy (select r.* from read_parquet($bronze) r where {_ordinal('r')} not in (select n from repeated_rows))"  # noqa: S608
            " to $kept (format parquet, compression zstd, compression_level 1)",
            {"bronze": str(bronze), "kept": str(kept)},
        ).fetchall()
        kept.replace(bronze)
    finally:
        cursor.unregister("repeated_rows")
        kept.unlink(missing_ok=True)


def _repeated(
    cursor: duckdb.DuckDBPyConnection, query: str, values: Mapping[str, object], keys: Sequence[Field], where: bool
) -> Repeated:
    ordinals = cursor.execute(query, values).fetchnumpy()["n"].astype(np.int64)
    return Repeated(
        keys=tuple(key.name for key in keys), ordinals=ordinals, in_dataset=np.full(len(ordinals), where, np.bool_)
    )


def _ordinal(table: str) -> str:
    return f"right({table}.{ROW_ID}, {ORDINAL_DIGITS})::bigint"
