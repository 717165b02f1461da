"""What the parameters of a privacy rule mean: read once, as values that the engine applies."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Any, NoReturn, TypeAlias

from server.kernel.errors import BadUserInput
from server.kernel.fields import DataType, TypeName
from server.kernel.record import record

KEEP_LAST = "keepLast"
KEEP_LAST_DEFAULT = 4
KEEP_LAST_MOST = 8
NORMALIZE = "normalize"
PREFIX_MOST = 50
BANDS_MOST = 100
STEP_MOST = 10**15
SCALE_MOST = 10**15
NUMBERS = (TypeName.INT, TypeName.FLOAT, TypeName.DECIMAL)
DATES = (TypeName.DATE, TypeName.DATETIME)

Params: TypeAlias = Mapping[str, Any]
"""JSON as the author of the rule wrote it."""


class Period(StrEnum):
    """To which stretch of the calendar a date is cut."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


@record
class ToPeriod:
    """The first day of the period, at midnight UTC for a datetime."""

    period: Period


@record
class ToStep:
    """The lower end of the step: the largest multiple of `step` that is not above the value."""

    step: Decimal


@record
class ToBand:
    """The label of the band; `bounds` rise, and each belongs to the band above it."""

    bounds: tuple[Decimal, ...]
    whole: bool  # whether the column holds whole numbers: a band then ends at the number before the next

    @property
    def labels(self) -> tuple[str, ...]:
        """One more than there are bounds: what lies below the first, each band, what lies above the last."""
        inner = (self._label(low, high) for low, high in pairwise(self.bounds))
        return f"<{self.bounds[0]:f}", *inner, f"{self.bounds[-1]:f}+"

    def _label(self, low: Decimal, high: Decimal) -> str:
        if self.whole and high - low == 1:
            return f"{low:f}"
        joint = " to " if low < 0 else "-"
        return f"{low:f}{joint}{high - 1:f}" if self.whole else f"{low:f}{joint}<{high:f}"


@record
class ToPrefix:
    """The first `length` characters of a text."""

    length: int


Generalization: TypeAlias = ToPeriod | ToStep | ToBand | ToPrefix


@record
class Noise:
    """Laplace noise of this scale: in the column's unit, or as a fraction of each value where `relative`."""

    scale: float
    relative: bool


def keep_last(column: str, params: Params) -> int:
    """How many of the last characters a MASK shows. Raises: BadUserInput."""
    _known(column, "MASK", params, KEEP_LAST)
    shown = params.get(KEEP_LAST, KEEP_LAST_DEFAULT)
    if type(shown) is not int or not 0 <= shown <= KEEP_LAST_MOST:  # a bool is an int to isinstance
        _refuse(f"{KEEP_LAST} of column {column!r} must be a whole number from 0 to {KEEP_LAST_MOST}")
    return shown


def normalizes(column: str, kind: DataType, params: Params) -> bool:
    """Whether a HASH takes texts that differ in case, outer spaces or composition as one. Raises: BadUserInput."""
    _known(column, "HASH", params, NORMALIZE)
    asked = params.get(NORMALIZE, False)
    if type(asked) is not bool:
        _refuse(f"{NORMALIZE} of column {column!r} must be true or false")
    if asked and kind.name is not TypeName.STRING:
        _refuse(f"{NORMALIZE} is for string columns, and {column!r} is {kind}; leave it out")
    return asked


def no_params(column: str, strategy: str, params: Params) -> None:
    """Refuse any parameter. Raises: BadUserInput."""
    _known(column, strategy, params)


def generalization(column: str, kind: DataType, params: Params) -> Generalization:
    """What a GENERALIZE does. Raises: BadUserInput."""
    ways: dict[str, tuple[Sequence[TypeName], Callable[[str, DataType, Any], Generalization]]] = {
        "to": (DATES, _period),
        "step": (NUMBERS, _step),
        "bands": (NUMBERS, _bands),
        "prefix": ((TypeName.STRING,), _prefix),
    }
    fitting = [name for name, (types, _) in ways.items() if kind.name in types]
    if not fitting:
        _refuse(f"GENERALIZE does not fit column {column!r}, which is {kind}: it takes dates, numbers and strings")
    _known(column, "GENERALIZE", params, *ways)
    if len(params) != 1 or (name := next(iter(params))) not in fitting:
        choice = "" if len(fitting) == 1 else "exactly one of "
        _refuse(f"GENERALIZE of column {column!r}, which is {kind}, takes {choice}{_listed(fitting)}")
    return ways[name][1](column, kind, params[name])


