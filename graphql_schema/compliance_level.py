"""How strictly lakes guard personal data, in the graph."""

from graphql_schema.enumeration import enumeration
from server.kernel import compliance

ComplianceLevel = enumeration(
    compliance.ComplianceLevel,
    name="ComplianceLevel",
    description="How strictly a data lake guards personal data.",
    STANDARD="Without rules of its own.",
    GDPR="Personal data names its subjects, who may ask for erasure; a read of rows says what for.",
    STRICT="As GDPR; datasets are encrypted, and no personal column is published as it was.",
)
