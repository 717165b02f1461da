"""Rules that look into other datasets: what they name, which types compare, and where they go round in a circle."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from server.kernel.columns import named_column
from server.kernel.compatibility import whole_digits
from server.kernel.errors import BadUserInput
from server.kernel.fields import DataType, Field, TypeName
from server.kernel.quality import QualityRule
from server.kernel.quality_checks import Refers, plain
from server.kernel.quality_grammar import parse_check

_DIGITS = 38  # that a decimal holds


def references(rules: Iterable[QualityRule]) -> list[tuple[QualityRule, Refers]]:
    """The rules that look into other datasets. Raises: BadUserInput, for a text that cannot be read."""
    read = ((rule, plain(parse_check(rule.check))) for rule in rules)
    return [(rule, check) for rule, check in read if isinstance(check, Refers)]


def common_type(one: DataType, other: DataType) -> DataType | None:
    """The type in which values of both are compared; None where they are not comparable."""
    kinds = {one.name, other.name}
    if kinds <= {TypeName.INT, TypeName.DECIMAL, TypeName.FLOAT}:
        if TypeName.FLOAT in kinds:
            return DataType(name=TypeName.FLOAT)
        return one if kinds == {TypeName.INT} else _wide_enough(one, other)
    return one if len(kinds) == 1 and TypeName.JSON not in kinds else None


def referenced_field(rule: QualityRule, refers: Refers, fields: Sequence[Field], others: Sequence[Field]) -> Field:
    """The field of the other dataset that a rule means, if values compare. Raises: BadUserInput."""
    try:
        other = named_column(refers.column, others)
    except BadUserInput as refused:
        raise BadUserInput(
            f"check {rule.check[:80]!r}: in dataset {refers.dataset!r} {refused.message}", field="check"
        ) from None
    own = named_column(rule.column or "", fields)
    if common_type(own.data_type, other.data_type) is None:
        raise BadUserInput(
            f"check {rule.check[:80]!r}: column {own.name!r} is {own.type} and {refers.dataset}.{other.name} is"
            f" {other.type}, which do not compare; name a column of the same type",
            field="check",
        )
    return other


def circle(start: str, leads_to: Mapping[str, Collection[str]]) -> list[str] | None:
    """The shortest way from `start` back to it, both ends named; None where there is none."""
    came: dict[str, str | None] = {start: None}
    waiting = [start]
    for here in waiting:
        for there in sorted(leads_to.get(here, ())):
            if there == start:
                return [*_way(here, came), start]
            if there not in came:
                came[there] = here
                waiting.append(there)
    return None


def _way(end: str, came: Mapping[str, str | None]) -> list[str]:
    way: list[str] = []
    here: str | None = end
    while here is not None:
        way.append(here)
        here = came[here]
    return way[::-1]


def _wide_enough(one: DataType, other: DataType) -> DataType | None:
    whole = max(map(whole_digits, (one, other)))
    scale = max(0 if each.name is TypeName.INT else each.scale for each in (one, other))
    if whole + scale > _DIGITS:
        return None
    return DataType(name=TypeName.DECIMAL, precision=whole + scale, scale=scale)
