"""How a stored column is read under the type that its schema gives it now: one table for every pair of types."""

from enum import StrEnum

from server.kernel.fields import DataType, TypeName

INT_DIGITS = 19  # of the largest 64-bit integer


class Reading(StrEnum):
    """What becomes of the values of an old type under a new one.

    SAME: they stay. WIDENED: each is a value of the new type (an int of more than 53 bits becomes the nearest float,
    as Avro has it). TEXT: each is written out as text. TRIED: a value that has an equal in the new type becomes that,
    every other one becomes null.
    """

    SAME = "same"
    WIDENED = "widened"
    TEXT = "text"
    TRIED = "tried"


def readable_as(old: DataType, new: DataType) -> Reading:
    """How values of `old` are read as values of `new`."""
    match (old.name, new.name):
        case (TypeName.DECIMAL, TypeName.DECIMAL):
            if (old.precision, old.scale) == (new.precision, new.scale):
                return Reading.SAME
            room = new.scale >= old.scale and whole_digits(new) >= whole_digits(old)
            return Reading.WIDENED if room else Reading.TRIED
        case (one, other) if one is other:
            return Reading.SAME
        case (TypeName.INT, TypeName.FLOAT):
            return Reading.WIDENED
        case (TypeName.INT, TypeName.DECIMAL):
            return Reading.WIDENED if whole_digits(new) >= INT_DIGITS else Reading.TRIED
        case (_, TypeName.STRING):
            return Reading.TEXT
        case _:
            return Reading.TRIED


def is_readable(old: DataType, new: DataType) -> bool:
    """Whether every value of `old` is a value of `new`."""
    return readable_as(old, new) in (Reading.SAME, Reading.WIDENED)


def whole_digits(kind: DataType) -> int:
    """How many digits an int or a decimal has before its point at most."""
    return INT_DIGITS if kind.name is TypeName.INT else kind.precision - kind.scale
