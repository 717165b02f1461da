"""Records: rows that a client sends as JSON objects, before anybody looks at their types."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from server.kernel.errors import BadUserInput, InvalidData, LimitExceeded
from server.kernel.fields import Field, TypeName
from server.kernel.record import record

MAX_RECORDS = 10_000
SHOWN_FAULTS = 5
EXACT_DIGITS = 15  # of a decimal that a JSON number carries unchanged through a double
_DIGITS = re.compile(r"[+-]?[0-9]{1,76}(\.[0-9]{1,76})?", re.ASCII)


@record
class Given:
    """Records as a client gave them. `alone`: it is one, and not in a list."""

    records: Sequence[Mapping[str, Any]]  # JSON objects
    alone: bool

    @property
    def field(self) -> str:
        """The input's name as the client wrote it."""
        return "values" if self.alone else "records"

    def called(self, index: int) -> str:
        """A record as the client knows it."""
        return "values" if self.alone else f"records[{index}]"


@record
class Fault:
    """Why a record cannot be taken. `index` counts from 0; `reason` never holds a value."""

    index: int
    column: str | None
    reason: str


def read_records(records: Sequence[object], *, alone: bool = False) -> Given:
    """The records, if they are 1 to 10,000 JSON objects. Raises: BadUserInput, LimitExceeded."""
    if not records:
        raise BadUserInput("records is empty; give at least one", field="records")
    if len(records) > MAX_RECORDS:
        raise LimitExceeded(
            f"records holds {len(records)}; one call takes up to {MAX_RECORDS}, more come faster in a file by"
            " createUploadUrl and appendData",
            field="records",
            limit=MAX_RECORDS,
        )
    given = Given(records=[each for each in records if isinstance(each, dict)], alone=alone)
    for index, each in enumerate(records):
        if not isinstance(each, dict):
            raise BadUserInput(
                f"{given.called(index)} is {_called(each)}, not a JSON object of columns and their values",
                field=given.field,
            )
        if not _is_json(each):
            raise BadUserInput(
                f"{given.called(index)} holds what JSON cannot carry: a number beyond 64 bits, a broken character, or"
                " lists and objects within one another over 250 deep; write long numbers as strings",
                field=given.field,
            )
    return given


def lines_of(given: Given, fields: Sequence[Field]) -> bytes:
    """The records as lines of JSON. A decimal may come as a string of digits, and is a number there.

    Raises: InvalidData, for a decimal of more digits than the number that came can have kept.
    """
    decimals = {field.name for field in fields if field.data_type.name is TypeName.DECIMAL}
    faults: list[Fault] = []
    lines: list[bytes] = []
    for index, each in enumerate(given.records):
        row = dict(each)
        for name, value in each.items():
            if unicodedata.normalize("NFC", name) not in decimals:
                continue
            if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
                row[name] = orjson.Fragment(f"{Decimal(value.strip()):f}")
            elif isinstance(value, float) and not _is_exact(value):
                reason = f"{name}: over {EXACT_DIGITS} digits, which a JSON number may lose; write it as a string"
                faults.append(Fault(index=index, column=name, reason=reason))
        lines.append(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    if faults:
        raise misfit(given, faults, len({fault.index for fault in faults}))
    return b"".join(lines)


def misfit(given: Given, faults: Sequence[Fault], bad: int) -> InvalidData:
    """The refusal of all records since some cannot be taken. `faults`: at least the first ones; `bad`: records."""
    shown = faults[:SHOWN_FAULTS]
    told = "; ".join(f"{given.called(fault.index)}: {fault.reason}" for fault in shown)
    return InvalidData(
        f"{bad} of {len(given.records)} records do not fit the schema ({told}); none was taken: mend and send again",
        field=given.field,
        rejected=bad,
        records=[{"index": fault.index, "column": fault.column, "reason": fault.reason} for fault in shown],
    )


def value_of(each: Mapping[str, Any], field: Field) -> object:  # a JSON object's value
    """A record's value of a column."""
    return next((value for name, value in each.items() if unicodedata.normalize("NFC", name) == field.name), None)


def _is_json(each: Mapping[str, Any]) -> bool:  # an object of JSON, or nearly
    """Whether all of it can be written and read again: infinity, of which orjson would make a null, cannot."""
    try:
        orjson.dumps(each)
    except TypeError:  # orjson's word for all that it cannot write
        return False
    return all(map(_is_finite, each.values()))


def _is_exact(value: float) -> bool:
    """Whether the decimal that the client wrote was surely this one: then its shortest form is its own."""
    return abs(value) < 10**EXACT_DIGITS and float(f"{value:.{EXACT_DIGITS}g}") == value


def _is_finite(value: object) -> bool:
    waiting = [value]
    while waiting:
        match waiting.pop():
            case float() as number if not math.isfinite(number):
                return False
            case dict() as members:
                waiting.extend(members.values())
            case list() as items:
                waiting.extend(items)
            case _:
                pass
    return True


def _called(value: object) -> str:
    names: dict[type, str] = {str: "a string", list: "a list", bool: "a boolean", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), "something else")
