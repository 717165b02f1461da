"""What can happen to a data lake: the events of its stream."""

from datetime import datetime
from typing import TypeAlias

from server.kernel.compliance import ComplianceLevel
from server.kernel.ids import Urn
from server.kernel.layer import Layer
from server.kernel.record import record


@record
class ErasedRows:
    """How many rows an erasure took from one layer of one batch."""

    batch: Urn
    layer: Layer
    rows: int


@record
class DataLakeCreated:
    """A data lake exists. Its compliance level is for good."""

    lake: Urn
    name: str
    owner: str
    region: str
    compliance_level: ComplianceLevel


@record
class DatasetIngested:
    """A dataset is in the lake, from here on for good; told again, with new figures."""

    lake: Urn
    dataset: Urn
    data_source: str
    record_count: int
    contains_pii: bool | None
    encryption_enabled: bool


@record
class GDPRDeletionRequested:
    """A subject asked for erasure. The digest is keyed, hex; `subject_encrypted` has a key of its own, which dies."""

    deletion: Urn
    lake: Urn
    subject_digest: str
    subject_encrypted: str
    reason: str
    requested_by: str
    deadline: datetime


@record
class GDPRDeletionHeld:
    """The data must stay for now: a legal hold."""

    deletion: Urn
    reason: str


@record
class GDPRDeletionReleased:
    """The hold ended; the request is due as before."""

    deletion: Urn
    reason: str


@record
class GDPRDeletionRejected:
    """The request was turned down for good."""

    deletion: Urn
    reason: str


@record
class DeletionDeadlineNear:
    """The request is still open so many days before its deadline."""

    deletion: Urn
    days_left: int


@record
class DeletionOverdue:
    """The deadline passed while the request was open."""

    deletion: Urn


@record
class GDPRDeletionCompleted:
    """The subject is erased, and the key under which the request kept the id is destroyed.

    `unreached` tells what this server cannot reach; `objects_deleted` counts files that are gone.
    """

    deletion: Urn
    erased: tuple[ErasedRows, ...]
    unreached: tuple[str, ...]
    objects_deleted: int


@record
class SubjectReappeared:
    """Rows of a subject whose erasure was asked for came with a later batch."""

    deletion: Urn
    dataset: Urn
    batch: Urn
    rows: int


@record
class AccessAudited:
    """Somebody read data. `lake` is None for a dataset in no lake; the event then stands on the dataset's stream."""

    lake: Urn | None
    accessor: str
    dataset: Urn
    action: str
    purpose: str


LakeEvent: TypeAlias = DataLakeCreated | DatasetIngested
DeletionEvent: TypeAlias = (
    GDPRDeletionRequested
    | GDPRDeletionHeld
    | GDPRDeletionReleased
    | GDPRDeletionRejected
    | DeletionDeadlineNear
    | DeletionOverdue
    | GDPRDeletionCompleted
    | SubjectReappeared
)
AuditEvent: TypeAlias = AccessAudited
Event: TypeAlias = LakeEvent | DeletionEvent | AuditEvent
