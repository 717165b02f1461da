"""What a preview warns of: rules that do little, columns without a rule, values that can still be recognised."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from server.adapters.engine.batch_table import Expression, batch_table, rows_of
from server.adapters.engine.privacy.groups import quasi_identifiers
from server.adapters.engine.privacy.proof import Changes, Ruled
from server.kernel.columns import named_column
from server.kernel.fields import Field, TypeName
from server.kernel.privacy import PrivacyRule, PrivacyStrategy, privacy_schema

K_ENOUGH = 5
FEW_TOKENS = 20
TOKENS = (PrivacyStrategy.HASH, PrivacyStrategy.PSEUDONYMIZE)
PARTIAL = (PrivacyStrategy.MASK, PrivacyStrategy.NOISE)


def warnings(
    cursor: duckdb.DuckDBPyConnection,
    silver: Path,
    fields: Sequence[Field],
    rules: Sequence[PrivacyRule],
    ruled: Ruled,
    changes: Changes,
    smallest: int | None,
) -> tuple[str, ...]:
    """Plain sentences that name columns and numbers, never values."""
    return (
        *_of_schema(fields, rules),
        *_of_effect(ruled, changes),
        *_of_appearance(cursor, silver, fields, rules, ruled, changes),
        *_of_groups(fields, rules, smallest),
    )


def _of_schema(fields: Sequence[Field], rules: Sequence[PrivacyRule]) -> list[str]:
    strategies = {named_column(rule.column, fields).name: rule.strategy for rule in rules}
    after = {field.name: field for field in privacy_schema(fields, rules)}
    found: list[str] = []
    for field in fields:
        strategy = strategies.get(field.name)
        if field.pii and strategy is None:
            found.append(
                f"column {field.name!r} is marked pii and has no rule: publishData refuses it as it stands;"
                " give it a rule, or KEEP in the contract"
            )
        if field.pii and strategy is PrivacyStrategy.KEEP:
            found.append(f"column {field.name!r} is marked pii and stays as it is")
        if field.primary_key and field.name in after and not after[field.name].primary_key:
            found.append(
                f"column {field.name!r} is in the primary key, and {strategy} makes different values the same;"
                " HASH and PSEUDONYMIZE keep them apart"
            )
    return found


def _of_effect(ruled: Ruled, changes: Changes) -> list[str]:
    found: list[str] = []
    for (field, rule), met, changed in zip(ruled, changes.met, changes.changed, strict=True):
        if not met:
            found.append(f"column {field.name!r} holds no value here, so {rule.strategy} changes nothing")
        elif not changed:
            found.append(
                f"{rule.strategy} changes none of the {met} values of column {field.name!r}: anonymizeData refuses it;"
                " say KEEP, REDACT or DROP instead"
            )
        elif changed < met and (rule.strategy in PARTIAL or _shortens(field, rule)):
            found.append(
                f"{rule.strategy} leaves {met - changed} of the {met} values of column {field.name!r} as they are"
            )
    return found


def _shortens(field: Field, rule: PrivacyRule) -> bool:
    """Whether a value may be too short to lose anything; a date or a number on a border says nothing more."""
    return rule.strategy is PrivacyStrategy.GENERALIZE and field.data_type.name is TypeName.STRING


def _of_appearance(
    cursor: duckdb.DuckDBPyConnection,
    silver: Path,
    fields: Sequence[Field],
    rules: Sequence[PrivacyRule],
    ruled: Ruled,
    changes: Changes,
) -> list[str]:
    """What the new values show: masks that hide less than half, tokens that are too few."""
    table = batch_table(privacy_schema(fields, rules))
    figures: dict[str, Expression] = {}
    for index, (field, rule) in enumerate(ruled):
        if rule.strategy is PrivacyStrategy.MASK:
            text = table[field.name]
            stars = text.length() - text.replace("*", "").length()
            figures[f"figure_{index}"] = table.count(where=(text != "") & (stars * 2 < text.length()))
        elif rule.strategy in TOKENS:
            figures[f"figure_{index}"] = table[field.name].nunique()
    if not figures:
        return []
    counted = dict(zip(figures, rows_of(cursor, silver, table.aggregate(**figures))[0], strict=True))
    found: list[str] = []
    for index, ((field, rule), met) in enumerate(zip(ruled, changes.met, strict=True)):
        figure = int(counted.get(f"figure_{index}", 0))
        if rule.strategy is PrivacyStrategy.MASK and figure:
            found.append(
                f"MASK leaves more than half of the characters of {figure} values of column {field.name!r} readable,"
                " such as the domains of e-mail addresses; HASH and REDACT show none"
            )
        if rule.strategy in TOKENS and 0 < figure <= FEW_TOKENS and figure < met:
            found.append(
                f"{rule.strategy} makes only {figure} different tokens of the {met} values of column {field.name!r}:"
                " who knows how often each value occurs can tell which is which"
            )
    return found


def _of_groups(fields: Sequence[Field], rules: Sequence[PrivacyRule], smallest: int | None) -> list[str]:
    if smallest is None or smallest >= K_ENOUGH:
        return []
    named = ", ".join(map(repr, quasi_identifiers(fields, rules)))
    rows = "one row stands" if smallest == 1 else f"{smallest} rows stand"
    return [
        f"{rows} alone with the same {named}: groups should have at least {K_ENOUGH} rows; make these columns coarser,"
        " or REDACT them"
    ]
