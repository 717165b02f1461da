"""A lake's state, folded from its events: the datasets in it and the deletions asked of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias, assert_never

from server.kernel.compliance import ComplianceLevel
from server.kernel.errors import NotFound
from server.kernel.ids import Urn, name_of
from server.kernel.record import record
from server.mesh.lake.facts import (
    AccessAudited,
    DataLakeCreated,
    DatasetIngested,
    DeletionDeadlineNear,
    DeletionOverdue,
    Event,
    GDPRDeletionCompleted,
    GDPRDeletionHeld,
    GDPRDeletionRejected,
    GDPRDeletionReleased,
    GDPRDeletionRequested,
    SubjectReappeared,
)


class DeletionStatus(StrEnum):
    """How far a request for erasure has come."""

    PENDING = "PENDING"
    OVERDUE = "OVERDUE"
    HELD = "HELD"
    REJECTED = "REJECTED"
    COMPLETED = "COMPLETED"


@record
class Ingested:
    """A dataset in the lake, with the figures told last."""

    data_source: str
    record_count: int
    contains_pii: bool | None
    encryption_enabled: bool


@record
class Deletion:
    """A request for erasure. `warned`: the days left of which was told; `reappeared`: batches that were flagged."""

    status: DeletionStatus
    digest: str
    deadline: datetime
    overdue: bool = False
    warned: tuple[int, ...] = ()
    reappeared: tuple[Urn, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether the erasure is still to come."""
        return self.status not in (DeletionStatus.REJECTED, DeletionStatus.COMPLETED)


@record
class DataLake:
    """A lake that stands."""

    lake: Urn
    level: ComplianceLevel
    datasets: Mapping[Urn, Ingested]
    deletions: Mapping[Urn, Deletion]


State: TypeAlias = DataLake | None


def existing(lake: Urn, state: State) -> DataLake:
    """The lake that stands. Raises: NotFound."""
    if state is None:
        raise unknown_lake(lake)
    return state


def unknown_lake(lake: Urn, *, field: str = "lake") -> NotFound:
    """The refusal for a lake that is not there."""
    return NotFound(f"data lake {name_of(lake)!r} is not known; create it with createDataLake", field=field)


def evolve(state: State, event: Event) -> State:
    """The state after the event. An audited access changes nothing."""
    if isinstance(event, DataLakeCreated):
        return DataLake(lake=event.lake, level=event.compliance_level, datasets={}, deletions={})
    assert state is not None, "a stream starts with DataLakeCreated"
    match event:
        case AccessAudited():
            return state
        case DatasetIngested():
            return replace(state, datasets={**state.datasets, event.dataset: ingested(event)})
        case GDPRDeletionRequested(deletion=deletion, subject_digest=digest, deadline=deadline):
            asked = Deletion(status=DeletionStatus.PENDING, digest=digest, deadline=deadline)
            return replace(state, deletions={**state.deletions, deletion: asked})
        case (
            GDPRDeletionHeld()
            | GDPRDeletionReleased()
            | GDPRDeletionRejected()
            | DeletionDeadlineNear()
            | DeletionOverdue()
            | GDPRDeletionCompleted()
            | SubjectReappeared()
        ):
            after = moved(state.deletions[event.deletion], event)
            return replace(state, deletions={**state.deletions, event.deletion: after})
        case _:
            assert_never(event)


def ingested(event: DatasetIngested) -> Ingested:
    """The figures that an event tells."""
    return Ingested(
        data_source=event.data_source,
        record_count=event.record_count,
        contains_pii=event.contains_pii,
        encryption_enabled=event.encryption_enabled,
    )


DeletionMoved: TypeAlias = (
    GDPRDeletionHeld
    | GDPRDeletionReleased
    | GDPRDeletionRejected
    | DeletionDeadlineNear
    | DeletionOverdue
    | GDPRDeletionCompleted
    | SubjectReappeared
)


def moved(known: Deletion, event: DeletionMoved) -> Deletion:
    """The request after the event. A request that was released is as due as it would have been."""
    match event:
        case GDPRDeletionHeld():
            return replace(known, status=DeletionStatus.HELD)
        case GDPRDeletionReleased():
            return replace(known, status=DeletionStatus.OVERDUE if known.overdue else DeletionStatus.PENDING)
        case GDPRDeletionRejected():
            return replace(known, status=DeletionStatus.REJECTED)
        case DeletionDeadlineNear(days_left=days):
            return replace(known, warned=(*known.warned, days))
        case DeletionOverdue():
            return replace(known, overdue=True, status=DeletionStatus.OVERDUE)
        case GDPRDeletionCompleted():
            return replace(known, status=DeletionStatus.COMPLETED)
        case SubjectReappeared(batch=batch):
            return replace(known, reappeared=(*known.reappeared, batch))
        case _:
            assert_never(event)
