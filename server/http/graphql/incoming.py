"""What a request brings with it, and the two hooks through which the composition root knows the caller."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias
from uuid import uuid4

from starlette.requests import HTTPConnection, Request
from starlette.websockets import WebSocket

from server.http.graphql.deadline import Deadline
from server.kernel.errors import Unauthenticated
from server.kernel.record import record

CORRELATION_HEADER = "X-Correlation-Id"
WELL_FORMED = re.compile(r"[\x20-\x7e]{1,128}")


@record
class Incoming:
    """One operation as it comes in: made anew for each one, also on a socket.

    The context made of it is expected to have `correlation_id` and `deadline` as attributes, as they are here.
    """

    connection: Request | WebSocket
    caller: Any  # whatever `authenticate` answered: the composition root's own type
    correlation_id: str
    deadline: Deadline
    connection_params: Mapping[str, Any] | None  # the JSON object of connection_init; None over HTTP


Authenticate: TypeAlias = Callable[[str | None], Awaitable[Any]]
"""The value of an Authorization header (None: no key given) -> the caller. May raise Unauthenticated or Unavailable."""

BuildContext: TypeAlias = Callable[[Incoming], Any]
"""Makes `info.context` of one operation; cheap, opens nothing."""


def correlation_id_of(connection: HTTPConnection) -> str:
    """Take the client's id over if it is 1-128 printable ASCII characters, else make one."""
    given = connection.headers.get(CORRELATION_HEADER, "")
    return given if WELL_FORMED.fullmatch(given) else str(uuid4())


def authorization_of(connection: HTTPConnection) -> str | None:
    """Raises: Unauthenticated where two keys are given."""
    given = connection.headers.getlist("authorization")
    if len(given) > 1:
        raise Unauthenticated(f"the request has {len(given)} Authorization headers; send one")
    return given[0] if given else None


def authorization_in(params: Mapping[str, Any]) -> str | None:
    """Read `Authorization`, `authorization` or `apiKey` of a connection_init payload.

    Raises: Unauthenticated where a key is given that is no text, or more than one.
    """
    given = [params[name] for name in ("Authorization", "authorization") if params.get(name) is not None]
    if params.get("apiKey") is not None:
        key = params["apiKey"]
        given.append(f"Bearer {key}" if isinstance(key, str) else key)
    if len(given) > 1 or not all(isinstance(value, str) for value in given):
        raise Unauthenticated("connection_init needs one key as text, in `Authorization` or in `apiKey`")
    return given[0] if given else None
