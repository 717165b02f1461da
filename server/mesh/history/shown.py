"""What a comparison of two positions shows of each kind of thing: its own fields, named and written as in the graph."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from server.adapters.store.intervals import Interval
from server.kernel.lineage import TYPES
from server.kernel.permission import Permission
from server.kernel.record import record
from server.mesh.batch.tables import BatchRow, GrantRow
from server.mesh.contract.tables import ContractRow
from server.mesh.dataset.tables import DatasetRow
from server.mesh.deletion.tables import DeletionRow
from server.mesh.domain.tables import DomainRow
from server.mesh.lake.tables import LakeRow
from server.mesh.lineage.tables import ExternalRow, LineageRow
from server.mesh.product.tables import ProductRow

# A JSON value as a table keeps it, and as the graph writes it.
Form: TypeAlias = Callable[[Any], Any]


def plain(value: Any) -> Any:
    """As it is kept."""
    return value


def instant(value: Any) -> Any:
    """An instant in UTC, whatever zone the connection to Postgres speaks in."""
    return None if value is None else datetime.fromisoformat(value).astimezone(UTC).isoformat()


def named(value: Any) -> Any:
    """A record, or several, with the names of the graph."""
    if isinstance(value, list):
        return [named(one) for one in value]
    return {_camel(name): one for name, one in value.items()}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


@record
class Shown:
    """A field of the graph: the SQL expression over the row that holds it."""

    sql: str
    form: Form = plain


@record
class ShownKind:
    """A kind of thing. `fields` make it what it is; `besides` move with every event and alone are no change.

    `ends`: whether one of them can be gone.
    """

    table: type[Interval]
    permission: Permission
    fields: Mapping[str, Shown]
    besides: Mapping[str, Shown]
    ends: bool = False


def _fields(*columns: str, **others: Shown) -> dict[str, Shown]:
    """Columns under the graph's names for them, and fields that take more than that."""
    return {_camel(column): Shown(sql=f"t.{column}") for column in columns} | others


def _instants(*columns: str) -> dict[str, Shown]:
    return {_camel(column): Shown(sql=f"t.{column}", form=instant) for column in columns}


_SCHEMA = Shown(sql="t.fields", form=named)
_LAYERS = "to_jsonb(array_remove(array[{}], null))".format(
    ", ".join(f"case when t.{layer} is not null then '{layer.upper()}' end" for layer in ("bronze", "silver", "gold"))
)
_TYPE = "(array[{}])[t.kind + 1]".format(", ".join(f"'{one.value}'" for one in TYPES))
_REVISION = _fields("revision")
_MOVED = _REVISION | _instants("updated_at")

KINDS: Sequence[ShownKind] = (
    ShownKind(
        table=DomainRow,
        permission=Permission.CATALOG,
        fields=_fields("name", "owner", "description") | _instants("created_at"),
        besides=_MOVED,
    ),
    ShownKind(
        table=ProductRow,
        permission=Permission.CATALOG,
        fields=_fields("name", "domain", "owner", "description", "status", "version", "tags", schema=_SCHEMA)
        | _instants("created_at"),
        besides=_MOVED,
        ends=True,
    ),
    ShownKind(
        table=DatasetRow,
        permission=Permission.CATALOG,
        fields=_fields(
            "name", "product", "domain", "lake", "schema_version", "contains_pii", "encryption_enabled", schema=_SCHEMA
        )
        | _instants("created_at"),
        besides=_MOVED,
    ),
    ShownKind(
        table=ContractRow,
        permission=Permission.CATALOG,
        fields=_fields("contract_id", "dataset", "version", "status", "retention_days", "quality_rules")
        | _fields("privacy_rules", "on_bad_rows", "freshness_minutes", "description")
        | {"csv": Shown(sql="t.csv", form=named)}
        | _instants("defined_at"),
        besides=_REVISION,
    ),
    ShownKind(
        table=BatchRow,
        permission=Permission.CATALOG,
        fields=_fields("batch_id", "dataset", "contract", "contract_version", "schema_version", "status", "file_url")
        | _fields("row_count", "rejected_row_count", "size_bytes", "checksum", "quarantine", layers=Shown(sql=_LAYERS))
        | _instants("appended_at", "published_at"),
        besides=_REVISION,
    ),
    ShownKind(
        table=LineageRow,
        permission=Permission.CATALOG,
        fields=_fields("source", "target", "confidence", "transformation", "metadata", "columns", "columns_unknown")
        | _fields("closes_loop", lineageType=Shown(sql=_TYPE)),
        besides=_instants("registered_at"),
        ends=True,
    ),
    ShownKind(
        table=ExternalRow, permission=Permission.CATALOG, fields=_fields("name", "namespace", "kind"), besides={}
    ),
    ShownKind(
        table=GrantRow,
        permission=Permission.ROWS,
        fields=_fields("batch", "consumer", "purpose", "granted_by")
        | _instants("granted_at", "expires_at", "revoked_at"),
        besides={},
    ),
    ShownKind(
        table=LakeRow,
        permission=Permission.CATALOG,
        fields=_fields("lake_id", "name", "owner", "region", "compliance_level") | _instants("created_at"),
        besides=_REVISION,
    ),
    ShownKind(
        table=DeletionRow,
        permission=Permission.COMPLIANCE,
        fields=_fields("lake", "reason", "requested_by", "status", "objects_deleted")
        | {name: Shown(sql=f"coalesce(t.{name}, '[]'::jsonb)") for name in ("erased", "unreached")}
        | _instants("requested_at", "deadline", "completed_at"),
        besides={},
    ),
)
