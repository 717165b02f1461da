"""Whether the rules of a contract fit the columns of a schema: one that was dropped or retyped leaves rules behind."""

from collections.abc import Collection, Sequence
from typing import TypeAlias
from unicodedata import normalize

from server.adapters.engine.quality.check import validate
from server.kernel.errors import BadUserInput, PreconditionFailed
from server.kernel.fields import Field
from server.kernel.privacy import PrivacyRule, check_privacy
from server.kernel.quality import QualityRule
from server.kernel.record import record

Rule: TypeAlias = QualityRule | PrivacyRule


@record
class Misfit:
    """A rule that the columns do not fit, in words, and why."""

    column: str
    rule: str
    why: str


def misfits(rules: Sequence[Rule], fields: Sequence[Field]) -> tuple[Misfit, ...]:
    """The rules that the columns do not fit."""
    names = frozenset(field.name for field in fields)
    found = ((rule, _why(rule, fields, names)) for rule in rules)
    return tuple(Misfit(column=rule.column or "", rule=words(rule), why=why) for rule, why in found if why is not None)


def words(rule: Rule) -> str:
    """The rule as its author knows it."""
    text = rule.check if isinstance(rule, QualityRule) else rule.strategy.value
    return f"{rule.column} {text}" if rule.column else text


def left_behind(contract_id: str, version: int, found: Sequence[Misfit], next_step: str) -> PreconditionFailed:
    """The refusal of work under a contract whose rules do not fit the version of the schema that the rows have."""
    named = "; ".join(f"{one.rule!r}: {one.why}" for one in found)
    return PreconditionFailed(
        f"contract {contract_id!r} has rules that schema version {version} does not fit ({named}); {next_step}",
        contract=contract_id,
        schemaVersion=version,
        rules=[{"column": one.column, "rule": one.rule, "why": one.why} for one in found],
    )


def _why(rule: Rule, fields: Sequence[Field], names: Collection[str]) -> str | None:
    if rule.column is not None and normalize("NFC", rule.column) not in names:
        return f"column {rule.column[:80]!r} is not in the schema"  # at once: the search for its like takes long
    try:
        if isinstance(rule, QualityRule):
            validate(rule, fields)
        else:
            check_privacy([rule], fields)
    except BadUserInput as refused:
        return refused.message
    return None
