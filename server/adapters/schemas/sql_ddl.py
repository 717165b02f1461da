"""SQL: a CREATE TABLE in the dialect of Postgres, and a COMMENT for each column of which something is said.

The text is parsed and never executed. What SQL has no word for stands at the end of a comment: `[lakemesh: pii]`.
"""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TypeVar

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.expressions.core import Expression

from server.kernel.errors import BadUserInput
from server.kernel.fields import DataType, Field, TypeName

DIALECT = "postgres"
MARKS = ("pii", "subjectKey")
MAX_PARTS = 100_000  # words, texts and signs of a text: its reader is slow

E = TypeVar("E", bound=Expression)

_WRITTEN: Mapping[TypeName, str] = {
    TypeName.STRING: "TEXT",
    TypeName.INT: "BIGINT",
    TypeName.FLOAT: "DOUBLE PRECISION",
    TypeName.BOOLEAN: "BOOLEAN",
    TypeName.DATE: "DATE",
    TypeName.DATETIME: "TIMESTAMPTZ",
    TypeName.JSON: "JSONB",
}
_READ: Mapping[TypeName, str] = {
    TypeName.STRING: "TEXT VARCHAR CHAR BPCHAR NCHAR NVARCHAR NAME UUID",
    TypeName.INT: "TINYINT SMALLINT MEDIUMINT INT BIGINT SMALLSERIAL SERIAL BIGSERIAL",
    TypeName.FLOAT: "FLOAT DOUBLE",
    TypeName.BOOLEAN: "BOOLEAN",
    TypeName.DATE: "DATE",
    TypeName.DATETIME: "TIMESTAMP TIMESTAMPTZ TIMESTAMPNTZ TIMESTAMPLTZ DATETIME",
    TypeName.JSON: "JSON JSONB ARRAY",
}
_KINDS = {exp.DataType.Type[word]: name for name, words in _READ.items() for word in words.split()}
_PART = re.compile(r"'[^']*'|\"[^\"]*\"|\w+|\S")
_MARKED = re.compile(r"(.*?) ?\[lakemesh:([ A-Za-z,]*)\]", re.DOTALL)

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # its warnings repeat the text


def write(name: str, version: int, fields: Sequence[Field]) -> str:
    """The statements, each with its semicolon."""
    table = exp.to_identifier(name, quoted=True)
    parts: list[Expression] = [_definition(field) for field in fields]
    if keys := [_identifier(field.name) for field in fields if field.primary_key]:
        parts.append(exp.PrimaryKey(expressions=keys))
    create = exp.Create(this=exp.Schema(this=exp.Table(this=table), expressions=parts), kind="TABLE")
    comments = (
        exp.Comment(
            this=exp.Column(this=_identifier(field.name), table=table.copy()),
            kind="COLUMN",
            expression=exp.Literal.string(comment),
        )
        for field in fields
        if (comment := _comment(field))
    )
    statements = (create.sql(dialect=DIALECT, pretty=True), *(one.sql(dialect=DIALECT) for one in comments))
    return "".join(
        f"{statement};\n" for statement in (f"-- schema version {version}\n{statements[0]}", *statements[1:])
    )


def read(text: str) -> tuple[Field, ...]:
    """The columns of the one table that the text creates. Raises: BadUserInput."""
    create, comments = _statements(text)
    schema = create.this
    keys = {name for key in schema.find_all(exp.PrimaryKey) for name in _names(key.expressions)}
    said = dict(map(_said, comments))
    fields = [_field(part, keys, said) for part in schema.expressions if isinstance(part, exp.ColumnDef)]
    if unknown := sorted((keys | set(said)).difference(field.name for field in fields)):
        raise BadUserInput(f"column {unknown[0][:80]!r} has a key or a comment and is not defined; define it")
    return tuple(fields)


def _definition(field: Field) -> exp.ColumnDef:
    kind = exp.DataType.build(_sql_type(field.data_type), dialect=DIALECT)
    needed = [] if field.nullable else [exp.ColumnConstraint(kind=exp.NotNullColumnConstraint())]
    return exp.ColumnDef(this=_identifier(field.name), kind=kind, constraints=needed)


def _sql_type(kind: DataType) -> str:
    return f"NUMERIC({kind.precision}, {kind.scale})" if kind.name is TypeName.DECIMAL else _WRITTEN[kind.name]


