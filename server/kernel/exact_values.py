"""Values that fit their column's type exactly or not at all: what filters and checks of quality read alike."""

import re
from datetime import UTC, date, datetime
from decimal import Context, Decimal

from server.kernel.fields import DataType

INT64 = range(-(2**63), 2**63)
_EXACT = Context(prec=400)  # more digits than a number of a filter or a check may have
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII)


def fits_decimal(value: Decimal, kind: DataType) -> bool:
    """Whether a finite number stays within the precision and scale of a decimal column, nothing rounded."""
    if not value:
        return True
    exponent = value.normalize(_EXACT).as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= kind.scale and value.adjusted() < kind.precision - kind.scale


def date_of(text: str) -> date | None:
    """The day that `YYYY-MM-DD` names; None where the text is none."""
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def datetime_of(text: str) -> datetime | None:
    """The moment, in UTC, that ISO 8601 names; without zone it is UTC, a date alone its midnight. None for all else."""
    if not (found := _DATETIME.fullmatch(text)):
        return None
    fraction = found[3] or ""
    try:
        moment = datetime.fromisoformat(text.replace(fraction, fraction.ljust(7, "0")) if fraction else text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
