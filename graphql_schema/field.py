"""Columns in the graph: what a schema is made of."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import strawberry
from strawberry.scalars import JSON

from server.adapters.schemas.formats import SchemaFormat, read
from server.kernel import fields as kernel
from server.kernel.errors import BadUserInput


@strawberry.type(description="One column of a schema.")
class Field:
    """One column."""

    name: str = strawberry.field(description="Printable text, as real tables have it; unique case aside.")
    type: str = strawberry.field(
        description="One of string, int, float, decimal, boolean, date, datetime, json; or decimal(p,s)."
    )
    nullable: bool = strawberry.field(description="Whether a row may leave it empty.")
    pii: bool = strawberry.field(description="Whether it holds personal data.")
    subject_key: bool = strawberry.field(description="Whether it names the person that a row is about.")
    primary_key: bool = strawberry.field(description="Whether it belongs to the key of a row.")
    description: str = strawberry.field(description="What it means.")


@strawberry.input(description="One column of a schema.")
class FieldInput:
    """One column, as a client describes it."""

    name: str = strawberry.field(description="Printable text, as real tables have it; unique case aside.")
    type: str = strawberry.field(
        description="One of string, int, float, decimal, boolean, date, datetime, json; or decimal(p,s); or an alias."
    )
    nullable: bool | None = strawberry.field(default=True, description="Whether a row may leave it empty.")
    pii: bool | None = strawberry.field(default=False, description="Whether it holds personal data.")
    subject_key: bool | None = strawberry.field(
        default=False, description="Whether it names the person that a row is about."
    )
    primary_key: bool | None = strawberry.field(default=False, description="Whether it belongs to the key of a row.")
    description: str | None = strawberry.field(default="", description="What it means.")


def field(column: kernel.Field) -> Field:
    """A column in the graph."""
    return Field(
        name=column.name,
        type=column.type,
        nullable=column.nullable,
        pii=column.pii,
        subject_key=column.subject_key,
        primary_key=column.primary_key,
        description=column.description,
    )


async def given_schema(
    fields: Sequence[FieldInput] | None, schema: JSON | None, text: str | None, format: SchemaFormat | None
) -> tuple[kernel.Field, ...]:
    """The columns that a client gave in one of three ways; a text is read in a thread.

    Raises: BadUserInput, LimitExceeded.
    """
    ways = {"fields": fields, "schema": schema, "schemaText": text}
    given = [name for name, value in ways.items() if value is not None]
    if len(given) != 1:
        told = f"{' and '.join(given)} are given" if given else "no schema is given"
        raise BadUserInput(f"{told}; give exactly one of fields, schema and schemaText", field="fields")
    if (text is None) != (format is None):
        told = "schemaFormat without schemaText" if text is None else "schemaText without schemaFormat"
        raise BadUserInput(f"{told} says nothing; give both or neither", field="schemaFormat")
    if text is not None and format is not None:
        return await asyncio.to_thread(read, format, text)
    return given_fields(fields, schema)


def given_fields(fields: Sequence[FieldInput] | None, schema: JSON | None) -> tuple[kernel.Field, ...]:
    """The columns that a client gave as fields, or else as {column: type}. Raises: BadUserInput."""
    if fields is not None:
        return tuple(_column(given) for given in fields)
    columns: Any = schema  # JSON: checked here
    if not isinstance(columns, Mapping) or not all(isinstance(type_, str) for type_ in columns.values()):
        raise BadUserInput(
            'schema is not an object of columns and types; write it as {"id": "int", "name": "string"}', field="schema"
        )
    return tuple(kernel.Field(name=str(name), type=type_) for name, type_ in columns.items())


def _column(given: FieldInput) -> kernel.Field:
    return kernel.Field(
        name=given.name,
        type=given.type,
        nullable=given.nullable is not False,
        pii=bool(given.pii),
        subject_key=bool(given.subject_key),
        primary_key=bool(given.primary_key),
        description=given.description or "",
    )
