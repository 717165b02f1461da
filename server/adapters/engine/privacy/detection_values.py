"""What one value looks like: patterns with checksums wherever the kind of number has them."""

import ipaddress
import re
from collections.abc import Callable

from server.adapters.engine.on_demand import phone_numbers, standard_number
from server.kernel.personal import PersonalKind

Test = Callable[[str], bool]

_EMAIL = re.compile(r"[^\s@\"<>(),:;\[\]]{1,64}@(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_]{2,24}")
_INTERNATIONAL = re.compile(r"\+\d[\d ().\-/]{6,22}")
_NATIONAL = re.compile(r"\(?\d{2,5}\)?(?:[ .\-/]\d{2,5})+")
_DIALLED = re.compile(r"[\d ().\-/+]{7,24}(?: ?(?:x|ext\.?) ?\d{1,6})?")
_CARD = re.compile(r"\d(?:[ -]?\d){11,18}")
_IBAN = re.compile(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}")
_GROUPED_CARD = re.compile(r"(?<![\d-])\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?![\d-])")
_INSURANCE = re.compile(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]")
_SECURITY = re.compile(r"\d{3}-\d{2}-\d{4}")
_NAME = re.compile(r"[^\W\d_]+(?:[ .'\u2019-]{1,2}[^\W\d_]*){0,6}")
_IP_SHAPE = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")

# Issuers of cards: the first digits, and how many digits there are (ISO/IEC 7812).
_ISSUERS = (
    (re.compile(r"4"), {13, 16, 19}),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), {16}),
    (re.compile(r"3[47]"), {15}),
    (re.compile(r"30[0-5]|3[689]"), {14}),
    (re.compile(r"6011|64[4-9]|65"), {16, 19}),
    (re.compile(r"352[89]|35[3-8]"), {16}),
    (re.compile(r"62"), {16, 17, 18, 19}),
    (re.compile(r"5018|5020|5038|6304|6759|676[1-3]"), {12, 13, 14, 15, 16, 17, 18, 19}),
)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# National numbers whose check digits, or date and check digit, tell them from any other number.
CHECKED = _words(
    "at.vnr au.tfn be.nn bg.egn br.cpf ch.ssn cl.rut cn.ric cz.rc de.idnr ee.ik es.dni es.nie fi.hetu"
    " fr.nir gr.amka hr.oib ie.pps in_.aadhaar it.codicefiscale kr.rrn lt.asmens mx.curp nl.bsn"
    " no.fodselsnummer pl.pesel ro.cnp se.personnummer si.emso tr.tckimlik za.idnr"
)
# Numbers without a check digit, or with one that books or companies have too: only where the column's name says so.
NAMED = _words("ca.sin dk.cpr gb.nhs gb.utr il.idnr in_.pan is_.kennitala pt.nif ua.rntrc us.ssn")

REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "PL", "AU", "IN", "BR")


def is_email(text: str) -> bool:
    """An address with a domain that has a dot."""
    return bool(_EMAIL.fullmatch(text))


def is_iban(text: str) -> bool:
    """An account number of a country that has them, its remainder by 97 right (ISO 13616)."""
    return bool(_IBAN.fullmatch(text.upper())) and standard_number("iban").is_valid(text, check_country=False)


def is_credit_card(text: str) -> bool:
    """A number of an issuer's length, its Luhn digit right."""
    if not _CARD.fullmatch(text):
        return False
    digits = re.sub(r"\D", "", text)
    issued = any(head.match(digits) and len(digits) in lengths for head, lengths in _ISSUERS)
    return issued and len(set(digits)) > 1 and standard_number("luhn").is_valid(digits)


def is_ip(text: str) -> bool:
    """An address of version 4 or 6."""
    if not _IP_SHAPE.fullmatch(text):
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return text.strip(":0") != ""  # `::` and its like stand for anything


def is_international_phone(text: str) -> bool:
    """A number with `+` and a country's prefix, of a length that the country has."""
    if not _INTERNATIONAL.fullmatch(text):
        return False
    phones = phone_numbers()
    try:
        return bool(phones.is_possible_number(phones.parse(text)))
    except phones.NumberParseException:
        return False


def is_dialled(text: str) -> bool:
    """Seven to fifteen digits with what people write between them: a phone number where the column says so."""
    return bool(_DIALLED.fullmatch(text)) and 7 <= sum(map(str.isdigit, text)) <= 15


def national_phone(region: str) -> Test:
    """Numbers in groups that the region has given out."""
    phones = phone_numbers()

    def test(text: str) -> bool:
        if not _NATIONAL.fullmatch(text) or not 9 <= sum(map(str.isdigit, text)) <= 11:
            return False
        try:
            return bool(phones.is_valid_number(phones.parse(text, region)))
        except phones.NumberParseException:
            return False

    return test


def national_number(module: str) -> Test:
    """Numbers that a country gives to persons."""

    def test(text: str) -> bool:
        return 6 <= len(text) <= 24 and bool(standard_number(module).is_valid(text))

    return test


def is_insurance_number(text: str) -> bool:
    """A British national insurance number, by its form."""
    return bool(_INSURANCE.fullmatch(text.upper()))


def is_security_number(text: str) -> bool:
    """An American social security number in its usual form."""
    return bool(_SECURITY.fullmatch(text)) and bool(standard_number("us.ssn").is_valid(text))


def is_name(text: str) -> bool:
    """Words without digits, as names are."""
    return len(text) <= 60 and bool(_NAME.fullmatch(text))


def is_address(text: str) -> bool:
    """Letters with digits or several words."""
    return len(text) >= 5 and any(map(str.isalpha, text)) and (any(map(str.isdigit, text)) or " " in text)


def is_postcode(text: str) -> bool:
    """A short code with digits."""
    compact = text.replace(" ", "").replace("-", "")
    return 3 <= len(compact) <= 10 and compact.isalnum() and any(map(str.isdigit, compact))


def holds_identifier(text: str) -> bool:
    """A longer text in which an e-mail address, an account, a card or an international phone number stands."""
    return (
        ("@" in text and bool(_EMAIL.search(text)))
        or any(is_international_phone(found.group().rstrip(" ().-/")) for found in _INTERNATIONAL.finditer(text))
        or any(is_credit_card(found.group()) for found in _GROUPED_CARD.finditer(text))
        or any(_starts_with_iban(found.group()) for found in _IBAN.finditer(text))
    )


def _starts_with_iban(text: str) -> bool:
    """Whether words at the start make an account number: what follows it may be in capitals too."""
    words = text.split(" ")
    return any(is_iban(" ".join(words[:count])) for count in range(1, len(words) + 1))


# Kinds that a value shows by itself.
PLAIN: dict[PersonalKind, Test] = {
    PersonalKind.EMAIL: is_email,
    PersonalKind.IBAN: is_iban,
    PersonalKind.CREDIT_CARD: is_credit_card,
    PersonalKind.IP: is_ip,
    PersonalKind.PHONE: is_international_phone,
}
