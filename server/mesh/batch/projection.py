"""Batch events as changes of the read tables."""

from collections.abc import Sequence
from typing import Any, assert_never

from pydantic import TypeAdapter

from server.adapters.store.intervals import Change, Open, Write
from server.kernel.ids import name_of
from server.kernel.privacy import PrivacyRule
from server.kernel.quality import RuleResult
from server.kernel.recorded import Recorded
from server.mesh.batch.facts import (
    Anonymized,
    BatchExpired,
    BatchQuarantined,
    BatchReplayed,
    Checked,
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
from server.mesh.batch.state import BatchStatus, replayed_step
from server.mesh.batch.tables import BatchRow, GrantRow, PrivacyReportRow, QualityReportRow

RESULTS = TypeAdapter(tuple[RuleResult, ...])
RULES = TypeAdapter(tuple[PrivacyRule, ...])
NOTHING_LEFT = {
    "step": BatchStatus.EXPIRED,
    "bronze": None,
    "silver": None,
    "gold": None,
    "size_bytes": 0,
    "row_count": 0,
    "rejected_row_count": 0,
}
TABLES = (BatchRow, QualityReportRow, PrivacyReportRow, GrantRow)


def project(recorded: Recorded[Event]) -> Sequence[Write]:  # noqa: C901  # one case for each event
    """What the event changes."""
    event = recorded.event
    match event:
        case DataAppended():
            return [appended(recorded, event)]
        case QualityCheckPassed():
            return [change(recorded, step=BatchStatus.QUALITY_PASSED), quality_report(recorded, event, passed=True)]
        case QualityCheckFailed():
            return [change(recorded, step=BatchStatus.QUALITY_FAILED), quality_report(recorded, event, passed=False)]
        case DataAnonymized(attempt=attempt):
            step = change(recorded, step=BatchStatus.ANONYMIZED, silver=attempt)
            return [step, privacy_report(recorded, event)]
        case DataPublished(attempt=attempt):
            return [change(recorded, gold=attempt, published_at=recorded.recorded_at)]
        case BatchQuarantined(reason=reason):
            at = recorded.recorded_at.isoformat()
            return [change(recorded, quarantine={"reason": reason, "by": recorded.actor, "at": at})]
        case QuarantineReleased():
            return [change(recorded, quarantine=None)]
        case BatchReplayed():
            return replayed(recorded, event)
        case ConsumptionGranted():
            return [change(recorded), granted(recorded, event)]
        case ConsumptionRevoked(grant=grant):
            revoked = Change(table=GrantRow, id=grant, values={"revoked_at": recorded.recorded_at})
            return [change(recorded), revoked]
        case BatchExpired(expires_at=expires_at):
            return [change(recorded, **NOTHING_LEFT, expires_at=expires_at)]
        case SubjectErased():
            return [erased(recorded, event)]
        case _:
            assert_never(event)


def change(recorded: Recorded[Event], **values: Any) -> Change:  # columns' Python values
    """The batch at its new revision."""
    return Change(table=BatchRow, id=recorded.stream, values={"revision": recorded.version, **values})


def appended(recorded: Recorded[Event], event: DataAppended) -> Open:
    """A new batch."""
    return Open(
        table=BatchRow,
        id=recorded.stream,
        values={
            "batch_id": name_of(event.batch),
            "dataset": event.dataset,
            "contract": event.contract,
            "revision": recorded.version,
            "contract_version": event.contract_version,
            "schema_version": event.schema_version,
            "file_url": event.file_url,
            "checksum": event.checksum,
            "raw": None,
            "size_bytes": event.size_bytes,
            "row_count": event.row_count,
            "rejected_row_count": event.rejected_row_count,
            "step": BatchStatus.APPENDED,
            "bronze": event.attempt,
            "silver": None,
            "gold": None,
            "quarantine": None,
            "position": recorded.position,
            "appended_at": recorded.recorded_at,
            "published_at": None,
            "expires_at": None,
        },
    )


def replayed(recorded: Recorded[Event], event: BatchReplayed) -> Sequence[Write]:
    """The batch with new files, and the reports of how they came to be."""
    writes: list[Write] = [
        change(
            recorded,
            contract_version=event.contract_version,
            schema_version=event.schema_version,
            row_count=event.row_count,
            rejected_row_count=event.rejected_row_count,
            step=replayed_step(event),
            bronze=event.attempt,
            silver=event.attempt if event.anonymized is not None else None,
            gold=event.attempt if event.published else None,
        )
    ]
    if event.checked is not None:
        writes.append(quality_report(recorded, event.checked, passed=True))
    if event.anonymized is not None:
        writes.append(privacy_report(recorded, event.anonymized))
    return writes


def erased(recorded: Recorded[Event], event: SubjectErased) -> Change:
    """The batch with the files and counts that are left of it."""
    return change(
        recorded,
        raw=event.raw,
        bronze=event.bronze,
        silver=event.silver,
        gold=event.gold,
        row_count=event.row_count,
        rejected_row_count=event.rejected_row_count,
        size_bytes=event.size_bytes,
    )


def quality_report(recorded: Recorded[Event], checked: Checked, *, passed: bool) -> Open:
    """A check's outcome, kept beside the batch."""
    return Open(
        table=QualityReportRow,
        id=f"{recorded.stream}#{recorded.position}",
        values={
            "batch": recorded.stream,
            "position": recorded.position,
            "passed": passed,
            "checked_rows": checked.checked_rows,
            "results": RESULTS.dump_python(checked.results, mode="json"),
            "attempt": checked.attempt,
            "at": recorded.recorded_at,
        },
    )


def privacy_report(recorded: Recorded[Event], anonymized: Anonymized) -> Open:
    """An anonymisation's outcome, kept beside the batch."""
    return Open(
        table=PrivacyReportRow,
        id=f"{recorded.stream}#{recorded.position}",
        values={
            "batch": recorded.stream,
            "position": recorded.position,
            "rules": RULES.dump_python(anonymized.rules, mode="json"),
            "rows": anonymized.rows,
            "changed_rows": anonymized.changed_rows,
            "columns": list(anonymized.columns),
            "k_anonymity": anonymized.k_anonymity,
            "at": recorded.recorded_at,
        },
    )


def granted(recorded: Recorded[Event], event: ConsumptionGranted) -> Open:
    """A new grant."""
    return Open(
        table=GrantRow,
        id=event.grant,
        values={
            "batch": event.batch,
            "consumer": event.consumer,
            "purpose": event.purpose,
            "format": event.format,
            "granted_by": recorded.actor,
            "granted_at": recorded.recorded_at,
            "expires_at": event.expires_at,
            "revoked_at": None,
            "position": recorded.position,
        },
    )
