"""A request that never became an operation: an HTTP status and a body of GraphQL's shape."""

from collections.abc import Mapping

from server.kernel.errors import Refused

CODES = {413: "LIMIT_EXCEEDED", 500: "INTERNAL"}
STATUSES = {"UNAUTHENTICATED": 401, "FORBIDDEN": 403, "LIMIT_EXCEEDED": 429, "UNAVAILABLE": 503, "TIMEOUT": 504}
HEADERS: dict[int, dict[str, str]] = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}


class Declined(Exception):
    """Answered with `status`, BAD_USER_INPUT unless another code is given."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {**HEADERS.get(status, {}), **(headers or {})}
        code = {"code": CODES.get(status, "BAD_USER_INPUT")}
        self.body = {"errors": [{"message": message, "extensions": {**code, **(extensions or {})}}]}

    @classmethod
    def too_large(cls, limit: int) -> "Declined":
        return cls(413, f"the body is larger than the {limit} bytes allowed; send files to an upload address")

    @classmethod
    def refused(cls, refused: Refused) -> "Declined":
        """A refusal before the operation: who the caller is, or that it cannot be found out now."""
        return cls(STATUSES.get(refused.code, 400), refused.message, extensions=refused.extensions)
