"""The server: the mesh behind GraphQL, files by signed address and health, served by uvicorn."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TypeAlias

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from graphql_schema.context import Context
from graphql_schema.schema import build_schema
from server.adapters.checkpoints.following import checkpointing
from server.assembly.assembled import Assembly, assemble, worker
from server.database import open_database
from server.housekeeping import housekeeping
from server.http.export import export_routes
from server.http.files import file_routes
from server.http.graphql.app import GraphQLApp
from server.http.graphql.departure import Departure
from server.http.graphql.incoming import Incoming
from server.http.graphql.limits import Limits
from server.http.graphql.page import PageOptions
from server.http.graphql.routes import graphql_routes
from server.http.health import health_routes
from server.http.purpose import purpose_of
from server.http.stream import stream_routes
from server.jobs import Jobs
from server.kernel.record import record
from server.mesh.erasure.watching import watching
from server.mesh.publishing.following import following
from server.schedule import schedule
from server.settings import Settings

DRAIN_SECONDS = 25
# New objects before a round of the collector, rounds of the young before one of the middle, of those before a full one:
# an answer of 10,000 assets is made and gone again without a full round, which holds up everybody for 0.1 to 0.5 s.
COLLECTING = (10_000, 10, 10)


@record
class Opened:
    """A server that is ready: its application, and the key that was made for it, if one was."""

    app: Starlette
    new_key: str | None


@asynccontextmanager
async def open_server(settings: Settings) -> AsyncGenerator[Opened]:
    """Everything that serves, started; stopped at the end."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings))
        parts = await stack.enter_async_context(assemble(settings, database))
        await stack.enter_async_context(checkpointing(parts.checkpoints))
        new_key = await parts.keys.prepare(settings.api_key)
        await parts.follower.start()
        if settings.worker == "inline":
            await stack.enter_async_context(worker(settings, database, parts))
            await stack.enter_async_context(following(parts.delta))
            await stack.enter_async_context(watching(parts.reappearances))
            await stack.enter_async_context(schedule(Jobs(database.pool, parts), settings.schedule_seconds))
        await stack.enter_async_context(housekeeping(database.pool))
        yield Opened(app=application(settings, parts), new_key=new_key)


def application(settings: Settings, parts: Assembly) -> Starlette:
    """The ASGI application."""
    limits = Limits(
        body_bytes=settings.max_body_bytes,
        tokens=settings.max_tokens,
        depth=settings.max_depth,
        cost=settings.max_cost,
        timeout_seconds=settings.operation_timeout_seconds,
    )

    def context(incoming: Incoming) -> Context:
        address = incoming.connection.base_url
        scheme = {"ws": "http", "wss": "https"}.get(address.scheme, address.scheme)
        return Context(
            mesh=parts.mesh,
            caller=incoming.caller,
            correlation_id=incoming.correlation_id,
            deadline=incoming.deadline,
            departure=Departure(incoming.connection),
            purpose=partial(purpose_of, incoming.connection, incoming.connection_params),
            base_url=settings.public_url.rstrip("/") or f"{scheme}://{address.netloc}",
        )

    graphql = GraphQLApp(
        build_schema(limits),
        limits=limits,
        authenticate=parts.keys.caller,
        build_context=context,
        page=PageOptions(assets_url=settings.graphiql_assets, example=EXAMPLE) if settings.graphiql else None,
        allowed_origins=[origin for origin in settings.allowed_origins.split(",") if origin],
    )
    return Starlette(
        routes=[
            Route("/", to_graphql),
            Route("/graphql/", to_graphql),
            *graphql_routes(graphql),
            *file_routes(
                parts.storage,
                parts.signer,
                max_upload_bytes=settings.max_upload_bytes,
                authorize=parts.mesh.grants.authorize,
            ),
            *stream_routes(parts.mesh.record_streams),
            *export_routes(parts.mesh.audit_exports),
            *health_routes(parts.mesh.events.head),
        ]
    )


EXAMPLE = """# Welcome to Lakemesh. Ctrl-Enter runs the operation under the cursor.
# Rows, events and mutations need your key: in GraphiQL as the header {"Authorization": "Bearer <your key>"}
# Rows of a GDPR or STRICT lake also need what you read them for: "X-Purpose": "..."

query Mesh {
  domains(first: 10) {
    nodes {
      name
      owner
      products(first: 10) { nodes { name version status } }
    }
  }
  datasets(first: 20) {
    nodes {
      name
      containsPii
      schema { name type pii }
      batches(first: 10) { nodes { batchId status rowCount rejectedRowCount } }
    }
  }
}

query WhatFeedsWhat {
  dataProducts(first: 10) {
    nodes {
      name
      upstream { nodes { asset { id } depth confidence } complete }
    }
  }
}

subscription Live {
  events { type stream position occurredAt }
}
"""


async def to_graphql(_: Request) -> Response:
    """Where a newcomer wants to be."""
    return RedirectResponse("/graphql")


Announce: TypeAlias = Callable[[str, str | None], Awaitable[None]]


class AnnouncingServer(uvicorn.Server):
    """Uvicorn that tells its address once it answers, and ends with status 0 after SIGTERM and SIGINT."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[str], Awaitable[None]]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            await self._announce(f"http://{self.config.host}:{port}")

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


async def serve(settings: Settings, announce: Announce) -> None:
    """Serve until a signal says stop. `announce` hears the address and the new key once requests are answered."""
    async with open_server(settings) as opened:
        gc.collect()
        gc.freeze()  # what stands now stays: each full collection would walk it again, a fifth of a small request
        gc.set_threshold(*COLLECTING)
        config = uvicorn_config(settings, opened.app)
        await AnnouncingServer(config, lambda address: announce(address, opened.new_key)).serve()


def uvicorn_config(settings: Settings, app: Starlette) -> uvicorn.Config:
    """Uvicorn for sockets without compression; no access log, which would hold signed addresses."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level.lower().replace(
            "debug", "info"
        ),  # its debug lines hold frames: keys, ids of people
        access_log=False,
        lifespan="off",
        http="httptools",
        timeout_keep_alive=75,  # seconds; longer than a proxy keeps an idle connection
        ws="websockets-sansio",
        ws_max_size=settings.max_body_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        server_header=False,
    )
