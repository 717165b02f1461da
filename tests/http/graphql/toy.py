"""A small schema that shows every way in which an operation can go well or badly, and a server that serves it."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

import httpx
import strawberry
import uvicorn
from starlette.applications import Starlette
from strawberry.schema.config import StrawberryConfig

from server.http.graphql.app import GraphQLApp
from server.http.graphql.deadline import Deadline
from server.http.graphql.errors import Schema
from server.http.graphql.guards import guards
from server.http.graphql.incoming import Incoming
from server.http.graphql.limits import Limits
from server.http.graphql.page import PageOptions
from server.http.graphql.routes import graphql_routes
from server.http.graphql.weight import price
from server.kernel.errors import AlreadyExists, BadUserInput, Unauthenticated, Unavailable

KEYS = {"Bearer good": "ada", "Bearer other": "grace"}


@dataclass
class World:
    """What the resolvers did."""

    counts: Counter[str] = field(default_factory=Counter)
    contexts: list["ToyContext"] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    stream_ended: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class ToyContext:
    caller: str
    correlation_id: str
    deadline: Deadline
    connection_params: Any
    world: World


Info = strawberry.Info[ToyContext, None]


@strawberry.interface
class Node:
    id: strawberry.ID


@strawberry.type
class Person(Node):
    name: str

    @strawberry.field
    def friend(self) -> "Person":
        return ADA

    @strawberry.field
    def friends(self, first: int = 50) -> "PersonConnection":
        return PersonConnection(nodes=[ADA] * min(first, 3))

    @strawberry.field
    def tags(self) -> list[str]:
        return []

    @strawberry.field
    def peers(self) -> list["Person"]:
        return [ADA]


@strawberry.type
class Robot(Node):
    serial: str


@strawberry.type
class PersonConnection:
    nodes: list[Person]

    @strawberry.field
    def total_count(self) -> int:
        return len(self.nodes)


ADA = Person(id=strawberry.ID("person:ada"), name="Ada")


@strawberry.input
class PersonInput:
    name: str


@strawberry.type
class Query:
    @strawberry.field
    def greet(self, person: PersonInput) -> str:
        return f"hello {person.name}"

    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"hello {name}"

    @strawberry.field
    def whoami(self, info: Info) -> str:
        return f"{info.context.caller} {info.context.correlation_id}"

    @strawberry.field
    def person(self) -> Person:
        return ADA

    @strawberry.field
    def people(self, first: int | None = 50, last: int | None = None) -> PersonConnection:
        return PersonConnection(nodes=[ADA])

    @strawberry.field
    def nodes(self) -> list[Node]:
        return [ADA, Robot(id=strawberry.ID("robot:1"), serial="r1")]

    @strawberry.field(metadata=price(200))
    def dear(self) -> Person:
        return ADA

    @strawberry.field
    def taken(self) -> str | None:
        raise AlreadyExists("the name 'ada' is taken; choose another", field="name", taken="ada")

    @strawberry.field
    def broken(self) -> str | None:
        raise ValueError("the secret is 4711")

    @strawberry.field
    def broken_list(self) -> list[str | None]:
        return ["ok", Broken()]  # type: ignore[list-item]

    @strawberry.field
    def broken_for_good(self) -> str:
        raise ValueError("the secret is 4711")

    @strawberry.field
    async def own_timeout(self) -> str | None:
        raise TimeoutError("a driver's own")

    @strawberry.field
    async def slow(self, info: Info, extend: float = 0) -> str:
        if extend:
            info.context.deadline.extend(extend)
        await info.context.world.release.wait()
        return "done"


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("the secret is 4711")


@strawberry.type
class Mutation:
    @strawberry.mutation
    def count(self, info: Info, by: int = 1) -> int:
        info.context.world.counts["mutations"] += by
        return info.context.world.counts["mutations"]

    @strawberry.mutation
    def refuse(self) -> int:
        raise BadUserInput("the number is missing; give one", field="number")


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self, info: Info, upto: Annotated[int, strawberry.argument()] = 3) -> AsyncGenerator[int, None]:
        for tick in range(1, upto + 1):
            yield tick

    @strawberry.subscription
    async def forever(self, info: Info) -> AsyncGenerator[int, None]:
        world = info.context.world
        try:
            yield 1
            await world.release.wait()
        finally:
            world.stream_ended.set()

    @strawberry.subscription
    async def who(self, info: Info) -> AsyncGenerator[str, None]:
        yield info.context.caller

    @strawberry.subscription
    async def refused(self) -> AsyncGenerator[int, None]:
        yield 1
        raise AlreadyExists("the name 'ada' is taken; choose another")

    @strawberry.subscription
    async def fails(self) -> AsyncGenerator[int, None]:
        yield 1
        raise ValueError("the secret is 4711")


def toy_schema(limits: Limits) -> Schema:
    return Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Robot],
        extensions=guards(limits),
        config=StrawberryConfig(),
    )


async def authenticate(authorization: str | None) -> str:
    """No key is anybody; `Bearer away` finds the keys' store away; `Bearer fault` is a fault."""
    match authorization:
        case None:
            return "anybody"
        case "Bearer away":
            raise Unavailable("the keys cannot be read now; try again")
        case "Bearer fault":
            raise ValueError("the secret is 4711")
        case key if key in KEYS:
            return KEYS[key]
        case _:
            raise Unauthenticated("the key is not known; check it")


@dataclass
class Toy:
    """The application and the world behind it."""

    app: GraphQLApp
    starlette: Starlette
    world: World
    schema: Schema


def toy(limits: Limits | None = None, page: PageOptions | None = None, **options: Any) -> Toy:
    limits = limits or Limits()
    world = World()
    schema = toy_schema(limits)

    def build_context(incoming: Incoming) -> ToyContext:
        context = ToyContext(
            incoming.caller, incoming.correlation_id, incoming.deadline, incoming.connection_params, world
        )
        world.contexts.append(context)
        return context

    app = GraphQLApp(
        schema, limits=limits, authenticate=authenticate, build_context=build_context, page=page, **options
    )
    return Toy(app, Starlette(routes=graphql_routes(app)), world, schema)


@asynccontextmanager
async def served(app: Any, **options: Any) -> AsyncGenerator[int, None]:
    """Serve `app` on a free port of 127.0.0.1 in the loop of the test; yields the port."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        log_level="critical",
        lifespan="off",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=1024 * 1024,
        timeout_graceful_shutdown=2,
        **options,
    )
    server = uvicorn.Server(config)
    listening = config.bind_socket()
    listening.listen()
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await serving
        listening.close()


def client(served_toy: Toy) -> httpx.AsyncClient:
    """A client of the application without a network between."""
    transport = httpx.ASGITransport(served_toy.starlette, raise_app_exceptions=True)
    return httpx.AsyncClient(transport=transport, base_url="http://toy")
