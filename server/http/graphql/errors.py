"""The one place where errors become answers.

Refusals keep their code, the client's mistakes get one, faults are masked. A fault is logged once, with its traceback
and the correlation id that the client also gets.
"""

import logging
import re
from uuid import uuid4

from graphql import (
    ArgumentNode,
    GraphQLError,
    GraphQLSyntaxError,
    Node,
    ValueNode,
    VariableDefinitionNode,
)
from strawberry import Schema as StrawberrySchema
from strawberry.exceptions import MissingQueryError, StrawberryInputCoercionError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext

from server.adapters.postgres.away import unavailable
from server.kernel.errors import Refused, Unavailable

LOG = logging.getLogger("lakemesh.graphql")
MASKED = "internal error"
TOO_MANY_TOKENS = "Document contains more than"  # how graphql-core begins that one syntax error
# How it repeats an input, which may hold rows or the id of a person, to the end of its message.
_FOUND = re.compile(r"(?:[,;]|(\?)) [Ff]ound: .*", re.DOTALL)
_TEXT = re.compile(r"\b((?:String|ID) cannot represent [^:]*): .*", re.DOTALL)
_TOKEN = re.compile(r"\b(String|BlockString|Int|Float) ['\"].*", re.DOTALL)
UNREADABLE = (CannotGetOperationTypeError, InvalidOperationTypeError, MissingQueryError)


def coded(error: GraphQLError, code: str) -> GraphQLError:
    """Give the error a code, if it has none."""
    error.extensions = {"code": code, **(error.extensions or {})}
    return error


def refusal(refused: Refused) -> GraphQLError:
    """The answer to a refusal that was raised outside a resolver."""
    return GraphQLError(refused.message, original_error=refused)


def fault(correlation_id: str, error: GraphQLError | None = None) -> GraphQLError:
    """The answer to a fault: where it happened and the id under which it is logged."""
    return GraphQLError(
        MASKED,
        nodes=error.nodes if error else None,
        path=error.path if error else None,
        extensions={"code": "INTERNAL", "correlationId": correlation_id},
    )


def passing(refused: Unavailable, error: GraphQLError) -> GraphQLError:
    """The answer to an error of something that we depend on."""
    return GraphQLError(refused.message, nodes=error.nodes, path=error.path, original_error=refused)


def log_fault(error: BaseException, correlation_id: str) -> None:
    """Write one line at ERROR with the traceback."""
    LOG.error("fault in a GraphQL request, correlation id %s", correlation_id, exc_info=error)


def client_code(error: GraphQLError) -> str | None:
    """The code of an error that the client can mend; None for a fault."""
    if error.extensions and "code" in error.extensions:
        return str(error.extensions["code"])
    if isinstance(error, GraphQLSyntaxError):
        return "LIMIT_EXCEEDED" if TOO_MANY_TOKENS in error.message else "GRAPHQL_PARSE_FAILED"
    if isinstance(error.original_error, UNREADABLE):
        return "GRAPHQL_VALIDATION_FAILED"
    if isinstance(error.original_error, StrawberryInputCoercionError) or any(map(_came_from_client, error.nodes or ())):
        return "BAD_USER_INPUT"
    if error.path is None and error.original_error is None:
        return "BAD_USER_INPUT"  # graphql-core's own, before the first field runs
    return None


def without_input(error: GraphQLError) -> str:
    """The message of graphql-core, without what the client sent."""
    message = _TEXT.sub(r"\1.", _FOUND.sub(lambda found: found[1] or ".", error.message))
    return _TOKEN.sub(r"\1.", message) if isinstance(error, GraphQLSyntaxError) else message


def _came_from_client(node: Node) -> bool:
    return isinstance(node, VariableDefinitionNode | ArgumentNode | ValueNode)


class Schema(StrawberrySchema):
    """A Strawberry schema whose errors are answers: every transport passes `process_errors` once."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Replace each error in `errors` by its answer; log the faults."""
        context: object = execution_context.context if execution_context else None
        correlation_id = getattr(context, "correlation_id", None) or str(uuid4())
        logged: set[tuple[type[BaseException], str]] = set()
        for at, error in enumerate(errors):
            code = client_code(error)
            if code is not None:
                if not isinstance(error.original_error, Refused):
                    error.message = without_input(error)
                errors[at] = coded(error, code)
                continue
            cause = error.original_error or error
            if refused := unavailable(cause):
                LOG.warning("%s, correlation id %s: %s", type(cause).__name__, correlation_id, refused)
                errors[at] = passing(refused, error)
                continue
            if (type(cause), str(cause)) not in logged:
                logged.add((type(cause), str(cause)))
                log_fault(cause, correlation_id)
            errors[at] = fault(correlation_id, error)
