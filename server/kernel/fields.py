"""Fields: the columns of a dataset, their types and what may be said of them."""

import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum

from server.kernel.errors import BadUserInput
from server.kernel.record import record


class TypeName(StrEnum):
    """The eight types of a column."""

    STRING = "string"
    INT = "int"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    JSON = "json"


NAMES = {member.value: member for member in TypeName} | {
    "text": TypeName.STRING,
    "str": TypeName.STRING,
    "varchar": TypeName.STRING,
    "integer": TypeName.INT,
    "bigint": TypeName.INT,
    "long": TypeName.INT,
    "number": TypeName.FLOAT,
    "double": TypeName.FLOAT,
    "numeric": TypeName.DECIMAL,
    "bool": TypeName.BOOLEAN,
    "timestamp": TypeName.DATETIME,
    "array": TypeName.JSON,
    "object": TypeName.JSON,
}

SYSTEM_COLUMNS = ("_id", "_batch_id", "_created_at")
MAX_FIELDS = 2_000
MAX_NAME = 256
_DECIMAL = re.compile(r"(?:decimal|numeric)\s*\(\s*(\d{1,3})\s*(?:,\s*(\d{1,3})\s*)?\)", re.ASCII)


@record
class DataType:
    """A column's type. `precision` and `scale` count digits and belong to decimals only."""

    name: TypeName
    precision: int = 38
    scale: int = 9

    def __str__(self) -> str:
        if self.name is TypeName.DECIMAL and (self.precision, self.scale) != (38, 9):
            return f"decimal({self.precision},{self.scale})"
        return self.name.value


@record
class Field:
    """One column. `type` is the text of a `DataType`, such as `int` or `decimal(10,2)`."""

    name: str
    type: str
    nullable: bool = True
    pii: bool = False
    subject_key: bool = False
    primary_key: bool = False
    description: str = ""

    @property
    def data_type(self) -> DataType:
        """The type, parsed."""
        return parse_type(self.type)

    @property
    def is_personal(self) -> bool:
        """Whether a value of it may tell whom a row is about."""
        return self.pii or self.subject_key


def parse_type(text: str) -> DataType:
    """Read a type's text, aliases included. Raises: BadUserInput."""
    lowered = text.strip().lower()
    if name := NAMES.get(lowered):
        return DataType(name=name)
    if found := _DECIMAL.fullmatch(lowered):
        precision, scale = int(found[1]), int(found[2] or 0)
        if 1 <= precision <= 38 and scale <= precision:
            return DataType(name=TypeName.DECIMAL, precision=precision, scale=scale)
        raise BadUserInput(
            f"type {text!r} is out of bounds: decimal(p,s) takes p from 1 to 38 and s from 0 to p", field="type"
        )
    known = ", ".join(TypeName)
    raise BadUserInput(f"type {text[:80]!r} is not known: use one of {known}, or decimal(p,s)", field="type")


def folded(name: str) -> str:
    """The form under which two names are the same: canonical caseless matching (Unicode D145)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def check_fields(fields: Sequence[Field]) -> tuple[Field, ...]:
    """The fields with canonical type texts, if they may form a schema. Raises: BadUserInput."""
    if not fields:
        raise BadUserInput("a schema needs at least one field; list its columns under fields or schema", field="fields")
    if len(fields) > MAX_FIELDS:
        raise BadUserInput(f"a schema holds at most {MAX_FIELDS} fields; this one has {len(fields)}", field="fields")
    seen: dict[str, str] = {}
    for field in fields:
        _check_column_name(field.name)
        if twin := seen.get(folded(field.name)):
            raise BadUserInput(
                f"field {field.name!r} stands twice (as {twin!r}); name each column once", field="fields"
            )
        seen[folded(field.name)] = field.name
    keys = [field.name for field in fields if field.subject_key]
    if len(keys) > 1:
        raise BadUserInput(
            f"a dataset has one subjectKey, and {', '.join(map(repr, keys))} are marked; mark the one that names the"
            " person",
            field="fields",
        )
    return tuple(canonical(field) for field in fields)


def canonical(field: Field) -> Field:
    """The field with its name in NFC and its type's text in the one form that is stored."""
    return Field(
        name=unicodedata.normalize("NFC", field.name),
        type=str(_type_of(field)),
        nullable=field.nullable and not field.primary_key,
        pii=field.pii,
        subject_key=field.subject_key,
        primary_key=field.primary_key,
        description=field.description,
    )


def _type_of(field: Field) -> DataType:
    try:
        return parse_type(field.type)
    except BadUserInput as refused:
        raise BadUserInput(f"field {field.name[:80]!r}: {refused.message}", field=refused.field) from None


def _check_column_name(name: str) -> None:
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable() or name != name.strip():
        raise BadUserInput(
            f"field {name[:80]!r} is not a column name: 1 to {MAX_NAME} printable characters, no space at either end",
            field="fields",
        )
    if folded(name) in SYSTEM_COLUMNS:
        raise BadUserInput(f"field {name!r} is a system column of every dataset; choose another name", field="fields")
