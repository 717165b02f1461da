"""Columns in the graph: what a schema is made of."""

from collections.abc import Mapping, Sequence
from typing import Any

import strawberry
from strawberry.scalars import JSON

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


def given_fields(fields: Sequence[FieldInput] | None, schema: JSON | None) -> tuple[kernel.Field, ...]:
    """The columns that a client gave, as fields or as {column: type}. Raises: BadUserInput."""
    if (fields is None) == (schema is None):
        given = "neither fields nor schema is given" if fields is None else "fields and schema are both given"
        raise BadUserInput(f"{given}; give exactly one of them", field="fields")
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
