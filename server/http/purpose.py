"""The purpose of a read, as a request or a socket says it."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import HTTPConnection

from server.kernel.errors import BadUserInput
from server.kernel.purpose import HEADER, check_purpose

IN_PARAMS = ("purpose", HEADER, HEADER.lower())  # where connection_init may say it, as a browser sends no header


def purpose_of(connection: HTTPConnection, params: Mapping[str, Any] | None = None) -> str | None:
    """What the header X-Purpose says in UTF-8, or the payload of connection_init; None where neither does.

    Raises: BadUserInput, for what is no purpose, and for more than one.
    """
    given: list[Any] = [_text(value) for value in connection.headers.getlist(HEADER)]  # or any JSON
    given += [params[name] for name in IN_PARAMS if params is not None and params.get(name) is not None]
    if len(given) > 1:
        raise BadUserInput(f"the request gives {len(given)} purposes; send one as the header {HEADER}", field="purpose")
    if not given:
        return None
    if not isinstance(given[0], str):
        raise BadUserInput("purpose in connection_init is no text; write it as a text", field="purpose")
    return check_purpose(given[0], field=HEADER)


def _text(value: str) -> str:
    """A header's value, which comes as one character for each byte."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value
