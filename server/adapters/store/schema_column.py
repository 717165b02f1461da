"""A schema in a read table: the columns of a dataset or a product as JSON records."""

from typing import Any, Protocol

from pydantic import TypeAdapter

from server.kernel.fields import Field

_FIELDS = TypeAdapter(tuple[Field, ...])


class SchemaRow(Protocol):
    """A row that keeps a schema."""

    fields: list[dict[str, Any]]


def stored_fields(fields: tuple[Field, ...]) -> list[dict[str, Any]]:
    """A schema as a read table keeps it."""
    stored: list[dict[str, Any]] = _FIELDS.dump_python(fields, mode="json")
    return stored


def fields_of(row: SchemaRow) -> tuple[Field, ...]:
    """The columns of a stored schema."""
    return _FIELDS.validate_python(row.fields)