def _identifier(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


def _comment(field: Field) -> str:
    """The description and the marks; the brackets also where a description could be taken for marks."""
    given = [mark for mark, set_ in zip(MARKS, (field.pii, field.subject_key), strict=True) if set_]
    if not given and not _MARKED.fullmatch(field.description):
        return field.description
    marks = f"[lakemesh: {', '.join(given)}]"
    return f"{field.description} {marks}" if field.description else marks


def _statements(text: str) -> tuple[exp.Create, list[exp.Comment]]:
    """The CREATE TABLE and the comments. Anything else is refused."""
    if sum(1 for _ in islice(_PART.finditer(text), MAX_PARTS + 1)) > MAX_PARTS:
        raise BadUserInput(f"this SQL has more than {MAX_PARTS} parts; leave out what is not about the columns")
    try:
        parsed = [one for one in sqlglot.parse(text, dialect=DIALECT) if one is not None]
    except SqlglotError as error:
        places = getattr(error, "errors", None) or [{}]
        line = places[0].get("line")
        raise BadUserInput(f"this is not SQL that can be read{f': see line {line}' if line else ''}") from None
    tables, comments = _only(exp.Create, parsed), _only(exp.Comment, parsed)
    if len(tables) + len(comments) < len(parsed) or len(tables) != 1:
        raise BadUserInput(
            "a schema in SQL is one CREATE TABLE, with COMMENT ON for its columns, and nothing else;"
            f" this has {len(parsed)} statement{'s' * (len(parsed) != 1)}, CREATE among them: {len(tables)}"
        )
    [create] = tables
    listed = str(create.kind).upper() == "TABLE" and isinstance(create.this, exp.Schema) and create.expression is None
    if not listed or create.find(exp.LikeProperty, exp.InheritsProperty):
        raise BadUserInput(
            "this statement does not list the columns of a table; write CREATE TABLE name (column type, ...)"
        )
    return create, comments


def _field(column: exp.ColumnDef, keys: set[str], said: Mapping[str, str]) -> Field:
    kinds = [constraint.kind for constraint in column.constraints]
    needed = any(isinstance(kind, exp.NotNullColumnConstraint) and not kind.args.get("allow_null") for kind in kinds)
    key = column.name in keys or any(isinstance(kind, exp.PrimaryKeyColumnConstraint) for kind in kinds)
    comment = said.get(column.name, "")
    marks: set[str] = set()
    if found := _MARKED.fullmatch(comment):
        comment, marks = found[1], {word.strip() for word in found[2].split(",")} - {""}
    if unknown := marks.difference(MARKS):
        raise BadUserInput(
            f"the comment of column {column.name[:80]!r} has the mark {min(unknown)[:80]!r};"
            f" marks are {' and '.join(MARKS)}"
        )
    return Field(
        name=column.name,
        type=_type(column),
        nullable=not (needed or key),
        pii="pii" in marks,
        subject_key="subjectKey" in marks,
        primary_key=key,
        description=comment,
    )


def _type(column: exp.ColumnDef) -> str:
    kind = column.args.get("kind")
    if not isinstance(kind, exp.DataType):
        raise BadUserInput(f"column {column.name[:80]!r} has no type; give it one")
    if kind.this is exp.DataType.Type.DECIMAL:
        numbers = [part.name for part in kind.expressions]
        return f"decimal({','.join(numbers)})" if numbers else TypeName.DECIMAL.value
    found = _KINDS.get(kind.this)
    if found is None:
        told = kind.sql(dialect=DIALECT)[:80]
        raise BadUserInput(
            f"column {column.name[:80]!r} has the type {told!r}, which no column can hold; make it text or a number"
        )
    return found.value


def _said(comment: exp.Comment) -> tuple[str, str]:
    """A column's name and what is said of it."""
    if str(comment.args.get("kind")).upper() != "COLUMN" or not isinstance(comment.expression, exp.Literal):
        raise BadUserInput("only columns have comments here; leave out COMMENT ON anything else")
    return comment.this.name, comment.expression.name


def _names(parts: Iterable[Expression]) -> list[str]:
    return [part.name for part in parts]


def _only(kind: type[E], statements: Iterable[object]) -> list[E]:
    return [one for one in statements if isinstance(one, kind)]
