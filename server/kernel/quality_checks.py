"""The closed vocabulary of checks: each kind of rule text as a frozen record."""

from datetime import date, datetime
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


Check: TypeAlias = Compare | Between | OneOf | NoneOf | NotNull | Unique | Matches | Length | RowCount
