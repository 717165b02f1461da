"""Refusals: what a rule says no to. Nothing was recorded when one is raised.

Refused
├── Unauthenticated      who are you?
├── Forbidden            you may not
├── BadUserInput         the request is malformed
├── NotFound             a reference names nothing
├── AlreadyExists        a name or id is taken
├── Conflict             somebody was faster, or a key was used for something else
├── PreconditionFailed   the thing is not in a state for this
├── InvalidData          what a file or a record holds does not fit
├── LimitExceeded        too much of something
├── TimedOut             the time allowed is over
└── Unavailable          something that we depend on is away; the same call may work later

Anything that is not `Refused` is a fault: it is masked as INTERNAL and logged.
"""

from typing import Any, ClassVar


class Refused(Exception):
    """A rule refused the command. Nothing was recorded.

    `field` is the input's name as the client wrote it; `details` hold values that help a program.
    """

    code: ClassVar[str] = "PRECONDITION_FAILED"

    def __init__(self, message: str, *, field: str | None = None, **details: Any) -> None:  # any JSON value
        super().__init__(message)
        self.message = message
        self.field = field
        self.details = details
        self.run: str | None = None  # the run that met this refusal, where one did

    @property
    def extensions(self) -> dict[str, Any]:  # graphql-core copies this into the error's `extensions`
        """What the client gets beside the message."""
        shown = {"code": self.code, "field": self.field, "details": self.details, "run": self.run}
        return {name: value for name, value in shown.items() if value}


class Unauthenticated(Refused):
    """No key, or one that is not known."""

    code = "UNAUTHENTICATED"


class Forbidden(Refused):
    """The caller is known and may not do this."""

    code = "FORBIDDEN"


class BadUserInput(Refused):
    """The request itself is malformed."""

    code = "BAD_USER_INPUT"


class NotFound(Refused):
    """A reference names nothing."""

    code = "NOT_FOUND"


class AlreadyExists(Refused):
    """A name or an id is taken."""

    code = "ALREADY_EXISTS"


class Conflict(Refused):
    """A version differs, an idempotency key was used for another input, or a race was lost."""

    code = "CONFLICT"


class PreconditionFailed(Refused):
    """The thing is not in a state for this command."""

    code = "PRECONDITION_FAILED"


class InvalidData(Refused):
    """What a file or a record holds does not fit."""

    code = "INVALID_DATA"


class LimitExceeded(Refused):
    """More than the server allows."""

    code = "LIMIT_EXCEEDED"


class TimedOut(Refused):
    """The time allowed is over."""

    code = "TIMEOUT"


class Unavailable(Refused):
    """A dependency is away or busy; the same call may work in a moment."""

    code = "UNAVAILABLE"
