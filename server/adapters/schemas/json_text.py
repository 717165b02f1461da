"""JSON as others write it: read with care for what JSON leaves open."""

import json
from collections import Counter
from typing import Any

from server.kernel.errors import BadUserInput
from server.kernel.fields import Field

MAX_DEPTH = 64
MARKS = ("x-pii", "x-subjectKey", "x-primaryKey")

Json = Any  # whatever a JSON text holds


def parsed(text: str) -> Json:
    """What the text says. Raises: BadUserInput, where it is no JSON or says a thing twice."""
    try:
        document = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise BadUserInput(
            f"this is not JSON: line {error.lineno}, column {error.colno}: {error.msg.lower()}"
        ) from None
    except (ValueError, RecursionError):  # a number of more digits than Python reads; brackets without end
        raise BadUserInput("this JSON holds a number too long or is nested too deeply; shorten it") from None
    _check_depth(document)
    return document


def compact(document: Json) -> str:
    """The document for people to read, its keys in the order given."""
    return json.dumps(document, ensure_ascii=False, indent=2)


def shown(value: Json) -> str:
    """A value for a message: short, and of one line."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."


def marked(field: Field) -> dict[str, Json]:
    """The marks of a column as properties."""
    flags = zip(MARKS, (field.pii, field.subject_key, field.primary_key), strict=True)
    return {mark: True for mark, given in flags if given}


def marks(holder: dict[str, Json]) -> list[bool]:
    """Which of the marks are true. Raises: BadUserInput, where one is no boolean."""
    for name in MARKS:
        if not isinstance(holder.get(name, False), bool):
            raise BadUserInput(f"{name} is {shown(holder[name])}; write true or false")
    return [holder.get(name, False) for name in MARKS]


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise BadUserInput(f"{shown(twice)} stands twice in one object; name it once")
    return found


def _no_number(constant: str) -> Json:
    raise BadUserInput(f"{constant} is not JSON; write a number or null")


def _check_depth(document: Json) -> None:
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise BadUserInput(f"this JSON is nested more than {MAX_DEPTH} levels deep; flatten it")
        level = [part for one in level if isinstance(one, (dict, list)) for part in _parts(one)]


def _parts(one: dict[str, Json] | list[Json]) -> list[Json]:
    return list(one.values()) if isinstance(one, dict) else one
