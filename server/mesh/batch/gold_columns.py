"""Columns of published files that may hold personal values as they were, whatever rule was applied."""

from collections.abc import Sequence

from server.kernel.fields import Field
from server.kernel.privacy import PrivacyRule, PrivacyStrategy

# What these leave of a value is never the value itself. A coarse or a noisy one may be.
_REPLACING = {
    PrivacyStrategy.MASK,
    PrivacyStrategy.HASH,
    PrivacyStrategy.PSEUDONYMIZE,
    PrivacyStrategy.REDACT,
    PrivacyStrategy.DROP,
}


def columns_in_clear(fields: Sequence[Field], applied: Sequence[PrivacyRule]) -> frozenset[str]:
    """The personal columns in which a value may stand as it was uploaded."""
    replaced = {rule.column for rule in applied if rule.strategy in _REPLACING}
    return frozenset(field.name for field in fields if field.is_personal and field.name not in replaced)
