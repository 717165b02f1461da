"""One append: what a command wants recorded, how Postgres is told, and what became of it."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

import asyncpg
import orjson

from server.kernel.codec import Codec
from server.kernel.ids import Urn
from server.kernel.intent import Intent
from server.kernel.record import record
from server.kernel.recorded import Recorded

APPEND_SQL = """
select * from append_many($1::text[], $2::bytea[], $3::int[], $4::int[], $5::int[], $6::text[], $7::int[],
                          $8::text[], $9::text[], $10::bigint[], $11::text[], $12::text[], $13::jsonb[], $14::jsonb[])
"""


MUST_EXIST = -1  # as a checked version: any but none


@record
class NewEvent:
    """An event to be appended to a stream. `about`: the things that it concerns besides."""

    stream: Urn
    event: object
    about: tuple[Urn, ...] = ()


@record
class StreamCheck:
    """A stream must stand at this version: 0 = must not exist, MUST_EXIST = any.

    Audited accesses decide nothing: those behind the version are overlooked.
    """

    stream: Urn
    version: int


@record
class QuietCheck:
    """No event of these types that concerns `thing` may stand behind `position`."""

    thing: Urn
    types: tuple[type, ...]
    position: int


Check: TypeAlias = StreamCheck | QuietCheck


@record
class Append:
    """What one command wants recorded, all or nothing."""

    intent: Intent
    checks: tuple[Check, ...]
    events: tuple[NewEvent, ...]


class Outcome(StrEnum):
    """What became of an append."""

    APPENDED = "appended"
    DUPLICATE = "duplicate"
    KEY_REUSED = "key_reused"
    CONFLICT = "conflict"


@record
class Result:
    """The answer to one append. A conflict names the stream and the version at which it stands.

    `versions`: those of its events in their streams, where they were appended just now.
    """

    outcome: Outcome
    first: int | None
    last: int | None
    at: datetime | None
    stream: str | None
    actual: int | None
    versions: tuple[int, ...] = ()


@record
class Encoded:
    """An append with its events as text: their types, their data and their meta, as JSON."""

    append: Append
    types: list[str]
    data: list[str]
    metas: list[str]

    @property
    def size(self) -> int:
        """Characters of data."""
        return sum(map(len, self.data))


def encode(append: Append, codec: Codec) -> Encoded:
    """The append as it is sent."""
    encoded = Encoded(append=append, types=[], data=[], metas=[])
    for new in append.events:
        event = codec.encode(new.event)
        meta: dict[str, Any] = {
            "actor": append.intent.actor,
            "about": new.about,
            "shape": event.shape,
            "key": append.intent.key,
            "correlation_id": append.intent.correlation_id,
        }
        encoded.types.append(event.type)
        encoded.data.append(event.data.decode())
        encoded.metas.append(orjson.dumps(meta).decode())
    return encoded


def columns(group: Sequence[Encoded]) -> tuple[list[Any], ...]:
    """The group as the parallel arrays of `append_many`."""
    appends = [encoded.append for encoded in group]
    streams = [[check for check in a.checks if isinstance(check, StreamCheck)] for a in appends]
    quiet = [
        [entry for check in a.checks if isinstance(check, QuietCheck) for entry in entries(check)] for a in appends
    ]
    return (
        [a.intent.key for a in appends],
        [a.intent.digest for a in appends],
        [len(checks) for checks in streams],
        [len(each) for each in quiet],
        [len(a.events) for a in appends],
        [check.stream for checks in streams for check in checks],
        [check.version for checks in streams for check in checks],
        [thing for each in quiet for thing, _, _ in each],
        [name for each in quiet for _, name, _ in each],
        [position for each in quiet for _, _, position in each],
        [new.stream for a in appends for new in a.events],
        [name for encoded in group for name in encoded.types],
        [data for encoded in group for data in encoded.data],
        [meta for encoded in group for meta in encoded.metas],
    )


def entries(check: QuietCheck) -> list[tuple[Urn, str, int]]:
    """The check as `append_many` takes it: one entry for each type."""
    return [(check.thing, kind.__name__, check.position) for kind in check.types]


def result(row: asyncpg.Record) -> Result:
    """A row of `append_many`."""
    return Result(
        outcome=Outcome(row["kind"]),
        first=row["first"],
        last=row["last"],
        at=row["at"],
        stream=row["stream"],
        actual=row["actual"],
        versions=tuple(row["versions"] or ()),
    )


def recorded_events(append: Append, row: asyncpg.Record) -> list[Recorded[Any]]:
    """The events of one appended command with the places that they were given."""
    return [
        Recorded(
            position=row["first"] + index,
            stream=new.stream,
            version=row["versions"][index],
            event=new.event,
            actor=append.intent.actor,
            correlation_id=append.intent.correlation_id,
            recorded_at=row["at"],
        )
        for index, new in enumerate(append.events)
    ]
