"""A line of NDJSON as the texts of its cells: strict JSON (RFC 8259), every value as it was written."""

import json
import re
from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from typing import Any, TypeAlias, assert_never
from unicodedata import normalize

from server.adapters.engine.ingest.told_names import listed, names_only
from server.kernel.fields import DataType, Field, TypeName
from server.kernel.record import record

NO_STRING = "\0"  # stands for a value that a column of strings cannot hold; no text that it can hold has one
FARTHEST_DIGIT = 100  # from the point: what a decimal has there is out of its bounds

Cell: TypeAlias = Callable[[str, Any], str | None]  # a value as it was written and as it was decoded, to a cell's text


class NotReadable(Exception):
    """The line is no JSON object; the text says why, without any of its values."""


class Unfit(Exception):
    """The line is a JSON object with fields that the schema does not have; the text names them."""


@record
class Columns:
    """How the members of an object become cells. `places` has the names in NFC."""

    places: dict[str, int]
    types: tuple[DataType, ...]
    cells: tuple[Cell, ...]
    ignored: Collection[str]


def columns_of(fields: Sequence[Field], ignored: Collection[str]) -> Columns:
    """The columns of a schema."""
    return Columns(
        places={normalize("NFC", field.name): place for place, field in enumerate(fields)},
        types=tuple(field.data_type for field in fields),
        cells=tuple(_cell(field.data_type.name) for field in fields),
        ignored=ignored,
    )


def cells_of(line: str, columns: Columns) -> list[str | None]:
    """The text of each cell, in the schema's order; None is null. Raises: NotReadable, Unfit."""
    cells: list[str | None] = [None] * len(columns.cells)
    unknown: list[str] = []
    for name, (written, value) in _members(line).items():
        place = columns.places.get(name)
        if place is not None:
            cells[place] = None if written == "null" else columns.cells[place](written, value)
        elif name not in columns.ignored:
            unknown.append(name)
    if unknown:
        raise Unfit(_unknown(unknown))
    return cells


def _members(line: str) -> dict[str, tuple[str, Any]]:
    """Each member's value, as it was written and as it was decoded, by its name in NFC."""
    members: dict[str, tuple[str, Any]] = {}
    try:
        at = _expect(line, 0, "{")
        more = line[at : at + 1] != "}"
        while more:
            if line[at : at + 1] != '"':
                raise NotReadable(f"not a JSON object: no name of a field at character {at + 1}")
            name, at = DECODER.raw_decode(line, at)
            start = _expect(line, at, ":")
            value, behind = DECODER.raw_decode(line, start)
            name = name if name.isascii() else normalize("NFC", name)
            if name in members:
                raise NotReadable(_TWICE)
            members[name] = line[start:behind], value
            at = _behind_spaces(line, behind)
            if more := line[at : at + 1] == ",":
                at = _behind_spaces(line, at + 1)
        if line[at : at + 1] != "}":
            raise NotReadable(f"not a JSON object: neither a comma nor its end at character {at + 1}")
        if _behind_spaces(line, at + 1) != len(line):
            raise NotReadable("text follows the JSON object; write one object on each line")
    except json.JSONDecodeError as error:
        raise NotReadable(f"not a JSON object: no JSON value at character {error.pos + 1}") from None
    except RecursionError:
        raise NotReadable("the JSON object is nested too deeply") from None
    return members


def _expect(line: str, at: int, character: str) -> int:
    """The place of what follows the character that must come next."""
    at = _behind_spaces(line, at)
    if line[at : at + 1] != character:
        raise NotReadable(f"not a JSON object: no '{character}' at character {at + 1}")
    return _behind_spaces(line, at + 1)


def _behind_spaces(line: str, at: int) -> int:
    found = _SPACES.match(line, at)
    assert found is not None, "no space at all matches too"
    return found.end()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotReadable(_TWICE)
    return found


def _no_constant(_: str) -> None:
    raise NotReadable("NaN and Infinity are no JSON values")


def _unknown(names: Sequence[str]) -> str:
    told = listed(names) if names_only(names) else "something"
    return f"the record has {told}, which the schema does not have"


def _cell(kind: TypeName) -> Cell:
    match kind:
        case TypeName.STRING:
            return _string
        case TypeName.DATE | TypeName.DATETIME:
            return _moment
        case TypeName.DECIMAL:
            return _decimal
        case TypeName.JSON:
            return _json
        case TypeName.INT | TypeName.FLOAT | TypeName.BOOLEAN:
            return _as_written  # a string keeps its quotes, and with them no cast takes it
        case _:
            assert_never(kind)


def _as_written(written: str, _: Any) -> str:
    return written


def _string(written: str, value: Any) -> str:
    return value if written[0] == '"' and ("\\" not in written or _is_text(value)) else NO_STRING


def _moment(written: str, value: Any) -> str:
    return value if written[0] == '"' and value.isascii() and value.strip() else written


def _decimal(written: str, _: Any) -> str:
    if written[0] not in "-0123456789":
        return written
    if "e" in written or "E" in written:
        number = Decimal(written)
        written = f"{number:f}" if abs(number.adjusted()) < FARTHEST_DIGIT else written
    return written.rstrip("0").removesuffix(".") if "." in written and "e" not in written.lower() else written


def _json(written: str, value: Any) -> str:
    return written if "\\u" not in written or _is_text(value) else NO_STRING


def _is_text(value: Any) -> bool:
    """Whether there are whole characters only: half a pair of surrogates is none."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


_SPACES = re.compile(r"[ \t\r\n]*")
_TWICE = "the JSON object names a field twice"
# numbers stay text: they are typed from what was written
DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_constant, object_pairs_hook=_once)
