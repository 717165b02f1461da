"""A rule made ready for the engine: its check, and the fields that it is about."""

from collections.abc import Sequence

import re2

from server.kernel.columns import named_column
from server.kernel.errors import BadUserInput
from server.kernel.fields import Field
from server.kernel.quality import QualityRule
from server.kernel.quality_checks import Check, Condition, Matches, PlainCheck, When, plain
from server.kernel.quality_schema import check_rule
from server.kernel.record import record


@record
class FieldCondition:
    """Which rows a rule judges: those whose `field` is as the condition says."""

    field: Field
    condition: Condition


@record
class ReadyRule:
    """`field` None: about the whole batch, or about the columns that the check lists. `condition` None: every row."""

    rule: QualityRule
    check: PlainCheck
    field: Field | None
    condition: FieldCondition | None


def ready(rule: QualityRule, fields: Sequence[Field]) -> ReadyRule:
    """The rule on such a schema. Raises: BadUserInput."""
    check = validate(rule, fields)
    condition = None
    if isinstance(check, When):
        condition = FieldCondition(field=named_column(check.column, fields), condition=check.condition)
    field = None if rule.column is None else named_column(rule.column, fields)
    return ReadyRule(rule=rule, check=plain(check), field=field, condition=condition)


def validate(rule: QualityRule, fields: Sequence[Field]) -> Check:
    """The rule's check, if this engine can judge it on such a schema. Raises: BadUserInput."""
    check = check_rule(rule, fields)
    if isinstance(matches := plain(check), Matches):
        options = re2.Options()
        options.log_errors = False
        try:
            re2.compile(matches.pattern, options)
        except re2.error as error:
            reason = error.args[0]
            told = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
            raise BadUserInput(
                f"pattern {matches.pattern[:80]!r} is not RE2, which has no look-around: {told}",
                field="check",
            ) from None
    return check
