"""Versions of a schema in the graph, and the formats in which one is written."""

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from graphql_schema.enumeration import enumeration
from graphql_schema.field import Field, FieldInput, field
from graphql_schema.payload import KEY
from graphql_schema.scalars import BigInt
from server.adapters.schemas import formats
from server.kernel.compatibility_rules import Compatibility
from server.mesh.dataset.queries import SchemaVersionRow, fields_of

SchemaFormat = enumeration(
    formats.SchemaFormat,
    name="SchemaFormat",
    description="A language for schemas.",
    JSON_SCHEMA="JSON Schema, draft 2020-12.",
    AVRO="An Avro record.",
    SQL_DDL="CREATE TABLE in the dialect of Postgres.",
    ODCS="Open Data Contract Standard 3.1, in YAML.",
)

SchemaCompatibility = enumeration(
    Compatibility,
    name="SchemaCompatibility",
    description="Which readers a change of schema must not break.",
    FULL="Old readers read new data and new readers old data.",
    BACKWARD="New readers read old data.",
    FORWARD="Old readers read new data.",
    NONE="No reader is promised anything.",
)


@strawberry.type(description="One version of a dataset's schema.")
class SchemaVersion:
    """One version of a dataset's schema."""

    version: int = strawberry.field(description="1 for the first, one more for each.")
    schema: list[Field] = strawberry.field(description="The columns in order.")
    compatibility: SchemaCompatibility = strawberry.field(description="What its change was checked for.")  # type: ignore[valid-type]
    position: BigInt = strawberry.field(description="The log position of the event that made it.")
    registered_at: datetime = strawberry.field(description="When it was recorded.")


@strawberry.input(
    description="Another schema for a dataset, given whole: exactly one of fields, schema and schemaText."
)
class EvolveSchemaInput:
    """Another schema for a dataset."""

    dataset: strawberry.ID = strawberry.field(description="The dataset, by URN or name.")
    fields: list[FieldInput] | None = strawberry.field(default=None, description="Its columns from now on.")
    schema: JSON | None = strawberry.field(default=None, description="Its columns as {column: type}.")
    schema_text: str | None = strawberry.field(default=None, description="Its columns in the format schemaFormat.")
    schema_format: SchemaFormat | None = strawberry.field(  # type: ignore[valid-type]
        default=None, description="What schemaText is written in."
    )
    compatibility: SchemaCompatibility | None = strawberry.field(  # type: ignore[valid-type]
        default=Compatibility.BACKWARD, description="Who must not be broken; what would be is named in the refusal."
    )
    expected_version: int | None = strawberry.field(
        default=None, description="The `revision` that the change rests on; CONFLICT where it differs."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


def schema_version(row: SchemaVersionRow) -> SchemaVersion:
    """A version of a schema in the graph."""
    return SchemaVersion(
        version=row.version,
        schema=[field(column) for column in fields_of(row)],
        compatibility=Compatibility(row.compatibility),
        position=BigInt(row.position),
        registered_at=row.registered_at,
    )
