"""What may be asked of a batch: the commands on its stream, with what they need from outside."""

from datetime import datetime
from typing import TypeAlias

from server.kernel.ids import Urn
from server.kernel.record import record
from server.mesh.batch.facts import Anonymized, BatchReplayed, Checked, DataAppended, SubjectErased


@record
class AppendData:
    """Take a batch whose file was read and typed."""

    appended: DataAppended


@record
class RecordQuality:
    """Keep what a quality check of the file `bronze` found."""

    batch: Urn
    checked: Checked
    bronze: int


@record
class RecordAnonymization:
    """Keep what privacy rules did to the file `bronze`. `attempt` is the silver file's."""

    batch: Urn
    anonymized: Anonymized
    attempt: int
    bronze: int


@record
class PublishGate:
    """What the contract and the schema say now of publishing: personal columns, columns kept as they are.

    `strict`: the lake that lets no personal column through, whatever the contract keeps.
    """

    has_quality_rules: bool
    personal: tuple[str, ...]
    kept: tuple[str, ...]
    strict: Urn | None = None


@record
class PublishData:
    """Let consumers be granted the batch. `attempt` is the gold file's, made of `bronze` and `silver`."""

    batch: Urn
    gate: PublishGate
    attempt: int
    bronze: int
    silver: int | None


@record
class QuarantineBatch:
    """Set the batch apart."""

    batch: Urn
    reason: str


@record
class ReleaseBatch:
    """End the quarantine."""

    batch: Urn
    reason: str


@record
class ReplayBatch:
    """Put the files of a replay in place of `bronze` and `silver`, if they pass the same gate as publishing."""

    replayed: BatchReplayed
    gate: PublishGate
    bronze: int
    silver: int | None


@record
class GrantConsumption:
    """Let a consumer read the published batch until an instant."""

    batch: Urn
    grant: Urn
    consumer: str
    purpose: str | None
    format: str
    expires_at: datetime


@record
class RevokeConsumption:
    """End a grant."""

    batch: Urn
    grant: Urn
    reason: str | None


@record
class ExpireBatch:
    """Let the batch go: its time was over at `expires_at`."""

    batch: Urn
    expires_at: datetime
    reason: str


@record
class FilesMade:
    """The files from which others were made: the digest of raw, and attempts."""

    raw: str
    bronze: int
    silver: int | None
    gold: int | None


@record
class EraseSubject:
    """Put files without a person's rows in place of those that they were made of."""

    erased: SubjectErased
    made_of: FilesMade


Command: TypeAlias = (
    AppendData
    | RecordQuality
    | RecordAnonymization
    | PublishData
    | QuarantineBatch
    | ReleaseBatch
    | ReplayBatch
    | GrantConsumption
    | RevokeConsumption
    | ExpireBatch
    | EraseSubject
)
