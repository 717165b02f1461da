"""The closed vocabulary of checks: each kind of rule text as a frozen record."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from server.kernel.record import record

Literal: TypeAlias = Decimal | str
"""A literal as written: a bare number or a text in quotes."""

Value: TypeAlias = Decimal | str | int | float | bool | date | datetime
"""A literal, or what it became once the column's type was known."""


class Operator(StrEnum):
    """How two values are compared."""

    GREATER = ">"
    AT_LEAST = ">="
    LESS = "<"
    AT_MOST = "<="
    EQUAL = "="
    UNEQUAL = "!="


@record
class Compare:
    """`> 0`: the value stands in this relation to the literal."""

    operator: Operator
    value: Value


@record
class Between:
    """`between 0 and 10`: both ends belong to it."""

    low: Value
    high: Value


@record
class OneOf:
    """`in ('EUR', 'USD')`."""

    values: tuple[Value, ...]


@record
class NoneOf:
    """`not in ('EUR', 'USD')`."""

    values: tuple[Value, ...]


@record
class NotNull:
    """`not null`: the one check that judges a null."""


@record
class Unique:
    """`unique`: fails every row whose value occurs more than once."""


@record
class Matches:
    """`matches '^[A-Z]{3}$'`: an RE2 pattern that is found somewhere in the text."""

    pattern: str


@record
class Length:
    """`length <= 10`: a text's length in characters (Unicode code points)."""

    operator: Operator
    count: int


@record
class RowCount:
    """`row_count > 0`: about the whole batch, so its rule has no column."""

    operator: Operator
    count: int


class Format(StrEnum):
    """A way in which texts are written; see docs/rules.md for each."""

    EMAIL = "email"
    UUID = "uuid"
    IP = "ip"
    IBAN = "iban"
    CREDIT_CARD = "credit_card"


class Measure(StrEnum):
    """One figure made of a column's values."""

    DISTINCT_COUNT = "distinct_count"
    NULL_FRACTION = "null_fraction"
    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    SUM = "sum"


@record
class Before:
    """`before '2024-01-31'`: a date or time earlier than this."""

    moment: Value


@record
class After:
    """`after '2024-01-31'`: a date or time later than this."""

    moment: Value


@record
class Formatted:
    """`is iban`: a text of this format, its checksum included."""

    format: Format


@record
class UniqueWith:
    """`unique with (a, b)`: fails every row whose values in these columns occur together more than once."""

    columns: tuple[str, ...]


@record
class UniqueInDataset:
    """`unique in dataset`: as `unique`, among the rows of the dataset's other batches too."""


@record
class Refers:
    """`in dataset users.user_id`: a value that this column of another dataset has."""

    dataset: str
    column: str


@record
class Aggregate:
    """`mean between 1 and 5`: a figure of the whole column that lies where `bound` says."""

    measure: Measure
    bound: Compare | Between


@record
class Fresh:
    """`freshness <= 24 h`: the newest value is at most this old when the check runs."""

    limit: timedelta


@record
class IsNull:
    """`is null`, in a condition."""


Condition: TypeAlias = Compare | Between | OneOf | NoneOf | NotNull | IsNull
"""What a column of a row must be for a check to judge the row."""

PlainCheck: TypeAlias = (
    Compare
    | Between
    | OneOf
    | NoneOf
    | NotNull
    | Matches
    | Length
    | Before
    | After
    | Formatted
    | Unique
    | UniqueWith
    | UniqueInDataset
    | Refers
    | Aggregate
    | Fresh
    | RowCount
)


@record
class When:
    """`… when country = 'NL'`: the check, of those rows alone for which the condition is true."""

    check: PlainCheck
    column: str
    condition: Condition


Check: TypeAlias = PlainCheck | When


def plain(check: Check) -> PlainCheck:
    """The check without its condition."""
    return check.check if isinstance(check, When) else check
