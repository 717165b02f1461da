"""Column lineage of an edge, read from the SQL behind it and the registered schemas of what it reads."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import orjson
from sqlalchemy import func
from sqlmodel import col

from server.adapters.side_process.process import ProcessEnded, SideProcess
from server.adapters.sql_columns.ask import ask, ready
from server.adapters.sql_columns.question import Answer, Missing, Question, Read, Table, Unknown
from server.adapters.store.reader import Reader
from server.adapters.store.schema_column import fields_of
from server.kernel.errors import LimitExceeded, TimedOut
from server.kernel.fields import folded
from server.kernel.ids import Kind, Urn
from server.kernel.record import record
from server.mesh.dataset.queries import DatasetRow
from server.mesh.lineage.facts import ColumnLink
from server.mesh.product.queries import ProductRow

SECONDS = 2.0  # that reading one statement may take
READY_SECONDS = 30.0  # that loading the reader may take on a busy machine
REMEMBERED = 256  # answers

_SLOW = Unknown(reason=f"reading the SQL takes longer than {SECONDS:g} seconds")
_LARGE = Unknown(reason="reading the SQL takes too much memory")
_FATAL = Unknown(reason="reading the SQL ended its process")
_OF_THE_MOMENT = (_SLOW, _LARGE, _FATAL)


@record
class ReadColumns:
    """What SQL tells of an edge's columns; `unknown`: why it tells nothing."""

    columns: tuple[ColumnLink, ...]
    unknown: str | None


class SqlColumns:
    """Reads column lineage from SQL, outside of this process."""

    def __init__(self, side: SideProcess, reader: Reader) -> None:
        self._side = side
        self._reader = reader
        self._answers: OrderedDict[bytes, Answer] = OrderedDict()

    async def read(self, sql: str, dialect: str | None, source: Urn, target: Urn) -> ReadColumns:
        """The columns of the target that are made of the source's, by a statement whose names mean registered ones.

        Raises: Unavailable, while too many statements wait to be read.
        """
        tables = [await self._table(urn) for urn in (source, target)]
        for urn, table in zip((source, target), tables, strict=True):
            if table is None:
                return _unknown(f"{urn[:140]!r} has no registered columns")
        from_table, to_table = (table for table in tables if table is not None)
        question = Question(sql=sql, dialect=dialect, source=from_table, target=to_table, others={})
        answer = await self._answer(question)
        if isinstance(answer, Missing):
            others = await self._others(answer.names)
            answer = await self._answer(
                Question(sql=sql, dialect=dialect, source=from_table, target=to_table, others=others)
            )
        match answer:
            case Read(links=links):
                return ReadColumns(
                    columns=tuple(
                        ColumnLink(target=link.target, sources=link.sources, indirect=link.indirect) for link in links
                    ),
                    unknown=None,
                )
            case Unknown(reason=reason):
                return _unknown(reason)
            case Missing():
                raise AssertionError("every table that was missing has been looked for")

    async def _answer(self, question: Question) -> Answer:
        key = _digest(question)
        if (known := self._answers.get(key)) is not None:
            self._answers.move_to_end(key)
            return known
        answer = await self._ask(question)
        if answer in _OF_THE_MOMENT:
            return answer
        self._answers[key] = answer
        if len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)
        return answer

    async def _ask(self, question: Question) -> Answer:
        await self._side.run(ready, seconds=READY_SECONDS)
        try:
            return await self._side.run(ask, question, seconds=SECONDS)
        except TimedOut:
            return _SLOW
        except LimitExceeded:
            return _LARGE
        except ProcessEnded:
            return _FATAL

    async def _table(self, urn: Urn) -> Table | None:
        """An end with its registered columns; None where it has none."""
        row: DatasetRow | ProductRow | None = None
        if urn.startswith(f"{Kind.DATASET}:"):
            row = await self._reader.by_id(DatasetRow, urn)
        elif urn.startswith(f"{Kind.PRODUCT}:"):
            row = await self._reader.by_id(ProductRow, urn)
        return None if row is None else _of_row(row)

    async def _others(self, names: Sequence[str]) -> Mapping[str, Table | str]:
        """What is registered under these folded names, or why that is not one table."""
        rows: list[DatasetRow | ProductRow] = [
            *await self._reader.all(DatasetRow, func.lower(col(DatasetRow.name)).in_(names)),
            *await self._reader.all(ProductRow, func.lower(col(ProductRow.name)).in_(names)),
        ]
        found: dict[str, list[Table]] = {name: [] for name in names}
        for row in rows:
            found[folded(row.name)].append(_of_row(row))
        return {name: _only(name, tables) for name, tables in found.items()}


def _of_row(row: DatasetRow | ProductRow) -> Table:
    return Table(name=row.name, columns=tuple(field.name for field in fields_of(row)))


def _only(name: str, tables: Sequence[Table]) -> Table | str:
    match tables:
        case [table]:
            return table
        case []:
            return f"the SQL reads {name[:80]!r}, which is no registered dataset or product"
        case _:
            return f"the SQL reads {name[:80]!r}, which is both a dataset and a product"


def _unknown(reason: str) -> ReadColumns:
    return ReadColumns(columns=(), unknown=reason)


def _digest(question: Question) -> bytes:
    return hashlib.sha256(orjson.dumps(question, option=orjson.OPT_SORT_KEYS)).digest()
