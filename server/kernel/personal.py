"""Kinds of personal values, and what is proposed for each."""

from enum import StrEnum

from server.kernel.fields import Field, TypeName
from server.kernel.privacy import PrivacyStrategy
from server.kernel.record import record


class PersonalKind(StrEnum):
    """What the values of a column look like."""

    EMAIL = "EMAIL"
    PHONE = "PHONE"
    IBAN = "IBAN"
    CREDIT_CARD = "CREDIT_CARD"
    IP = "IP"
    NATIONAL_ID = "NATIONAL_ID"
    NAME = "NAME"
    ADDRESS = "ADDRESS"
    DATE_OF_BIRTH = "DATE_OF_BIRTH"
    OTHER = "OTHER"


@record
class Suggestion:
    """A column that looks personal. `matched_fraction`: of the different values looked at, 0 to 1."""

    column: str
    kind: PersonalKind
    matched_fraction: float
    strategy: PrivacyStrategy


STRATEGIES = {
    PersonalKind.EMAIL: PrivacyStrategy.HASH,
    PersonalKind.PHONE: PrivacyStrategy.MASK,
    PersonalKind.IBAN: PrivacyStrategy.MASK,
    PersonalKind.CREDIT_CARD: PrivacyStrategy.MASK,
    PersonalKind.IP: PrivacyStrategy.HASH,
    PersonalKind.NATIONAL_ID: PrivacyStrategy.PSEUDONYMIZE,
    PersonalKind.NAME: PrivacyStrategy.REDACT,
    PersonalKind.ADDRESS: PrivacyStrategy.REDACT,
    PersonalKind.DATE_OF_BIRTH: PrivacyStrategy.GENERALIZE,
    PersonalKind.OTHER: PrivacyStrategy.REDACT,
}


def proposed(kind: PersonalKind, field: Field) -> PrivacyStrategy:
    """The strategy that fits the kind and the column: keys stay apart, dates of birth stay dates."""
    if field.primary_key or field.subject_key:
        return PrivacyStrategy.PSEUDONYMIZE
    if kind is PersonalKind.DATE_OF_BIRTH and field.data_type.name is TypeName.STRING:
        return PrivacyStrategy.REDACT
    return STRATEGIES[kind]
