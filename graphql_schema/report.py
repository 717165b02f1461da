"""What was found in batches: rows set aside, quality and privacy reports."""

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from graphql_schema.context import Info
from graphql_schema.guard import guarded
from graphql_schema.rules import PrivacyRule, QualityRule, privacy_rule, quality_rule
from graphql_schema.scalars import BigInt
from server.kernel.permission import Permission
from server.kernel.quality import RuleResult
from server.mesh.audit.service import Action
from server.mesh.batch.queries import BatchRow, PrivacyReportRow, QualityReportRow, results_of, rules_of


@strawberry.type(description="A record of the file that did not fit the schema.")
class RejectedRow:
    """A record of the file that did not fit the schema."""

    line: BigInt = strawberry.field(description="The line of the file on which the record starts; the header is 1.")
    column: str | None = strawberry.field(description="The first bad column; null where the record's form is bad.")
    reason: str = strawberry.field(description="What is wrong with each bad column, without the values.")


@strawberry.type(description="What one rule found.")
class QualityResult:
    """What one rule found."""

    batch: strawberry.Private[BatchRow | None]
    attempt: strawberry.Private[int]
    index: strawberry.Private[int]
    rule: QualityRule = strawberry.field(description="The rule.")
    passed: bool = strawberry.field(description="Whether no more rows failed than its threshold allows.")
    failed_rows: BigInt = strawberry.field(description="How many rows failed.")
    failed_fraction: float = strawberry.field(description="Failed rows by checked rows, 0 to 1.")

    @guarded(Permission.ROWS, description="Up to 5 failing rows, personal columns masked.")
    async def sample(self, info: Info) -> list[JSON]:
        """The rows, from the file beside the batch; none once that file is gone."""
        if self.batch is None:
            return []
        batch, samples = self.batch, info.context.mesh.batch_service.samples
        return await info.context.audit.through(
            batch.dataset, Action.SAMPLES, lambda: samples(batch, self.attempt, self.index)
        )


@strawberry.type(description="A quality check of a batch.")
class QualityReport:
    """A quality check of a batch."""

    passed: bool = strawberry.field(description="Whether no rule of severity ERROR is broken.")
    checked_rows: BigInt = strawberry.field(description="How many rows were looked at.")
    results: list[QualityResult] = strawberry.field(description="One for each rule, in the order of the rules.")
    at: datetime = strawberry.field(description="When it was recorded.")


@strawberry.type(description="An anonymisation of a batch.")
class PrivacyReport:
    """An anonymisation of a batch."""

    rules: list[PrivacyRule] = strawberry.field(description="The rules that were applied.")
    rows: BigInt = strawberry.field(description="How many rows there are.")
    changed_rows: BigInt = strawberry.field(description="How many rows really differ.")
    columns: list[str] = strawberry.field(description="The columns in which values differ.")
    k_anonymity: BigInt | None = strawberry.field(
        description="Rows of the smallest group that shares what is made coarser or left of what is personal; null"
        " where there is no such column."
    )
    at: datetime = strawberry.field(description="When it was recorded.")


def quality_result(result: RuleResult, index: int, attempt: int, batch: BatchRow | None) -> QualityResult:
    """A rule's result in the graph."""
    return QualityResult(
        batch=batch,
        attempt=attempt,
        index=index,
        rule=quality_rule(result.rule),
        passed=result.passed,
        failed_rows=BigInt(result.failed_rows),
        failed_fraction=result.failed_fraction,
    )


def quality_report(row: QualityReportRow, batch: BatchRow) -> QualityReport:
    """A check in the graph."""
    return QualityReport(
        passed=row.passed,
        checked_rows=BigInt(row.checked_rows),
        results=[
            quality_result(result, index, row.attempt, batch) for index, result in enumerate(results_of(row.results))
        ],
        at=row.at,
    )


def privacy_report(row: PrivacyReportRow) -> PrivacyReport:
    """An anonymisation in the graph."""
    return PrivacyReport(
        rules=[privacy_rule(rule) for rule in rules_of(row.rules)],
        rows=BigInt(row.rows),
        changed_rows=BigInt(row.changed_rows),
        columns=row.columns,
        k_anonymity=None if row.k_anonymity is None else BigInt(row.k_anonymity),
        at=row.at,
    )
