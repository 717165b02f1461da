"""The tables of a check: the batch with what its checksums read, and files of other batches by their columns."""

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb

from server.adapters.engine.batch_table import NAME, SYSTEM_TYPES, Expression, batch_table, ibis_type
from server.adapters.engine.on_demand import ibis
from server.adapters.engine.quality.context import RuleContext
from server.adapters.engine.quality.expressions import prepared
from server.adapters.engine.quality.rules import ReadyRule
from server.adapters.engine.source import Source, noticing_gone
from server.kernel.fields import Field
from server.kernel.record import record

PREPARED = "prepared"


@record
class OtherRows:
    """Rows of other batches: an Ibis table with these fields."""

    table: Expression
    fields: tuple[Field, ...]


class CheckTables:
    """Names the tables that the expressions of a check stand on, and reads such an expression."""

    def __init__(
        self, parquet: Path, fields: Sequence[Field], rules: Sequence[ReadyRule], context: RuleContext
    ) -> None:
        self.fields = tuple(fields)
        self._context = context
        self._files: dict[str, list[str]] = {NAME: [str(parquet)]}
        self._names: dict[tuple[str, ...], str] = {}
        self._prepared = prepared(batch_table(fields), rules)
        # a table of its own, since Ibis would write each use of a digit column as the whole way to it
        self.rows: Expression = ibis().table(self._prepared.schema(), name=PREPARED)

    def others_of_dataset(self) -> list[OtherRows]:
        """The rows of the dataset's other batches."""
        batch = self._context.batch
        others = [source for source in self._context.dataset_sources if source.holds != (batch,)]
        return [
            OtherRows(table=rows.table.filter(rows.table["_batch_id"] != batch), fields=rows.fields)
            for rows in self._rows_of(others)
        ]

    def of_dataset(self, name: str) -> list[OtherRows]:
        """The rows of another dataset."""
        return self._rows_of(self._context.references[name])

    def fetch(
        self, cursor: duckdb.DuckDBPyConnection, expression: Expression
    ) -> list[tuple[Any, ...]]:  # whatever types the columns have
        """The rows of an expression over these tables. Raises: SourceGone."""
        used = self._used(expression)
        # not materialized: a subquery beside the main one must not make DuckDB read every column of a file
        tables = [f"{name} as not materialized (from read_parquet(${name}))" for name in used]
        tables.append(f"{PREPARED} as not materialized ({_compiled(self._prepared)})")
        statement = f"with {', '.join(tables)} from ({_compiled(expression)}) as answer"
        others = [*self._context.dataset_sources, *itertools.chain(*self._context.references.values())]
        with noticing_gone(others):
            return cursor.execute(statement, {name: self._files[name] for name in used}).fetchall()

    def _used(self, expression: Expression) -> list[str]:
        unbound = ibis().expr.operations.UnboundTable
        named = {table.name for table in expression.op().find(unbound)}
        return [name for name in self._files if name == NAME or name in named]

    def _rows_of(self, sources: Iterable[Source]) -> list[OtherRows]:
        """The rows of the files, those of equal columns in one table."""
        alike: dict[tuple[tuple[Field, ...], tuple[str, ...] | None], list[str]] = {}
        for source in sources:
            alike.setdefault((source.fields, source.batches), []).append(str(source.path))
        found: list[OtherRows] = []
        for (fields, batches), paths in alike.items():
            types = SYSTEM_TYPES | {field.name: ibis_type(field.data_type) for field in fields}
            table = ibis().table(types, name=self._named(paths))
            rows = table if batches is None else table.filter(table["_batch_id"].isin(batches))
            found.append(OtherRows(table=rows, fields=fields))
        return found

    def _named(self, paths: list[str]) -> str:
        name = self._names.setdefault(tuple(paths), f"files_{len(self._names)}")
        self._files[name] = paths
        return name


def _compiled(expression: Expression) -> str:
    return str(ibis().to_sql(expression, dialect="duckdb"))
