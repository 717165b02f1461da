"""A run as everybody sees it: what was asked, how far it is, how it ended."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import asyncpg
import orjson

from server.kernel.errors import NotFound
from server.kernel.ids import Kind, Urn, name_of, urn
from server.kernel.record import record


class ProcessKind(StrEnum):
    """What a run does."""

    APPEND = "APPEND"
    REPLAY = "REPLAY"
    QUALITY_CHECK = "QUALITY_CHECK"
    ANONYMIZE = "ANONYMIZE"
    PUBLISH = "PUBLISH"
    ERASE = "ERASE"
    EXPIRE = "EXPIRE"
    COMPACT = "COMPACT"
    EMULATE = "EMULATE"


class RunStatus(StrEnum):
    """How far a run is. A run that a worker gave back stands at QUEUED again."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


@record
class RunRequest:
    """A run to be started.

    A run with a batch has that batch to itself; one with a dataset and no batch has the whole dataset to itself.
    `batch_id` is the bare name and needs a dataset. `payload` is JSON that the handler reads.
    `command_key` is the idempotency key with its principal; `input_digest` tells a repeated command from another one
    under the same key.
    """

    kind: ProcessKind
    dataset: Urn | None
    batch_id: str | None
    actor: str
    correlation_id: str
    command_key: str | None
    input_digest: bytes
    payload: Mapping[str, Any]  # any JSON: each handler has its own

    def __post_init__(self) -> None:
        assert self.batch_id is None or self.dataset is not None, "a run on a batch names the batch's dataset"


@record
class Run:
    """A run as it stands. `progress` goes from 0 to 1; `attempt` counts how often a worker has taken it.

    The positions are those of the first and the last event that it recorded.
    """

    id: Urn
    kind: ProcessKind
    status: RunStatus
    dataset: Urn | None
    batch_id: str | None
    actor: str
    correlation_id: str
    payload: Mapping[str, Any]  # any JSON: each handler has its own
    progress: float
    rows_done: int
    error: str | None
    error_code: str | None
    error_field: str | None
    error_details: Mapping[str, Any] | None  # any JSON: `Refused.details`
    first_position: int | None
    last_position: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int

    @property
    def finished(self) -> bool:
        """Whether the run will never change again."""
        return self.status in (RunStatus.SUCCEEDED, RunStatus.FAILED)


@record
class RunFilter:
    """Which runs to list: those that match everything given. `batch` is the bare name, in any case."""

    kind: ProcessKind | None = None
    status: RunStatus | None = None
    dataset: Urn | None = None
    batch: str | None = None


@record
class RunCursor:
    """Where a page ends: the place of its last run in the order of the list."""

    created_at: datetime
    id: Urn


@record
class RunPage:
    """Runs, oldest first, and whether there are more behind them."""

    runs: tuple[Run, ...]
    has_more: bool


# Casts keep the JSON columns text whatever codec the pool has.
RUN_COLUMNS = (
    "id, kind, status, dataset, batch_id, actor, correlation_id, payload::text as payload, progress, rows_done,"
    " error, error_code, error_field, error_details::text as error_details, first_position, last_position,"
    " created_at, started_at, finished_at, attempt_of_run"
)


def run_from_row(row: asyncpg.Record) -> Run:
    """The run in a row that holds RUN_COLUMNS."""
    return Run(
        id=urn(Kind.RUN, str(row["id"])),
        kind=ProcessKind(row["kind"]),
        status=RunStatus(row["status"]),
        dataset=row["dataset"],
        batch_id=row["batch_id"],
        actor=row["actor"],
        correlation_id=row["correlation_id"],
        payload=orjson.loads(row["payload"]),
        progress=row["progress"],
        rows_done=row["rows_done"],
        error=row["error"],
        error_code=row["error_code"],
        error_field=row["error_field"],
        error_details=None if row["error_details"] is None else orjson.loads(row["error_details"]),
        first_position=row["first_position"],
        last_position=row["last_position"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        attempt=row["attempt_of_run"],
    )


def run_uuid(run_id: Urn) -> uuid.UUID:
    """The UUID in a run's URN. Raises: NotFound."""
    try:
        return uuid.UUID(name_of(run_id))
    except ValueError:
        raise unknown_run(run_id) from None


def unknown_run(run_id: Urn) -> NotFound:
    """The refusal for a run that is not there."""
    return NotFound(f"run {run_id[:140]!r} is not known; take an id that a mutation or processRuns answered")
