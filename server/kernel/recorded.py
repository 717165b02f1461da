"""A recorded event: the fact, and where, when and by whom it was recorded."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from server.kernel.ids import Urn

E = TypeVar("E")

FOREVER = 9_223_372_036_854_775_807  # after every position: what is valid up to here stands now


@dataclass(frozen=True, kw_only=True)
class Recorded(Generic[E]):
    """One event of the log. Positions count from 1 without holes; versions count from 1 within the stream."""

    position: int
    stream: Urn
    version: int
    event: E
    actor: str
    correlation_id: str
    recorded_at: datetime
