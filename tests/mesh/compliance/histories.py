"""Histories of two lakes, written to the log and its read tables as they would stand there."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson

from server.adapters.store.intervals import IntervalWriter
from server.kernel.compliance import ComplianceLevel
from server.kernel.ids import Urn
from server.kernel.record import record
from server.kernel.recorded import Recorded
from server.mesh.dataset.domain import DatasetRegistered
from server.mesh.lake.facts import (
    AccessAudited,
    DataLakeCreated,
    DatasetIngested,
    DeletionOverdue,
    GDPRDeletionCompleted,
    GDPRDeletionRequested,
)
from server.mesh.slices import CODEC, PROJECTIONS, TABLES

START = datetime(2026, 1, 1, tzinfo=UTC)
EU, US = Urn("lake:eu"), Urn("lake:us")


@record
class Past:
    """An event of a history: its stream, and so many seconds after START."""

    stream: Urn
    event: Any  # of any slice
    second: int

    @property
    def at(self) -> datetime:
        """When it was recorded."""
        return START + timedelta(seconds=self.second)


def lake(stream: Urn, second: int = 0) -> Past:
    """A lake is created."""
    name = stream.partition(":")[2]
    event = DataLakeCreated(lake=stream, name=name, owner="ann", region="eu", compliance_level=ComplianceLevel.GDPR)
    return Past(stream=stream, event=event, second=second)


def dataset(name: str, second: int = 0) -> Past:
    """A dataset is registered."""
    event = DatasetRegistered(name=name, fields=(), contains_pii=None, encryption_enabled=False)
    return Past(stream=Urn(f"dataset:{name}"), event=event, second=second)


def ingested(into: Urn, name: str, pii: bool, second: int) -> Past:
    """A dataset comes into a lake."""
    event = DatasetIngested(
        lake=into,
        dataset=Urn(f"dataset:{name}"),
        data_source="crm",
        record_count=1,
        contains_pii=pii,
        encryption_enabled=True,
    )
    return Past(stream=into, event=event, second=second)


def requested(of: Urn, deletion: str, second: int) -> Past:
    """Somebody asks to be erased; the request is stamped a moment before it is recorded."""
    event = GDPRDeletionRequested(
        deletion=Urn(f"deletion:{deletion}"),
        lake=of,
        subject_digest="00",
        subject_encrypted="sealed",
        reason="asked",
        requested_by="dpo",
        deadline=START + timedelta(days=30, seconds=second, milliseconds=-1),
    )
    return Past(stream=of, event=event, second=second)


def decided(of: Urn, deletion: str, kind: type, second: int) -> Past:
    """Something becomes of a request."""
    urn = Urn(f"deletion:{deletion}")
    given: dict[type, dict[str, object]] = {
        GDPRDeletionCompleted: {"erased": (), "unreached": (), "objects_deleted": 0},
        DeletionOverdue: {},
    }
    return Past(stream=of, event=kind(deletion=urn, **given.get(kind, {"reason": "because"})), second=second)


def read(of: Urn, name: str, accessor: str, second: int) -> Past:
    """Somebody reads a dataset of a lake."""
    event = AccessAudited(lake=of, accessor=accessor, dataset=Urn(f"dataset:{name}"), action="records", purpose="p")
    return Past(stream=of, event=event, second=second)


@asynccontextmanager
async def recorded(connection: asyncpg.Connection, history: Sequence[Past]) -> AsyncGenerator[None]:
    """The history in the log and in the read tables; gone again at the end."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await stand(connection, history)
        yield
    finally:
        await transaction.rollback()


async def stand(connection: asyncpg.Connection, history: Sequence[Past], *, behind: int = 0) -> None:
    """Write the history at positions 1, 2, 3 …; those up to `behind` stand already."""
    versions: dict[Urn, int] = {}
    rows: list[tuple[Any, ...]] = []
    writes: list[tuple[int, Any]] = []
    for position, past in enumerate(history, 1):
        version = versions[past.stream] = versions.get(past.stream, 0) + 1
        if position <= behind:
            continue
        rows.append(stored(position, version, past))
        found = Recorded(
            position=position,
            stream=past.stream,
            version=version,
            event=past.event,
            actor="ann",
            correlation_id=f"c{position}",
            recorded_at=past.at,
        )
        writes += [(position, write) for write in PROJECTIONS[type(past.event)](found)]
    await connection.executemany("insert into events values ($1, $2, $3, $4, $5, $6, $7, $8)", rows)
    await IntervalWriter(TABLES).apply(connection, writes)


def stored(position: int, version: int, past: Past) -> tuple[Any, ...]:  # a row of the log
    """The event as the log holds it."""
    about = [past.stream, *({getattr(past.event, "dataset", past.stream)} - {past.stream})]
    meta = {"actor": "ann", "correlation_id": f"c{position}", "about": about, "shape": 1, "key": str(position)}
    data = CODEC.encode(past.event).data.decode()
    kind = type(past.event).__name__
    return (position, past.stream, version, kind, data, orjson.dumps(meta).decode(), past.at, b"\x01")
