"""One batch and the things that may happen to it, in short."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from server.kernel.files import FileFormat
from server.kernel.ids import Urn
from server.kernel.privacy import PrivacyRule, PrivacyStrategy
from server.kernel.quality import QualityRule, RuleResult, Severity
from server.mesh.batch.commands import ExpireBatch, GrantConsumption, PublishGate
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
    QualityCheckFailed,
    QualityCheckPassed,
    QuarantineReleased,
    SubjectErased,
)

B1, ORDERS, C1 = Urn("batch:b1"), Urn("dataset:orders"), Urn("contract:c1")
G1, G2 = Urn("grant:1"), Urn("grant:2")
LATER = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
POSITIVE = QualityRule(column="amount", check="> 0")
OPEN = PublishGate(has_quality_rules=False, personal=(), kept=())


def rules(*columns: str, strategy: PrivacyStrategy = PrivacyStrategy.MASK) -> tuple[PrivacyRule, ...]:
    return tuple(PrivacyRule(column=column, strategy=strategy) for column in columns)


def hidden(*columns: str, strategy: PrivacyStrategy = PrivacyStrategy.MASK) -> Anonymized:
    return Anonymized(rules=rules(*columns, strategy=strategy), rows=3, changed_rows=2, columns=columns)


def result(passed: bool, severity: Severity = Severity.ERROR, column: str | None = "amount") -> RuleResult:
    rule = QualityRule(column=column, check="> 0", severity=severity)
    return RuleResult(rule=rule, passed=passed, failed_rows=0 if passed else 1, failed_fraction=0.0 if passed else 0.25)


def checked(*results: RuleResult, attempt: int = 11) -> Checked:
    return Checked(checked_rows=4, results=results, attempt=attempt)


def appended(attempt: int = 1) -> DataAppended:
    return DataAppended(
        batch=B1,
        dataset=ORDERS,
        contract=C1,
        contract_version=1,
        schema_version=1,
        file_url="landing/1/orders.csv",
        checksum="ab" * 32,
        size_bytes=99,
        row_count=4,
        rejected_row_count=1,
        attempt=attempt,
        format=FileFormat.CSV,
    )


def replayed(
    *, attempt: int = 20, check: Checked | None = None, anonymized: Anonymized | None = None, published: bool = False
) -> BatchReplayed:
    return BatchReplayed(
        batch=B1,
        contract_version=2,
        schema_version=1,
        row_count=5,
        rejected_row_count=0,
        attempt=attempt,
        checked=check,
        anonymized=anonymized,
        published=published,
    )


def anonymized(*columns: str, attempt: int = 2, strategy: PrivacyStrategy = PrivacyStrategy.MASK) -> DataAnonymized:
    return DataAnonymized(
        batch=B1, attempt=attempt, rules=rules(*columns, strategy=strategy), rows=3, changed_rows=2, columns=columns
    )


def grant(id: Urn = G1, **changes: Any) -> GrantConsumption:
    asked = {"batch": B1, "grant": id, "consumer": "ann", "purpose": "report", "format": "PARQUET", "expires_at": LATER}
    return GrantConsumption(**asked | changes)


def granted(id: Urn = G1) -> ConsumptionGranted:
    return ConsumptionGranted(grant=id, batch=B1, consumer="ann", purpose="report", format="PARQUET", expires_at=LATER)


APPENDED = appended()
PASSED = QualityCheckPassed(batch=B1, checked_rows=4, results=(result(True),), attempt=11)
FAILED = QualityCheckFailed(
    batch=B1, checked_rows=4, results=(result(False),), attempt=11, reason="1 of 1 rules broken: amount > 0"
)
PUBLISHED = DataPublished(batch=B1, row_count=4, attempt=3)
QUARANTINED = BatchQuarantined(batch=B1, reason="smells")
RELEASED = QuarantineReleased(batch=B1, reason="was nothing")
EXPIRED = BatchExpired(batch=B1, expires_at=LATER, reason="contract 'c1' keeps batches for 30 days")
EXPIRE = ExpireBatch(batch=B1, expires_at=EXPIRED.expires_at, reason=EXPIRED.reason)
REVOKED = ConsumptionRevoked(grant=G1, reason="done")


def erased(**other: Any) -> SubjectErased:
    values: Mapping[str, Any] = {
        "batch": B1,
        "deletion": Urn("deletion:1"),
        "raw": "cd" * 32,
        "bronze": 9,
        "silver": None,
        "gold": None,
        "row_count": 2,
        "rejected_row_count": 0,
        "size_bytes": 50,
        "erased_bronze": 1,
        "erased_silver": 0,
        "erased_gold": 0,
        "erased_rejects": 1,
    }
    return SubjectErased(**(dict(values) | other))
