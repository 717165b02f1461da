"""GraphQL over HTTP as its specification has it, and the door to the sockets."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from cross_web import AsyncHTTPRequestAdapter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData, process_result
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult, SubscriptionExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType
from strawberry.types.unset import UnsetType

from server.adapters.postgres.away import unavailable
from server.http.graphql import bodies, media
from server.http.graphql.deadline import Deadline
from server.http.graphql.declined import Declined
from server.http.graphql.errors import MASKED, Schema, log_fault
from server.http.graphql.incoming import (
    CORRELATION_HEADER,
    Authenticate,
    BuildContext,
    Incoming,
    authorization_of,
    correlation_id_of,
)
from server.http.graphql.limits import Limits
from server.http.graphql.page import PageOptions, page_response
from server.http.graphql.sockets import SocketAdapter, SocketHandler, SocketSession
from server.kernel.errors import Refused, Unauthenticated

OFFERED = (media.GRAPHQL, media.JSON, media.EVENTS)
ANY = "*/*"


class GraphQLApp(GraphQL[Any, None]):
    """An ASGI application for one path: POST, GET for queries and the page, sockets, events by POST.

    `limits` should be those that the schema's guards were made with. `page`: None serves no page.
    """

    websocket_adapter_class = SocketAdapter
    graphql_transport_ws_handler_class = SocketHandler

    def __init__(
        self,
        schema: Schema,
        *,
        limits: Limits,
        authenticate: Authenticate,
        build_context: BuildContext,
        page: PageOptions | None = None,
        allowed_origins: Sequence[str] = (),
        connection_init_seconds: float = 3.0,
    ) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL),
            connection_init_wait_timeout=timedelta(seconds=connection_init_seconds),
            max_subscriptions_per_connection=limits.operations_per_socket,
            allowed_origins=allowed_origins,
        )
        self.limits = limits
        self.authenticate = authenticate
        self.build_context = build_context
        self.page = page
        self.sockets: set[SocketHandler] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self.run(WebSocket(scope, receive=receive, send=send))
            return
        request = Request(scope, bodies.bounded(receive, self.limits.body_bytes))
        correlation_id = request.state.correlation_id = correlation_id_of(request)
        try:
            response = await self.respond(request)
        except Declined as declined:
            response = _declined_response(declined, request)
        except Refused as refused:
            response = _declined_response(Declined.refused(refused), request)
        except Exception as error:
            response = _declined_response(_declined(error, correlation_id), request)
        response.headers[CORRELATION_HEADER] = correlation_id
        await response(scope, receive, send)

    async def respond(self, request: Request) -> Response:
        if request.method not in ("GET", "POST"):
            raise Declined(405, f"the method {request.method} is not allowed; use POST", headers={"Allow": "GET, POST"})
        accept = request.headers.get("accept") or ANY
        if request.method == "GET" and "query" not in request.query_params and media.names(accept, media.HTML):
            if self.page is None:
                raise Declined(404, "there is no page here; send queries by POST")
            return page_response(self.page, request.url.path)
        chosen = media.preferred(accept, _offers(request.method), default=media.JSON)
        if chosen is None:
            raise Declined(406, f"answers are {', '.join(_offers(request.method))}; accept one of them")
        request.state.media_type = chosen
        return await self.run(request)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Any:
        """The context of one operation over HTTP; on a socket a session, which makes one for each operation."""
        if isinstance(request, WebSocket):
            return SocketSession(self, request)
        caller = await self.authenticate(authorization_of(request))
        return self.context_for(request, caller, request.state.correlation_id, None)

    def context_for(
        self,
        connection: Request | WebSocket,
        caller: Any,  # the composition root's own type
        correlation_id: str,
        connection_params: Mapping[str, Any] | None,
    ) -> Any:
        return self.build_context(
            Incoming(
                connection=connection,
                caller=caller,
                correlation_id=correlation_id,
                deadline=Deadline(self.limits.timeout_seconds),
                connection_params=connection_params,
            )
        )

    def should_render_graphql_ide(self, request: object) -> bool:
        """`respond` has served the page already."""
        return False

    async def on_ws_connect(self, context: SocketSession) -> UnsetType:
        try:
            await context.open()
        except Unauthenticated as refused:
            raise ConnectionRejectionError from refused
        return UnsetType()

    async def end_sockets(self, ends: Callable[[Any], bool]) -> int:
        """Close every socket whose caller `ends` names with 4403, as when a key is revoked; say how many."""
        ended = [handler for handler in self.sockets if handler.session.opened and ends(handler.session.caller)]
        for handler in ended:
            await handler.end(4403, "Forbidden")
        return len(ended)

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        starlette: Request = request._request  # type: ignore[attr-defined]  # the adapter has no other door to it
        if starlette.method == "GET":
            return bodies.request_data(bodies.queried(starlette.query_params))
        data = bodies.request_data(await bodies.posted(starlette, self.limits.body_bytes))
        if starlette.state.media_type == media.EVENTS:
            data.protocol = "sse"
        return data

    async def execute_operation(  # type: ignore[override]  # no batches here
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        request_data: GraphQLRequestData,
        context: Any,
        root_value: None,
        sub_response: Response,
    ) -> ExecutionResult | SubscriptionExecutionResult:
        if request_data.protocol == "sse":
            return await self._stream(request_data, context)
        allowed = {OperationType.QUERY, OperationType.MUTATION} if request.method == "POST" else {OperationType.QUERY}
        try:
            return await self.schema.execute(
                request_data.query,
                variable_values=request_data.variables,
                context_value=context,
                operation_name=request_data.operation_name,
                allowed_operation_types=allowed,
                operation_extensions=request_data.extensions,
            )
        except CannotGetOperationTypeError as error:
            raise Declined(
                400,
                f"the document has no operation {error.operation_name!r}; name one of its operations",
                extensions={"code": "GRAPHQL_VALIDATION_FAILED"},
            ) from error
        except InvalidOperationTypeError as error:
            accepted = media.ranges(request.headers.get("accept") or "")
            if request.method == "POST" and media.quality_of(media.EVENTS, accepted) > 0:
                request_data.protocol = "sse"
                return await self._stream(request_data, context)
            raise _wrong_door(request.method, error.operation_type) from error

    async def _stream(self, data: GraphQLRequestData, context: Any) -> SubscriptionExecutionResult:
        stream = await self.schema.stream(
            data.query,
            variable_values=data.variables,
            context_value=context,
            operation_name=data.operation_name,
            operation_extensions=data.extensions,
        )
        return cast(SubscriptionExecutionResult, stream)  # as in the base: the protocol is narrower than a generator

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """Leave `data` out where the operation never ran."""
        answer = process_result(result)
        errors = result.errors or []
        ran = any((error.extensions or {}).get("code") == "TIMEOUT" for error in errors)
        before = isinstance(result, PreExecutionError) or (result.data is None and not any(e.path for e in errors))
        if errors and before and not ran:
            answer.pop("data", None)
        return answer

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        sub_response = await super().get_sub_response(request)
        if isinstance(request, Request):
            sub_response.media_type = request.state.media_type
        return sub_response

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        """A request that never ran has status 400 for those who asked for the newer media type (section 6.4.2)."""
        assert isinstance(response_data, dict)  # no batches here
        media_type = sub_response.media_type or media.JSON
        status = 200 if media_type == media.JSON or "data" in response_data else 400
        return Response(self.encode_json(response_data), status, media_type=f"{media_type}; charset=utf-8")

    async def create_streaming_response(
        self,
        request: Request | WebSocket,
        stream: Callable[[], AsyncIterator[str]],
        sub_response: Response,
        headers: Mapping[str, str],
    ) -> Response:
        return StreamingResponse(stream(), headers=dict(headers))

    def encode_json(self, data: object) -> str:
        return bodies.encoded(data)

    def decode_json(self, data: str | bytes) -> object:
        return bodies.decoded(data)


def _offers(method: str) -> tuple[str, ...]:
    return OFFERED if method == "POST" else OFFERED[:2]


def _wrong_door(method: str, kind: OperationType) -> Declined:
    if kind is OperationType.SUBSCRIPTION:
        return Declined(400, "a subscription needs a socket, or POST with Accept: text/event-stream")
    return Declined(405, f"a {kind.value} must be sent by POST, this came by {method}", headers={"Allow": "POST"})


def _declined(error: Exception, correlation_id: str) -> Declined:
    if refused := unavailable(error):
        return Declined.refused(refused)
    log_fault(error, correlation_id)
    return Declined(500, MASKED, extensions={"correlationId": correlation_id})


def _declined_response(declined: Declined, request: Request) -> Response:
    newer = getattr(request.state, "media_type", None) == media.GRAPHQL
    media_type = media.GRAPHQL if newer else media.JSON
    return Response(
        bodies.encoded(declined.body),
        declined.status,
        headers=declined.headers,
        media_type=f"{media_type}; charset=utf-8",
    )
