"""The formats in which a schema can be written and read; each one's library is loaded when it is first needed."""

import importlib
import re
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Protocol, cast

from server.kernel.errors import BadUserInput, LimitExceeded
from server.kernel.fields import Field, check_fields

MAX_TEXT = 1_000_000  # characters: twice what the longest schema with its descriptions needs
KEPT = 32  # texts that were written last: one of 2,000 columns takes half a second
_NO_TEXT = re.compile("[\0\ud800-\udfff]")  # half a character of UTF-16, or NUL


class SchemaFormat(StrEnum):
    """A language for schemas."""

    JSON_SCHEMA = "JSON_SCHEMA"
    AVRO = "AVRO"
    SQL_DDL = "SQL_DDL"
    ODCS = "ODCS"


class Format(Protocol):
    """What the module of each format offers."""

    def write(self, name: str, version: int, fields: Sequence[Field]) -> str:
        """The schema of the dataset `name` as text."""
        ...

    def read(self, text: str) -> tuple[Field, ...]:
        """The columns that the text describes. Raises: BadUserInput, naming the place."""
        ...


_MODULES = {
    SchemaFormat.JSON_SCHEMA: "json_schema",
    SchemaFormat.AVRO: "avro",
    SchemaFormat.SQL_DDL: "sql_ddl",
    SchemaFormat.ODCS: "odcs",
}


@lru_cache(maxsize=KEPT)
def written(format: SchemaFormat, name: str, version: int, fields: tuple[Field, ...]) -> str:
    """The schema of the dataset `name` as text of a format."""
    return _module(format).write(name, version, fields)


def read(format: SchemaFormat, text: str) -> tuple[Field, ...]:
    """The columns that a text describes, canonical. Raises: BadUserInput, LimitExceeded."""
    if len(text) > MAX_TEXT:
        raise LimitExceeded(f"schemaText has {len(text)} characters; {MAX_TEXT} are allowed", field="schemaText")
    try:
        return tuple(map(_storable, check_fields(_module(format).read(text))))
    except BadUserInput as refused:
        raise BadUserInput(refused.message, field="schemaText") from None
    except RecursionError:
        raise BadUserInput(f"this {format} text is nested too deeply; flatten it", field="schemaText") from None


def _storable(field: Field) -> Field:
    """The field, if Postgres can keep what is said of it: escapes may hide what a request could not hold."""
    if _NO_TEXT.search(field.description):
        raise BadUserInput(f"the description of {field.name!r} holds a character that is no text; take it out")
    return field


def _module(format: SchemaFormat) -> Format:
    return cast(Format, importlib.import_module(f"server.adapters.schemas.{_MODULES[format]}"))
