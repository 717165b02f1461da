"""Refusals over plain HTTP: one status for each code, one shape of body."""

from collections.abc import Mapping

from starlette.responses import JSONResponse

from server.kernel.errors import Refused

STATUS: Mapping[str, int] = {
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "BAD_USER_INPUT": 400,
    "INVALID_DATA": 400,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "CONFLICT": 409,
    "PRECONDITION_FAILED": 409,
    "LIMIT_EXCEEDED": 413,
    "TIMEOUT": 504,
    "UNAVAILABLE": 503,
}


def refusal_response(refused: Refused, *, status: int | None = None) -> JSONResponse:
    """`{"error": {"code", "message"}}` under the status of its code, or under a more exact one."""
    response = JSONResponse(
        {"error": {"code": refused.code, "message": refused.message}}, status_code=status or STATUS[refused.code]
    )
    if response.status_code == 401:
        response.headers["www-authenticate"] = "Bearer"
    return response
