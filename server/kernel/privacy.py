"""Privacy rules: what happens to a column before its rows may be published."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from server.kernel.record import record


class PrivacyStrategy(StrEnum):
    """How a column is made less personal. KEEP says that it may stay as it is."""

    MASK = "MASK"
    HASH = "HASH"
    REDACT = "REDACT"
    DROP = "DROP"
    KEEP = "KEEP"


@record
class PrivacyRule:
    """One rule. `params` depend on the strategy, such as {"keepLast": 4} for MASK."""

    column: str
    strategy: PrivacyStrategy
    params: Mapping[str, Any] | None = None  # JSON as the author wrote it
