"""The text of one commit of a Delta log, as the Delta protocol lays it down (reader version 1, writer version 2).

Written here and not by a library: ours refuses or spoils a change of schema that keeps files, which must be one commit.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

import orjson

from server.kernel.fields import DataType, Field, TypeName
from server.kernel.record import record

APPLICATION = "lakemesh"  # whose transaction version is the catalog's position

_PROTOCOL = {"minReaderVersion": 1, "minWriterVersion": 2}
_SYSTEM: Sequence[tuple[str, str]] = (("_id", "string"), ("_batch_id", "string"), ("_created_at", "timestamp"))
_SETTINGS = {
    "delta.dataSkippingNumIndexedCols": "0",  # whoever else writes here shall not collect values either
    "delta.logRetentionDuration": "interval 7 days",
    "delta.deletedFileRetentionDuration": "interval 7 days",
}


@record
class DataFile:
    """A file of the table. `path`: from the table's folder; `size` in bytes."""

    path: str
    size: int
    rows: int


@record
class Columns:
    """What a commit says of the table as a whole. `made_at`: milliseconds since 1970; `schema`: see `schema_text`."""

    table: str
    made_at: int
    schema: str


@record
class Change:
    """What one commit does. `removed`: sizes by path. `columns` None: they stay. `first`: it makes the table."""

    position: int
    added: tuple[DataFile, ...]
    removed: Mapping[str, int]
    columns: Columns | None
    first: bool


def commit_text(change: Change, at: int) -> bytes:
    """One action a line. `at`: now, in milliseconds since 1970."""
    return b"".join(orjson.dumps(action) + b"\n" for action in _actions(change, at))


def schema_text(fields: Sequence[Field]) -> str:
    """The columns behind the system columns, as the log spells them. Each may be null: old files lack new columns."""
    named = [*_SYSTEM, *((field.name, delta_type(field.data_type)) for field in fields)]
    columns = [{"name": name, "type": kind, "nullable": True, "metadata": {}} for name, kind in named]
    return orjson.dumps({"type": "struct", "fields": columns}).decode()


def delta_type(kind: DataType) -> str:
    """The Delta type of such a column."""
    match kind.name:
        case TypeName.STRING | TypeName.JSON:
            return "string"
        case TypeName.INT:
            return "long"
        case TypeName.FLOAT:
            return "double"
        case TypeName.DECIMAL:
            return f"decimal({kind.precision},{kind.scale})"
        case TypeName.BOOLEAN:
            return "boolean"
        case TypeName.DATE:
            return "date"
        case TypeName.DATETIME:
            return "timestamp"
        case _:
            assert_never(kind.name)


def _actions(change: Change, at: int) -> Iterable[Mapping[str, object]]:
    yield {"commitInfo": {"timestamp": at, "operation": "WRITE", "operationParameters": {}, "engineInfo": APPLICATION}}
    yield {"txn": {"appId": APPLICATION, "version": change.position, "lastUpdated": at}}
    if change.first:
        yield {"protocol": _PROTOCOL}
    if change.columns is not None:
        yield {
            "metaData": {
                "id": change.columns.table,
                "format": {"provider": "parquet", "options": {}},
                "schemaString": change.columns.schema,
                "partitionColumns": [],
                "configuration": _SETTINGS,
                "createdTime": change.columns.made_at,
            }
        }
    for path, size in change.removed.items():
        yield {
            "remove": {
                "path": path,
                "deletionTimestamp": at,
                "dataChange": True,
                "extendedFileMetadata": True,
                "partitionValues": {},
                "size": size,
            }
        }
    for file in change.added:
        yield {
            "add": {
                "path": file.path,
                "partitionValues": {},
                "size": file.size,
                "modificationTime": at,
                "dataChange": True,
                "stats": orjson.dumps({"numRecords": file.rows}).decode(),
            }
        }
