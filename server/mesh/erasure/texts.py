"""Texts in Postgres that may hold a subject: those of runs are mended, those of the log are told of.

The database never hears the id: texts are read into this process and compared here.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Collection, Sequence
from typing import Any

import asyncpg
import orjson

from server.adapters.engine.erasure.subject import Matcher
from server.adapters.storage.layout import file_label, landing, landing_file

logger = logging.getLogger(__name__)

REWRITTEN_BYTES = 64 * 1024 * 1024  # a larger table takes too long: others wait behind it
REWRITE_SECONDS = 10.0
AT_ONCE = 2_000  # rows compared in one go
SHOWN_EVENTS = 20
_MADE = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")  # a UUID, in which an id may stand by chance

_RUNS = """
select id, error, error_details::text as error_details, payload::text as payload, correlation_id, command_key, batch_id
  from process_run where status in ('SUCCEEDED', 'FAILED')"""
_MEND_RUN = """
update process_run set error = $2, error_details = $3::text::jsonb, payload = $4::text::jsonb, correlation_id = $5,
       command_key = $6, batch_id = $7
 where id = $1 and status in ('SUCCEEDED', 'FAILED')"""
_KEYS = "select key from commands"
_FORGET_KEYS = "delete from commands where key = any($1::text[])"
_EVENTS = """
select position, type, data::text as data, meta::text as meta, data ->> 'file_url' as file
  from events where type <> 'SubjectErased' order by position"""


class StoredTexts:
    """Reads all texts of a table, and mends those that may be mended."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def mend_runs(self, subject: Matcher) -> None:
        """Take the subject out of ended runs, and forget answered keys that hold it."""
        changed: set[str] = set()
        for row in await self._held(_RUNS, subject):
            await self._pool.execute(_MEND_RUN, row["id"], *_mended(row, subject))
            changed.add("process_run")
        if keys := [row["key"] for row in await self._held(_KEYS, subject)]:
            await self._pool.execute(_FORGET_KEYS, keys)
            changed.add("commands")
        await self._rewrite(changed)

    async def events(self, subject: Matcher) -> list[str]:
        """The events whose text holds the subject, in words that do not."""
        told: list[str] = []
        count = 0
        async for rows in self._rows(_EVENTS):
            for row in await asyncio.to_thread(_holding, rows, subject):
                count += 1
                if count <= SHOWN_EVENTS:
                    told.append(f"event {row['position']} ({row['type']}): a text in it, which the log keeps for ever")
        if count > SHOWN_EVENTS:
            told.append(f"{count - SHOWN_EVENTS} more events: texts in them, which the log keeps for ever")
        return told

    async def vacuum(self) -> None:
        """Let Postgres forget the rows that were mended or taken away, and what its planner noted of their values."""
        for table in ("process_run", "commands", "erased_object"):
            await self._pool.execute(f"vacuum (analyze) {table}")
        await self._pool.execute("vacuum pg_statistic")  # where another role owns the database, it says so and goes on

    async def _rewrite(self, tables: Collection[str]) -> None:
        """Write tables anew, and what the planner noted of them: a plain vacuum leaves old bytes in free space."""
        if not tables:
            return
        try:
            for table in sorted(tables):
                if await self._pool.fetchval("select pg_total_relation_size($1::regclass)", table) <= REWRITTEN_BYTES:
                    await self._pool.execute(f"vacuum (full, analyze) {table}", timeout=REWRITE_SECONDS)
            # of this a role that does not own the database is only warned
            await self._pool.execute("vacuum full pg_statistic", timeout=REWRITE_SECONDS)
        except TimeoutError:
            logger.warning("others hold the tables of runs; vacuum them in full, as docs/compliance.md says")

    async def _held(self, query: str, subject: Matcher) -> list[asyncpg.Record]:
        """Rows that hold the subject, all read before any is changed: another erasure may wait to rewrite the table."""
        return [row async for rows in self._rows(query) for row in await asyncio.to_thread(_holding, rows, subject)]

    async def _rows(self, query: str) -> AsyncGenerator[Sequence[asyncpg.Record]]:
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            cursor = await connection.cursor(query)
            while rows := await cursor.fetch(AT_ONCE):
                yield rows


def _holding(rows: Sequence[asyncpg.Record], subject: Matcher) -> list[asyncpg.Record]:
    """Those of which a text holds the subject. All together first: most tables hold none."""
    together = "\n".join(text for row in rows for text in _texts(row))
    if not subject.occurs(together) and not _labels(together, subject):
        return []
    return [row for row in rows if any(_says(text, subject) for text in _texts(row))]


def _texts(row: asyncpg.Record) -> list[str]:
    return [value for value in row.values() if isinstance(value, str)]


def _says(text: str, subject: Matcher) -> bool:
    """Whether a text, or a text within JSON, holds the subject."""
    try:
        return _within(orjson.loads(text), subject)
    except orjson.JSONDecodeError:
        return _mended_text(text, subject) != text


def _within(value: Any, subject: Matcher) -> bool:  # any JSON
    match value:
        case str():
            return _mended_text(value, subject) != value
        case list():
            return any(_within(one, subject) for one in value)
        case dict():
            return any(_within(name, subject) or _within(one, subject) for name, one in value.items())
        case _:
            return False


def _mended(row: asyncpg.Record, subject: Matcher) -> list[str | None]:
    """The run's texts in the order of the statement. A key that held it answers no command any more."""
    details, payload = (_mended_json(row[name], subject) for name in ("error_details", "payload"))
    key = row["command_key"]
    kept = key if key is None or _mended_text(key, subject) == key else None
    error, correlation, batch = (
        row[name] and _mended_text(row[name], subject) for name in ("error", "correlation_id", "batch_id")
    )
    return [error, details, payload, correlation, kept, batch]


def _mended_json(text: str | None, subject: Matcher) -> str | None:
    return None if text is None else orjson.dumps(_each(orjson.loads(text), subject)).decode()


def _each(value: Any, subject: Matcher) -> Any:  # any JSON
    match value:
        case str():
            return _mended_text(value, subject)
        case list():
            return [_each(one, subject) for one in value]
        case dict():
            return {_mended_text(name, subject): _each(one, subject) for name, one in value.items()}
        case _:
            return value


def _mended_text(text: str, subject: Matcher) -> str:
    """The text without the subject; ids that this server made hold it by chance alone."""
    if (landed := landing_file(text)) is not None and _labels(landed.filename, subject):
        return landing(landed.upload_id, "")
    if _MADE.fullmatch(subject.text.lower()):
        return subject.without_words(text)
    return "".join(part if number % 2 else subject.without_words(part) for number, part in enumerate(_MADE.split(text)))


def _labels(text: str, subject: Matcher) -> bool:
    """Whether a text holds the subject as names of uploaded files spell it, where spaces and signs are `_`."""
    return file_label(subject.text).lower() in text.lower()
