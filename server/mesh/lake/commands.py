"""What may be asked of a lake: the commands on its stream, with what they need from outside."""

from datetime import datetime
from typing import TypeAlias

from server.kernel.compliance import ComplianceLevel
from server.kernel.fields import Field
from server.kernel.ids import Urn
from server.kernel.record import record
from server.mesh.lake.facts import ErasedRows


@record
class CreateLake:
    """Give a lake its id and its compliance level."""

    lake: Urn
    name: str
    owner: str
    region: str
    compliance_level: ComplianceLevel


@record
class BareBatch:
    """A batch that consumers may be granted although these personal columns stand in it as they were."""

    batch: Urn
    columns: tuple[str, ...]


@record
class IngestDataset:
    """Take a dataset into the lake, or tell its figures anew.

    `contains_pii` and `encryption_enabled` None: not said, so what is `known` of the dataset stands.
    `elsewhere`: the other lake that it is in. `bare`: a published batch with personal columns as they were.
    """

    lake: Urn
    dataset: Urn
    data_source: str
    record_count: int
    contains_pii: bool | None
    encryption_enabled: bool | None
    known_pii: bool | None
    known_encryption: bool
    fields: tuple[Field, ...]
    elsewhere: Urn | None = None
    bare: BareBatch | None = None


@record
class RequestDeletion:
    """Ask for a subject's erasure."""

    deletion: Urn
    lake: Urn
    subject_digest: str
    subject_encrypted: str
    reason: str
    requested_by: str
    deadline: datetime


@record
class HoldDeletion:
    """Keep the data for now."""

    deletion: Urn
    reason: str


@record
class ReleaseDeletion:
    """End a hold."""

    deletion: Urn
    reason: str


@record
class RejectDeletion:
    """Turn a request down for good."""

    deletion: Urn
    reason: str


@record
class WarnOfDeadline:
    """Say that the deadline is so many days away."""

    deletion: Urn
    days_left: int


@record
class MarkOverdue:
    """Say that the deadline has passed."""

    deletion: Urn


@record
class CompleteDeletion:
    """Say what an erasure took away."""

    deletion: Urn
    erased: tuple[ErasedRows, ...]
    unreached: tuple[str, ...]
    objects_deleted: int


@record
class ReportReappearance:
    """Say that a subject stands in a batch that came later."""

    deletion: Urn
    dataset: Urn
    batch: Urn
    rows: int


DeletionCommand: TypeAlias = (
    RequestDeletion
    | HoldDeletion
    | ReleaseDeletion
    | RejectDeletion
    | WarnOfDeadline
    | MarkOverdue
    | CompleteDeletion
    | ReportReappearance
)
Command: TypeAlias = CreateLake | IngestDataset | DeletionCommand
