"""Instants as text, where the same instant must always be the same bytes."""

from datetime import UTC, datetime


def precise_text(at: datetime) -> str:
    """RFC 3339 in UTC, always with six digits of the second: `2026-01-31T12:00:00.000000Z`."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
