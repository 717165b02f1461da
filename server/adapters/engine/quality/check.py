"""The check of a batch: every rule in one aggregate over its Parquet file, and a few failing rows of each."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from server.adapters.engine.batch_table import Expression
from server.adapters.engine.quality.context import RuleContext
from server.adapters.engine.quality.expressions import both, fails, meets
from server.adapters.engine.quality.groups import failed_rows
from server.adapters.engine.quality.measured import holds, measured
from server.adapters.engine.quality.rules import ReadyRule, ready, validate
from server.adapters.engine.quality.samples import Sample, failing_rows
from server.adapters.engine.quality.tables import CheckTables
from server.adapters.engine.steps import Steps
from server.kernel.errors import InvalidData
from server.kernel.fields import Field
from server.kernel.quality import QualityRule, RuleResult
from server.kernel.quality_checks import (
    Aggregate,
    Fresh,
    Refers,
    RowCount,
    Unique,
    UniqueInDataset,
    UniqueWith,
)
from server.kernel.record import record

COUNTING = 0.85  # of the work; what is left are looks at failing rows

__all__ = ["QualityOutcome", "RuleContext", "check_quality", "counts", "validate"]


@record
class QualityOutcome:
    """What a check found. `results` and `samples` stand in the order of the rules."""

    checked_rows: int
    results: tuple[RuleResult, ...]
    samples: tuple[tuple[Sample, ...], ...]


def check_quality(
    cursor: duckdb.DuckDBPyConnection,
    parquet: Path,
    fields: Sequence[Field],
    rules: Sequence[QualityRule],
    covered: Collection[str] | None = None,
    *,
    context: RuleContext,
    steps: Steps | None = None,
) -> QualityOutcome:
    """Judge the rows of `parquet`, which has these fields, by the rules.

    Samples show the columns `covered` as `***`; without: those marked pii or subjectKey.
    Raises: BadUserInput, when a rule does not fit the fields; InvalidData, when a sum has too many digits.
    """
    hidden = {field.name for field in fields if field.is_personal} if covered is None else set(covered)
    judged = [ready(rule, fields) for rule in rules]
    tables = CheckTables(parquet, fields, judged, context)
    steps = steps or Steps()
    steps.to(COUNTING)
    found = _found(cursor, tables, judged)
    checked = int(found["checked"])
    results: list[RuleResult] = []
    samples: list[tuple[Sample, ...]] = []
    for index, rule in enumerate(judged):
        steps.to(COUNTING + (1 - COUNTING) * (index + 1) / len(judged))
        if isinstance(check := rule.check, RowCount | Aggregate | Fresh):
            met = holds(check, _figures(found, index), context.now)
            results.append(_result(rule, 0, 0.0) if met else _result(rule, checked, 1.0))
            samples.append(())
        else:
            failed = int(found[f"failed_{index}"])
            results.append(_result(rule, failed, failed / checked if checked else 0.0))
            samples.append(failing_rows(cursor, tables, rule, failed, hidden))
    return QualityOutcome(checked_rows=checked, results=tuple(results), samples=tuple(samples))


def counts(tables: CheckTables, rules: Sequence[ReadyRule]) -> Expression:
    """One row: `checked`, then for the rule of each index `failed_<index>`, or what is measured as `<name>_<index>`."""
    rows = tables.rows
    metrics: dict[str, Expression] = {"checked": rows.count()}
    compared: dict[str, Expression] = {}
    for index, rule in enumerate(rules):
        match check := rule.check:
            case RowCount() | Aggregate() | Fresh():
                metrics |= {f"{name}_{index}": figure for name, figure in measured(rows, rule, check).items()}
            case Unique() | UniqueWith() | UniqueInDataset() | Refers():
                compared[f"failed_{index}"] = failed_rows(tables, rule, check)
            case _:
                assert rule.field is not None, "a check of rows is of a column"
                failing = both(fails(check, rows, rule.field), meets(rows, rule.condition))
                metrics[f"failed_{index}"] = rows.count(where=failing).fill_null(0)  # Spark sums no rows to null
    aggregate = rows.aggregate(**metrics)
    return aggregate.mutate(**compared) if compared else aggregate


def _found(
    cursor: duckdb.DuckDBPyConnection, tables: CheckTables, rules: Sequence[ReadyRule]
) -> Mapping[str, Any]:  # figures of any type
    expression = counts(tables, rules)
    try:
        row = tables.fetch(cursor, expression)[0]
    except duckdb.OutOfRangeException:
        raise InvalidData(
            "a sum or mean of this batch has more digits than a number of 38 digits holds;"
            " check the column by its min and max instead"
        ) from None
    return dict(zip(expression.columns, row, strict=True))


def _figures(found: Mapping[str, Any], index: int) -> Mapping[str, Any]:  # figures of any type
    suffix = f"_{index}"
    return {name.removesuffix(suffix): figure for name, figure in found.items() if name.endswith(suffix)}


def _result(rule: ReadyRule, failed: int, fraction: float) -> RuleResult:
    return RuleResult(
        rule=rule.rule, passed=fraction <= rule.rule.threshold, failed_rows=failed, failed_fraction=fraction
    )
