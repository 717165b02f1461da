"""The check of a batch: every rule in one aggregate over its Parquet file, and a few failing rows of each."""

from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb
import re2

from server.adapters.engine.batch_table import batch_table, rows_of
from server.adapters.engine.quality_expressions import COMPARISONS, counts
from server.adapters.engine.quality_samples import Sample, failing_rows
from server.kernel.columns import named_column
from server.kernel.errors import BadUserInput
from server.kernel.fields import Field
from server.kernel.quality import QualityRule, RuleResult
from server.kernel.quality_checks import Check, Matches, RowCount
from server.kernel.quality_schema import check_rule
from server.kernel.record import record


@record
class QualityOutcome:
    """What a check found. `results` and `samples` stand in the order of the rules."""

    checked_rows: int
    results: tuple[RuleResult, ...]
    samples: tuple[tuple[Sample, ...], ...]


def validate(rule: QualityRule, fields: Sequence[Field]) -> Check:
    """The rule's check, if this engine can judge it on such a schema. Raises: BadUserInput."""
    check = check_rule(rule, fields)
    if isinstance(check, Matches):
        options = re2.Options()
        options.log_errors = False
        try:
            re2.compile(check.pattern, options)
        except re2.error as error:
            reason = error.args[0]
            told = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
            raise BadUserInput(
                f"pattern {check.pattern[:80]!r} is not RE2, which has no look-around: {told}",
                field="check",
            ) from None
    return check


def check_quality(
    cursor: duckdb.DuckDBPyConnection,
    parquet: Path,
    fields: Sequence[Field],
    rules: Sequence[QualityRule],
    covered: Collection[str] | None = None,
) -> QualityOutcome:
    """Judge the rows of `parquet`, which has these fields, by the rules.

    Samples show the columns `covered` as `***`; without: those marked pii or subjectKey.
    Raises: BadUserInput, when a rule does not fit the fields.
    """
    hidden = {field.name for field in fields if field.pii or field.subject_key} if covered is None else set(covered)
    checks = [validate(rule, fields) for rule in rules]
    columns = [None if rule.column is None else named_column(rule.column, fields) for rule in rules]
    expression = counts(batch_table(fields), list(zip(columns, checks, strict=True)))
    found = dict(zip(expression.columns, rows_of(cursor, parquet, expression)[0], strict=True))
    checked = int(found["checked"])
    results: list[RuleResult] = []
    samples: list[tuple[Sample, ...]] = []
    for index, (rule, column, check) in enumerate(zip(rules, columns, checks, strict=True)):
        if column is None or isinstance(check, RowCount):
            results.append(_of_whole_batch(rule, check, checked))
            samples.append(())
        else:
            failed = int(found[f"failed_{index}"])
            results.append(_result(rule, failed, failed / checked if checked else 0.0))
            samples.append(failing_rows(cursor, parquet, fields, column, check, hidden) if failed else ())
    return QualityOutcome(checked_rows=checked, results=tuple(results), samples=tuple(samples))


def _of_whole_batch(rule: QualityRule, check: Check, checked: int) -> RuleResult:
    met = isinstance(check, RowCount) and COMPARISONS[check.operator](checked, check.count)
    return _result(rule, 0, 0.0) if met else _result(rule, checked, 1.0)


def _result(rule: QualityRule, failed: int, fraction: float) -> RuleResult:
    return RuleResult(rule=rule, passed=fraction <= rule.threshold, failed_rows=failed, failed_fraction=fraction)
