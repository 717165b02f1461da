"""Formats as Ibis expressions, checksums included: no function of ours runs inside an engine.

A checksum looks at each character, so its digits are made once, as columns beside the batch's own, and then read
often. `\\z` ends a pattern, since `$` of Java also matches before a last line break.
"""

from collections.abc import Mapping
from typing import assert_never

from server.adapters.engine.batch_table import Expression
from server.adapters.engine.on_demand import ibis
from server.kernel.quality_checks import Format

_LETTER = r"\p{L}\p{M}\p{N}"
_LABEL = rf"[{_LETTER}](?:[{_LETTER}-]*[{_LETTER}])?"
_ATOM = rf"[{_LETTER}!#$%&'*+/=?^_`{{|}}~-]+"
EMAIL = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[\p{{L}}\p{{M}}](?:[{_LETTER}-]*[{_LETTER}])\z"
EMAIL_LOCAL, EMAIL_LENGTH = r"^[^@]{1,64}@", 254  # RFC 5321
LONG_LABEL = r"@.*[^.]{64}"  # RFC 1035; apart from EMAIL, since bounds there make RE2 a hundred times slower

UUID = r"^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\z"

_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"(?:{_BYTE}\.){{3}}{_BYTE}"
_GROUP = "[0-9A-Fa-f]{1,4}"
_LAST = f"(?:{_GROUP}:{_GROUP}|{_IPV4})"  # 32 bits
_IPV6 = "|".join(  # RFC 3986: `before` groups, then `::` unless all stand, then `after` groups and the end
    [
        f"(?:{_GROUP}:){{6}}{_LAST}",
        *(
            f"(?:(?:{_GROUP}:){{0,{4 - after}}}{_GROUP})?::(?:{_GROUP}:){{{after}}}{_LAST}"
            for after in range(4, -1, -1)
        ),
        f"::(?:{_GROUP}:){{5}}{_LAST}",
        f"(?:(?:{_GROUP}:){{0,5}}{_GROUP})?::{_GROUP}",
        f"(?:(?:{_GROUP}:){{0,6}}{_GROUP})?::",
    ]
)
IP = rf"^(?:{_IPV4}|{_IPV6})\z"

# The registry of ISO 13616: characters of a whole number -> the countries that have so many.
IBAN_LENGTHS = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
IBAN = r"^(?:{})\z".format(
    "|".join(
        f"(?:{'|'.join(countries.split())})[0-9]{{2}}[0-9A-Z]{{{size - 4}}}" for size, countries in IBAN_LENGTHS.items()
    )
)
_LONGEST = 34
_DIGITS = 72  # of 34 characters that are at most two digits each, in whole chunks
_CHUNK = 9  # digits: with two more of the remainder they fit 64 bits
_MODULUS, _REMAINDER = 97, 1

CARD = r"^[1-9][0-9]{11,18}\z"  # ISO/IEC 7812
_HALF = 10  # digits: below 2^53, so that a quotient of doubles has the right whole part


def digit_columns(form: Format, column: Expression) -> dict[str, Expression]:
    """What the format's checksum reads, by a name: null for a null, digits that fail for a text of another shape."""
    match form:
        case Format.CREDIT_CARD:
            compact = column.replace(" ", "").replace("-", "")
            digits = _padded(_where(compact.re_search(CARD), compact, "1", column), 2 * _HALF)
            halves = {"high": digits.substr(0, _HALF), "low": digits.substr(_HALF, _HALF)}
            return {name: half.cast("int64") for name, half in halves.items()}
        case Format.IBAN:
            compact = column.replace(" ", "")
            turned = compact.substr(4, _LONGEST) + compact.substr(0, 4)
            digits = _where(compact.re_search(IBAN), turned, "0", column)
            for number, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 10):
                digits = digits.replace(letter, str(number))
            return {"digits": _padded(digits, _DIGITS)}
        case Format.EMAIL | Format.UUID | Format.IP:
            return {}
        case _:
            assert_never(form)


def written_as(form: Format, column: Expression, digits: Mapping[str, Expression]) -> Expression:
    """Whether the text is of the format; null for a null. `digits`: its `digit_columns`, made."""
    match form:
        case Format.EMAIL:
            short = column.re_search(EMAIL_LOCAL) & ~column.re_search(LONG_LABEL) & (column.length() <= EMAIL_LENGTH)
            return column.re_search(EMAIL) & short
        case Format.UUID:
            return column.re_search(UUID)
        case Format.IP:
            return column.re_search(IP)
        case Format.IBAN:
            return _remainder(digits["digits"]) == _REMAINDER
        case Format.CREDIT_CARD:
            return _luhn(digits["high"], digits["low"]) % 10 == 0
        case _:
            assert_never(form)


def _where(fits: Expression, text: Expression, otherwise: str, column: Expression) -> Expression:
    return fits.ifelse(text, column.isnull().ifelse(ibis().null("string"), otherwise))


def _padded(digits: Expression, width: int) -> Expression:
    return (ibis().literal("0" * width) + digits).right(width)


def _remainder(digits: Expression) -> Expression:
    """The number modulo 97, a chunk of its digits after the other (ISO 7064)."""
    rest: Expression = ibis().literal(0, type="int64")
    for start in range(0, _DIGITS, _CHUNK):
        rest = (rest * 10**_CHUNK + digits.substr(start, _CHUNK).cast("int64")) % _MODULUS
    return rest


def _luhn(high: Expression, low: Expression) -> Expression:
    """The sum of the digits, every second one from the right doubled and its own digits added (ISO/IEC 7812)."""
    total: Expression = ibis().literal(0, type="int64")
    for place in range(2 * _HALF):
        digit = ((low if place < _HALF else high) // 10 ** (place % _HALF)) % 10
        total += 2 * digit - (digit > 4).ifelse(9, 0) if place % 2 else digit
    return total
