"""Quality rules: what a contract may say of clean data."""

from enum import StrEnum

from server.kernel.record import record


class Severity(StrEnum):
    """Whether a broken rule fails the check or is only told."""

    ERROR = "ERROR"
    WARNING = "WARNING"


@record
class QualityRule:
    """One rule as its author wrote it.

    `column` None: about the whole batch. `threshold`: the largest fraction (0 to 1) of rows that may fail.
    """

    column: str | None
    check: str
    severity: Severity = Severity.ERROR
    threshold: float = 0.0


@record
class RuleResult:
    """What one rule found. `failed_fraction` = failed rows / checked rows (0 for an empty batch)."""

    rule: QualityRule
    passed: bool
    failed_rows: int
    failed_fraction: float
