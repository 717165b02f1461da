"""Which errors say that Postgres is away or too busy, so that the same call may work in a moment."""

import asyncpg

from server.kernel.errors import Unavailable

_PASSING = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, starting up, a statement cancelled by its timeout
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,  # a connection that was cut in the middle of an answer
)


class PostgresAway(Unavailable):
    """Postgres could not be asked. What was under way may have been recorded or not."""


def unavailable(error: BaseException) -> PostgresAway | None:
    """The refusal that stands for the error, if the error will pass. SQLAlchemy's errors are known by their causes."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, PostgresAway):
            return cause
        if isinstance(cause, _PASSING) or (isinstance(cause, asyncpg.InterfaceError) and "closed" in str(cause)):
            return PostgresAway("Postgres is away or overloaded; try again in a moment")
        cause = cause.__cause__
    return None
