"""Bodies in and out: JSON, bounded in size, never a fault of the server whatever the bytes are."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson
from starlette.requests import Request
from starlette.types import Message, Receive
from strawberry.http import GraphQLRequestData

from server.http.graphql import media
from server.http.graphql.declined import Declined

MEMBERS = {"query": str, "operationName": str, "variables": dict, "extensions": dict}
NAMED = {str: "text", dict: "an object"}


def decoded(data: str | bytes) -> Any:  # any JSON value
    """Raises: json.JSONDecodeError for everything that is not JSON in UTF-8."""
    return orjson.loads(data)


def encoded(value: object) -> str:
    """Write JSON; text, because bytes would leave a socket as binary frames."""
    return orjson.dumps(value, default=_exactly).decode()


def _exactly(value: object) -> object:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(str(value))
    raise TypeError(f"a value of type {type(value).__name__} has no JSON form")


def bounded(receive: Receive, limit: int) -> Receive:
    """Count the body while it comes in.

    Raises: Declined with 413.
    """
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise Declined.too_large(limit)
        return message

    return counted


async def posted(request: Request, limit: int) -> dict[str, Any]:  # any JSON object
    """Read the body of a POST.

    Raises: Declined.
    """
    content_type = request.headers.get("content-type", "")
    if not media.is_json(content_type) or request.headers.get("content-encoding", "identity") != "identity":
        raise Declined(415, "the body must be sent as application/json in UTF-8, not compressed")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared[:20]) > limit:
        raise Declined.too_large(limit)
    body = _json("body", await request.body())
    if not isinstance(body, dict):
        raise Declined(400, "the body must be a JSON object with the member `query`")
    return body


def queried(parameters: Mapping[str, str]) -> dict[str, Any]:  # any JSON object
    """Read the query string of a GET.

    Raises: Declined.
    """
    asked: dict[str, Any] = dict(parameters)
    for name in ("variables", "extensions"):
        if asked.get(name):
            asked[name] = _json(name, asked[name])
    return asked


def request_data(asked: Mapping[str, Any]) -> GraphQLRequestData:
    """Check the members of a request.

    Raises: Declined, naming the member.
    """
    for name, kind in MEMBERS.items():
        value = asked.get(name)
        if value is not None and not isinstance(value, kind):
            raise Declined(400, f"`{name}` must be {NAMED[kind]} or null, it is {type(value).__name__}")
    if not asked.get("query"):
        raise Declined(400, "the request has no `query`; send the text of a GraphQL document")
    return GraphQLRequestData(
        query=asked["query"],
        variables=asked.get("variables"),
        operation_name=asked.get("operationName"),
        extensions=asked.get("extensions"),
    )


def _json(name: str, text: str | bytes) -> Any:
    try:
        return decoded(text)
    except ValueError as error:
        raise Declined(400, f"the {name} cannot be read as JSON in UTF-8; check its syntax") from error
