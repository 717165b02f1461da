"""Operations over a socket: graphql-transport-ws, where one bad operation never ends its neighbours."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeGuard

from graphql import GraphQLError
from starlette.websockets import WebSocket, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation
from strawberry.utils.aio import aclosing

from server.adapters.postgres.away import unavailable
from server.http.graphql.errors import fault, log_fault
from server.http.graphql.incoming import (
    authorization_in,
    authorization_of,
    correlation_id_of,
)
from server.kernel.errors import Refused

if TYPE_CHECKING:
    from server.http.graphql.app import GraphQLApp

REASON_BYTES = 123  # RFC 6455, section 5.5: what a close frame has room for
CLOSE_SECONDS = 1.0  # closing waits for a peer that does not read
MAYBE_OBJECT = (dict, type(None))
MAYBE_TEXT = (str, type(None))


class SocketSession:
    """One connection: who is on it, told once by connection_init. Each operation gets a context of its own."""

    def __init__(self, app: "GraphQLApp", websocket: WebSocket) -> None:
        self.app = app
        self.websocket = websocket
        self.connection_params: Mapping[str, Any] | None = None  # set by the handler: the payload's JSON object
        self.caller: Any = None  # what `authenticate` answered
        self.opened = False

    async def open(self) -> None:
        """Raises: Unauthenticated."""
        key = authorization_in(self.connection_params or {})
        self.caller = await self.app.authenticate(key if key is not None else authorization_of(self.websocket))
        self.opened = True

    def correlation_id(self) -> str:
        return correlation_id_of(self.websocket)

    def context(self, correlation_id: str) -> Any:
        return self.app.context_for(self.websocket, self.caller, correlation_id, self.connection_params)


class SocketAdapter(ASGIWebSocketAdapter):
    """Closes once, within a second, and says that a closed socket is gone."""

    ws: WebSocket

    async def send_json(self, message: Mapping[str, object]) -> None:
        if self.ws.application_state is WebSocketState.DISCONNECTED:
            raise WebSocketDisconnected
        await super().send_json(message)

    async def close(self, code: int, reason: str) -> None:
        if self.ws.application_state is WebSocketState.DISCONNECTED:
            return
        short = reason.encode()[:REASON_BYTES].decode(errors="ignore")
        with suppress(TimeoutError, RuntimeError):  # the peer does not read, or went away while we close
            async with asyncio.timeout(CLOSE_SECONDS):
                await super().close(code, short)


class SocketOperation(Operation[Any, None]):
    """An operation with the `extensions` of its request."""

    __slots__ = ("extensions",)

    def __init__(self, handler: "SocketHandler", operation_id: str, payload: Mapping[str, Any]) -> None:
        super().__init__(
            handler, operation_id, payload["query"], payload.get("variables"), payload.get("operationName")
        )
        self.extensions: dict[str, Any] | None = payload.get("extensions")


class SocketHandler(BaseGraphQLTransportWSHandler[Any, None]):
    """The protocol's server side, stricter on messages and kinder to operations than the one it extends."""

    @property
    def session(self) -> SocketSession:
        session: SocketSession = self.context
        return session

    async def handle(self) -> None:
        sockets = self.session.app.sockets
        sockets.add(self)
        try:
            await super().handle()
        finally:
            sockets.discard(self)

    async def end(self, code: int, reason: str) -> None:
        """Stop every operation and close."""
        for operation_id in list(self.operations):
            await self.cleanup_operation(operation_id)
        await self.websocket.close(code, reason)

    async def handle_message(self, message: object) -> None:
        if not _is_object(message) or not isinstance(message.get("type"), str):
            await self.handle_invalid_message("a message is a JSON object with a `type`")
            return
        wrong = _wrong_member(message)
        if wrong:
            await self.handle_invalid_message(wrong)
            return
        await super().handle_message(message)  # type: ignore[arg-type]  # just checked

    async def handle_connection_init(self, message: Any) -> None:  # checked above
        try:
            message["payload"] = message.get("payload") or {}
            await super().handle_connection_init(message)
        except Refused:
            await self.websocket.close(1013, "the key cannot be checked now; try again later")
        except WebSocketDisconnected:
            raise
        except Exception as error:
            if unavailable(error):
                await self.websocket.close(1013, "the key cannot be checked now; try again later")
                return
            log_fault(error, self.session.correlation_id())
            await self.websocket.close(1011, "internal error")

    async def handle_subscribe(self, message: Any) -> None:  # checked above
        operation_id = message["id"]
        if not self.connection_acknowledged:
            await self.websocket.close(4401, "Unauthorized")
        elif operation_id in self.operations:
            await self.websocket.close(4409, f"Subscriber for {operation_id} already exists")
        elif len(self.operations) >= (self.max_subscriptions_per_connection or len(self.operations) + 1):
            text = f"the socket has {len(self.operations)} operations under way, no more are allowed; end one first"
            error = GraphQLError(text, extensions={"code": "LIMIT_EXCEEDED"})
            await self.send_message({"id": operation_id, "type": "error", "payload": [error.formatted]})
        else:
            operation = SocketOperation(self, operation_id, message["payload"])
            self.operations[operation_id] = operation
            operation.task = asyncio.create_task(self.run_operation(operation))
            operation.task.add_done_callback(self._task_done)

    async def run_operation(self, operation: Operation[Any, None]) -> None:
        correlation_id = self.session.correlation_id()
        assert isinstance(operation, SocketOperation)
        try:
            results = await self.schema.stream(
                operation.query,
                variable_values=operation.variables,
                context_value=self.session.context(correlation_id),
                operation_name=operation.operation_name,
                operation_extensions=operation.extensions,
            )
            async with aclosing(results):
                await self._send_result_stream(operation, results)
            await operation.send_operation_message({"id": operation.id, "type": "complete"})
        except WebSocketDisconnected:
            return
        except Exception as error:
            log_fault(error, correlation_id)
            with suppress(WebSocketDisconnected):
                await operation.send_initial_errors([fault(correlation_id)])

    @staticmethod
    def _get_pre_execution_close_reason(error: GraphQLError) -> str | None:
        """A document that cannot be read fails its own operation only."""
        return None


def _is_object(message: object) -> TypeGuard[dict[str, Any]]:  # any JSON
    return isinstance(message, dict)


def _wrong_member(message: Mapping[str, Any]) -> str | None:
    kind, payload = message["type"], message.get("payload")
    if kind in ("subscribe", "complete") and not (isinstance(message.get("id"), str) and message["id"]):
        return f"a {kind} message needs an `id`, a text that is not empty"
    if kind != "subscribe":
        return None if isinstance(payload, MAYBE_OBJECT) else f"the payload of {kind} must be an object"
    if not _is_object(payload) or not isinstance(payload.get("query"), str):
        return "the payload of subscribe must be an object with a `query`, a text"
    for name, kinds in {"variables": MAYBE_OBJECT, "extensions": MAYBE_OBJECT, "operationName": MAYBE_TEXT}.items():
        if not isinstance(payload.get(name), kinds):
            return f"`{name}` of a subscribe payload must be {'an object' if dict in kinds else 'a text'} or null"
    return None
