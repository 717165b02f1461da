"""Compliance: how strictly a lake guards personal data."""

from enum import StrEnum


class ComplianceLevel(StrEnum):
    """How strictly a lake guards personal data."""

    STANDARD = "STANDARD"
    GDPR = "GDPR"
    STRICT = "STRICT"

    @property
    def guards_subjects(self) -> bool:
        """Whether subjects may ask for erasure, so that its datasets must say whom each row is about."""
        return self is not ComplianceLevel.STANDARD
