"""Quality rules: what a contract may say of clean data, and what a check of them found."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from server.kernel.errors import LimitExceeded
from server.kernel.record import record

MAX_RULES = 500  # of one contract or check
MAX_RULES_TEXT = 100_000  # characters of their checks together


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
    """What one rule found. `failed_fraction` = failed rows / checked rows (0 for an empty batch).

    A rule about the whole batch that is broken fails every row: its fraction is 1, on an empty batch too.
    """

    rule: QualityRule
    passed: bool
    failed_rows: int
    failed_fraction: float


def broken_rules(results: Iterable[RuleResult]) -> list[QualityRule]:
    """The rules of severity ERROR that are broken."""
    return [result.rule for result in results if not result.passed and result.rule.severity is Severity.ERROR]


def check_amount(rules: Sequence[QualityRule]) -> None:
    """Refuse more rules than can be read while others wait. Raises: LimitExceeded."""
    if len(rules) > MAX_RULES:
        raise LimitExceeded(
            f"{len(rules)} quality rules are given; {MAX_RULES} are allowed: leave some out", limit=MAX_RULES
        )
    if (length := sum(len(rule.check) for rule in rules)) > MAX_RULES_TEXT:
        raise LimitExceeded(
            f"the checks of these quality rules have {length} characters together; {MAX_RULES_TEXT} are allowed:"
            " shorten them, a long list of codes by a rule that looks into a dataset of them",
            limit=MAX_RULES_TEXT,
        )
