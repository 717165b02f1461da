"""Read tables whose rows are valid from one log position up to another, and the writes that move them.

"Now" is `valid_to = FOREVER`; "as of p" is `valid_from <= p < valid_to`: the same query with another number.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import asyncpg
import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Field, SQLModel, and_, col

from server.kernel.record import record
from server.kernel.recorded import FOREVER

_ARRAY_TYPES: dict[type, str] = {
    Text: "text[]",
    BigInteger: "bigint[]",
    Integer: "int[]",
    SmallInteger: "smallint[]",
    Boolean: "boolean[]",
    Float: "float8[]",
    DateTime: "timestamptz[]",
    LargeBinary: "bytea[]",
    JSONB: "jsonb[]",
}


class Interval(SQLModel):
    """A row of a read table. `valid_from` included, `valid_to` excluded; both are log positions."""

    id: str = Field(sa_type=Text, primary_key=True)
    valid_from: int = Field(sa_type=BigInteger, primary_key=True)
    valid_to: int = Field(default=FOREVER, sa_type=BigInteger, nullable=False)

    @classmethod
    def standing(cls, position: int) -> ColumnElement[bool]:
        """The rows that stood just after `position`."""
        return and_(col(cls.valid_from) <= position, col(cls.valid_to) > position)


def current_index(table: str) -> Index:
    """The index that keeps one current row for each id."""
    return Index(f"{table}_now", "id", unique=True, postgresql_where=text(f"valid_to = {FOREVER}"))


@record
class Open:
    """A thing appears. `values` are all columns but the interval; JSON columns hold plain JSON values."""

    table: type[Interval]
    id: str
    values: Mapping[str, Any]  # a column's Python value


@record
class Change:
    """Some columns of a thing change; the others stay."""

    table: type[Interval]
    id: str
    values: Mapping[str, Any]  # a column's Python value


@record
class Close:
    """A thing ends."""

    table: type[Interval]
    id: str


Write: TypeAlias = Open | Change | Close


class ProjectionFault(Exception):
    """A projection changes or ends a row that is not there: a defect of the slice, never of the caller."""


class IntervalTable:
    """One read table as SQL: closing rows and inserting versions, set by set.

    `suffix` names a shadow of the table while it is rebuilt. A column whose info says `number_of` another one is
    written as the number that its text has in `lineage_asset`.
    """

    def __init__(self, table: type[Interval], suffix: str = "") -> None:
        every: Sequence[Column[Any]] = list(table.__table__.columns)  # type: ignore[attr-defined]  # set by SQLModel
        written = [column for column in every if column.computed is None]
        columns = [column for column in written if "number_of" not in column.info]
        self.columns = [column.name for column in columns]
        self.json_columns = {column.name for column in columns if isinstance(column.type, JSONB)}
        name = f'"{table.__tablename__}{suffix}"'
        listed = ", ".join(f'"{column.name}"' for column in written)
        values = ", ".join(_value(column) for column in written)
        given = ", ".join(f'"{column}"' for column in self.columns)
        arrays = ", ".join(f"${i}::{_ARRAY_TYPES[type(c.type)]}" for i, c in enumerate(columns, 1))
        before = ", ".join(f't."{column.name}"' for column in written)
        self.close_sql = (
            f"update {name} t set valid_to = u.p from unnest($1::text[], $2::bigint[]) u(id, p)"  # noqa: S608  # names are ours
            f" where t.id = u.id and t.valid_to = {FOREVER} returning {before}"
        )
        self.insert_sql = f"insert into {name} ({listed}) select {values} from unnest({arrays}) given({given})"  # noqa: S608  # names are ours

    def encoded(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values with JSON columns as text, as the driver takes them."""
        return {
            name: orjson.dumps(value).decode() if name in self.json_columns and value is not None else value
            for name, value in values.items()
        }


def _value(column: Column[Any]) -> str:
    """What is written to a column, of the row that was given."""
    named = column.info.get("number_of")
    return f'"{column.name}"' if named is None else f'asset_number("{named}")'


class IntervalWriter:
    """Applies the writes of a group of events: two statements for each table that they touch."""

    def __init__(self, tables: Iterable[type[Interval]], suffix: str = "") -> None:
        self._tables = {table: IntervalTable(table, suffix) for table in tables}

    async def apply(self, connection: asyncpg.Connection, writes: Sequence[tuple[int, Write]]) -> None:
        """Write all of `writes`, pairs of (position, write) in order of position. Raises: ProjectionFault."""
        grouped: dict[type[Interval], dict[str, list[tuple[int, Write]]]] = {}
        for position, write in writes:
            grouped.setdefault(write.table, {}).setdefault(write.id, []).append((position, write))
        for table, by_id in grouped.items():
            await self._apply_table(connection, self._tables[table], by_id)

    async def _apply_table(
        self, connection: asyncpg.Connection, table: IntervalTable, by_id: Mapping[str, list[tuple[int, Write]]]
    ) -> None:
        known = {id: writes[0][0] for id, writes in by_id.items() if not isinstance(writes[0][1], Open)}
        before: dict[str, Mapping[str, Any]] = {}
        if known:
            rows = await connection.fetch(table.close_sql, list(known), list(known.values()))
            before = {row["id"]: row for row in rows}
        versions = [version for id, writes in by_id.items() for version in chain(table, id, writes, before.get(id))]
        if versions:
            await connection.execute(table.insert_sql, *([v[name] for v in versions] for name in table.columns))


def chain(
    table: IntervalTable, id: str, writes: Sequence[tuple[int, Write]], before: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """The versions of one row that `writes` leave behind, each valid up to the next. Raises: ProjectionFault."""
    versions: list[dict[str, Any]] = []
    row: dict[str, Any] | None = dict(before) if before is not None else None
    for position, write in writes:
        match write:
            case Open(values=values):
                if row is not None:
                    raise ProjectionFault(f"{id} is opened twice")
                row = {"id": id, **table.encoded(values)}
            case Change(values=values) if row is not None:
                row = {**row, **table.encoded(values)}
            case Close() if row is not None:
                row = None
            case _:
                raise ProjectionFault(f"{id} changes, but it does not stand")
        if versions and versions[-1]["valid_from"] == position:
            versions.pop()
        elif versions and versions[-1]["valid_to"] == FOREVER:
            versions[-1]["valid_to"] = position
        if row is not None:
            row = {**row, "valid_from": position, "valid_to": FOREVER}
            versions.append(row)
    return versions
