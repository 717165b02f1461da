"""What projections leave in the real read tables, to be compared with what the events add up to."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
from sqlalchemy.dialects.postgresql import JSONB

from server.adapters.postgres.connections import connect, open_engine
from server.adapters.postgres.migrate import migrate
from server.adapters.store.intervals import Interval, IntervalWriter
from server.kernel.ids import Urn
from server.kernel.recorded import Recorded
from server.mesh.slices import PROJECTIONS, TABLES

START = datetime(2026, 1, 1, tzinfo=UTC)


def instant(position: int) -> datetime:
    """When the event at this position is recorded."""
    return START + timedelta(seconds=position)


@dataclass(frozen=True)
class Rows:
    """All versions of all rows of the read tables."""

    of: Mapping[type[Interval], Sequence[Mapping[str, Any]]]

    def standing(self, table: type[Interval], position: int) -> list[Mapping[str, Any]]:
        """The rows just after a position, in order of their URNs."""
        rows = [row for row in self.of[table] if row["valid_from"] <= position < row["valid_to"]]
        return sorted(rows, key=lambda row: row["id"])


@dataclass(frozen=True)
class ReadTables:
    """The read tables of a database of their own, empty before and after each call."""

    runner: asyncio.Runner
    connection: asyncpg.Connection

    def after(self, stream: Urn, events: Sequence[object], *, together: int = 1) -> Rows:
        """The rows once the stream's events stand at positions 1, 2, 3 ..., so many `together` in one write."""
        return self.runner.run(self._after(stream, events, together))

    def execute(self, statement: str, *arguments: str) -> Any:
        """The first value that a statement answers."""
        return self.runner.run(self.connection.fetchval(statement, *arguments))

    async def _after(self, stream: Urn, events: Sequence[object], together: int) -> Rows:
        writer = IntervalWriter(TABLES)
        writes = [
            [(number, write) for write in PROJECTIONS[type(event)](recorded(stream, number, event))]
            for number, event in enumerate(events, 1)
        ]
        transaction = self.connection.transaction()
        await transaction.start()
        try:
            for first in range(0, len(writes), together):
                group = [write for one in writes[first : first + together] for write in one]
                await writer.apply(self.connection, group)
            return Rows({table: await self._read(table) for table in TABLES})
        finally:
            await transaction.rollback()

    async def _read(self, table: type[Interval]) -> list[dict[str, Any]]:
        columns = table.__table__.columns  # type: ignore[attr-defined]
        json = {column.name for column in columns if isinstance(column.type, JSONB)}
        rows = await self.connection.fetch(f'select * from "{table.__tablename__}"')
        return [
            {name: orjson.loads(value) if name in json and value is not None else value for name, value in row.items()}
            for row in rows
        ]


def recorded(stream: Urn, number: int, event: object) -> Recorded[Any]:
    """The event as the only stream of a log would hold it."""
    return Recorded(
        position=number,
        stream=stream,
        version=number,
        event=event,
        actor="ann",
        correlation_id="c",
        recorded_at=instant(number),
    )


@contextmanager
def open_read_tables(database_url: str) -> Iterator[ReadTables]:
    """The read tables of an empty database."""

    async def prepare() -> asyncpg.Connection:
        engine = open_engine(database_url)
        await migrate(engine)
        await engine.dispose()
        return await connect(database_url)

    with asyncio.Runner() as runner:
        connection = runner.run(prepare())
        try:
            yield ReadTables(runner, connection)
        finally:
            runner.run(connection.close())