def noise(column: str, kind: DataType, params: Params) -> Noise:
    """What a NOISE adds. Raises: BadUserInput."""
    if kind.name not in NUMBERS:
        _refuse(f"NOISE is for numbers, and column {column!r} is {kind}; choose MASK, HASH or GENERALIZE")
    _known(column, "NOISE", params, "scale", "relative")
    scale: Any = params.get("scale")  # JSON
    relative = params.get("relative", False)
    if type(scale) not in (int, float) or not 0 < scale <= SCALE_MOST:  # NaN compares as false
        _refuse(f"NOISE of column {column!r} needs scale, a number above 0 and at most {SCALE_MOST}")
    if type(relative) is not bool:
        _refuse(f"relative of column {column!r} must be true or false")
    return Noise(scale=float(scale), relative=relative)


def _period(column: str, kind: DataType, value: Any) -> ToPeriod:
    if value not in list(Period):
        _refuse(f"to of column {column!r} must be one of {_listed(Period)}")
    return ToPeriod(period=Period(value))


def _step(column: str, kind: DataType, value: Any) -> ToStep:
    step = _exact(column, kind, "step", value)
    if not 0 < step <= STEP_MOST:
        _refuse(f"step of column {column!r} must be above 0 and at most {STEP_MOST}")
    return ToStep(step=step)


def _bands(column: str, kind: DataType, value: Any) -> ToBand:
    if not isinstance(value, list) or not 1 <= len(value) <= BANDS_MOST:
        _refuse(f"bands of column {column!r} must be a list of 1 to {BANDS_MOST} numbers, such as [0, 18, 30]")
    bounds = tuple(_exact(column, kind, "bands", one) for one in value)
    if any(low >= high for low, high in pairwise(bounds)):
        _refuse(f"bands of column {column!r} must rise from one number to the next")
    return ToBand(bounds=bounds, whole=kind.name is TypeName.INT)


def _prefix(column: str, kind: DataType, value: Any) -> ToPrefix:
    if type(value) is not int or not 1 <= value <= PREFIX_MOST:
        _refuse(f"prefix of column {column!r} must be a whole number from 1 to {PREFIX_MOST}")
    return ToPrefix(length=value)


def _exact(column: str, kind: DataType, name: str, value: Any) -> Decimal:
    """The number as a value of the column: nothing is rounded."""
    if type(value) not in (int, float) or value != value:  # NaN alone differs from itself
        _refuse(f"{name} of column {column!r} takes numbers only")
    fits = abs(value) <= STEP_MOST  # first: arithmetic of longer numbers would round
    number = Decimal(repr(value)).normalize() if fits else Decimal(0)
    plain = number.quantize(Decimal(1)) if number == number.to_integral_value() else number
    digits = -int(plain.as_tuple().exponent)
    if kind.name is TypeName.INT:
        fits = fits and digits == 0
    if kind.name is TypeName.DECIMAL:
        fits = fits and digits <= kind.scale and abs(plain) < 10 ** (kind.precision - kind.scale)
    if not fits:
        _refuse(f"{name} of column {column!r} holds a number that its type {kind} cannot hold, or one too large")
    return plain


def _known(column: str, strategy: str, params: Params, *names: str) -> None:
    if unknown := sorted(set(params) - set(names)):
        may = f"only {_listed(names, quoted=False)}" if names else "no parameter"
        shown = ", ".join(repr(name[:80]) for name in unknown[:20])
        _refuse(f"{strategy} of column {column!r} takes {may}; leave out {shown}")


def _listed(names: Sequence[str] | type[StrEnum], *, quoted: bool = True) -> str:
    texts = [repr(str(name)) if quoted else str(name) for name in names]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _refuse(message: str) -> NoReturn:
    raise BadUserInput(message, field="params")
