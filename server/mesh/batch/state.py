"""A batch's state: what its events add up to."""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TypeAlias, assert_never

from server.kernel.files import FileFormat
from server.kernel.ids import Urn
from server.kernel.privacy import PrivacyRule, PrivacyStrategy
from server.kernel.record import record
from server.mesh.batch.facts import (
    BatchExpired,
    BatchQuarantined,
    BatchReplayed,
    ConsumptionGranted,
    ConsumptionRevoked,
    DataAnonymized,
    DataAppended,
    DataPublished,
    Event,
    QualityCheckFailed,
    QualityCheckPassed,
    QuarantineReleased,
    SubjectErased,
)


class BatchStatus(StrEnum):
    """How far a batch has come."""

    APPENDED = "APPENDED"
    QUALITY_PASSED = "QUALITY_PASSED"
    QUALITY_FAILED = "QUALITY_FAILED"
    ANONYMIZED = "ANONYMIZED"
    PUBLISHED = "PUBLISHED"
    QUARANTINED = "QUARANTINED"
    EXPIRED = "EXPIRED"


class Quality(StrEnum):
    """What the last check said of today's rows."""

    UNCHECKED = "UNCHECKED"
    PASSED = "PASSED"
    FAILED = "FAILED"


@record
class Batch:
    """A batch's state. `bronze`, `silver`, `gold` are the attempts whose files count now; `step` is the last process.

    An expired batch keeps its last `bronze`, of which no file is left.
    `raw` is the digest of the raw file where it is not the upload's any more.
    `privacy_rules` are those last applied; `grants` the live and the lapsed ones that were not revoked.
    """

    batch: Urn
    dataset: Urn
    contract: Urn
    contract_version: int
    schema_version: int
    checksum: str
    size_bytes: int
    row_count: int
    rejected_row_count: int
    step: BatchStatus
    bronze: int
    format: FileFormat = FileFormat.CSV
    silver: int | None = None
    gold: int | None = None
    quality: Quality = Quality.UNCHECKED
    privacy_rules: tuple[PrivacyRule, ...] = ()
    quarantined: str | None = None
    grants: tuple[Urn, ...] = ()
    revoked: tuple[Urn, ...] = ()
    raw: str | None = None

    @property
    def raw_digest(self) -> str:
        """The SHA-256 by which the raw file stands in storage, hex."""
        return self.raw or self.checksum

    @property
    def status(self) -> BatchStatus:
        """The furthest that is true of the batch."""
        if self.step is BatchStatus.EXPIRED:
            return BatchStatus.EXPIRED
        if self.quarantined is not None:
            return BatchStatus.QUARANTINED
        if self.gold is not None:
            return BatchStatus.PUBLISHED
        if self.step is BatchStatus.QUALITY_PASSED and self.silver is not None:
            return BatchStatus.ANONYMIZED
        return self.step


State: TypeAlias = Batch | None


def evolve(state: State, event: Event) -> State:  # noqa: C901  # one case for each event
    """The state after the event."""
    if isinstance(event, DataAppended):
        return appended(event)
    assert state is not None, "a stream starts with DataAppended"
    match event:
        case QualityCheckPassed():
            return replace(state, step=BatchStatus.QUALITY_PASSED, quality=Quality.PASSED)
        case QualityCheckFailed():
            return replace(state, step=BatchStatus.QUALITY_FAILED, quality=Quality.FAILED)
        case DataAnonymized(attempt=attempt, rules=rules):
            return replace(state, step=BatchStatus.ANONYMIZED, silver=attempt, privacy_rules=rules)
        case DataPublished(attempt=attempt):
            return replace(state, gold=attempt)
        case BatchQuarantined(reason=reason):
            return replace(state, quarantined=reason)
        case QuarantineReleased():
            return replace(state, quarantined=None)
        case BatchReplayed():
            return replayed(state, event)
        case ConsumptionGranted(grant=grant):
            return replace(state, grants=(*state.grants, grant))
        case ConsumptionRevoked(grant=grant):
            return replace(
                state,
                grants=tuple(live for live in state.grants if live != grant),
                revoked=(*state.revoked, grant),
            )
        case BatchExpired():
            return expired(state)
        case SubjectErased():
            return erased(state, event)
        case _:
            assert_never(event)


def appended(event: DataAppended) -> Batch:
    """A new batch."""
    return Batch(
        batch=event.batch,
        dataset=event.dataset,
        contract=event.contract,
        contract_version=event.contract_version,
        schema_version=event.schema_version,
        checksum=event.checksum,
        size_bytes=event.size_bytes,
        row_count=event.row_count,
        rejected_row_count=event.rejected_row_count,
        step=BatchStatus.APPENDED,
        bronze=event.attempt,
        format=event.format,
    )


def replayed(state: Batch, event: BatchReplayed) -> Batch:
    """The batch with the files of a replay in place of its old ones."""
    return replace(
        state,
        contract_version=event.contract_version,
        schema_version=event.schema_version,
        row_count=event.row_count,
        rejected_row_count=event.rejected_row_count,
        step=replayed_step(event),
        bronze=event.attempt,
        silver=event.attempt if event.anonymized is not None else None,
        gold=event.attempt if event.published else None,
        quality=Quality.UNCHECKED if event.checked is None else Quality.PASSED,
        privacy_rules=event.anonymized.rules if event.anonymized is not None else (),
    )


def replayed_step(event: BatchReplayed) -> BatchStatus:
    """How far a replay brings a batch, publishing aside."""
    if event.anonymized is not None:
        return BatchStatus.ANONYMIZED
    return BatchStatus.APPENDED if event.checked is None else BatchStatus.QUALITY_PASSED


def expired(state: Batch) -> Batch:
    """The batch without its rows, and without what was said of them."""
    return replace(
        state,
        size_bytes=0,
        row_count=0,
        rejected_row_count=0,
        step=BatchStatus.EXPIRED,
        silver=None,
        gold=None,
        quality=Quality.UNCHECKED,
        privacy_rules=(),
    )


def erased(state: Batch, event: SubjectErased) -> Batch:
    """The batch without the rows of a person; what was said of it stands."""
    return replace(
        state,
        raw=event.raw,
        size_bytes=event.size_bytes,
        row_count=event.row_count,
        rejected_row_count=event.rejected_row_count,
        bronze=event.bronze,
        silver=event.silver,
        gold=event.gold,
    )


def hidden_columns(rules: Sequence[PrivacyRule]) -> frozenset[str]:
    """The columns that rules hide."""
    return frozenset(rule.column for rule in rules if rule.strategy is not PrivacyStrategy.KEEP)


def left_as_it_was(personal: Sequence[str], applied: Sequence[PrivacyRule], kept: Sequence[str]) -> tuple[str, ...]:
    """The personal columns that no applied rule hides and that the contract does not keep."""
    hidden = hidden_columns(applied)
    return tuple(column for column in personal if column not in hidden and column not in kept)
