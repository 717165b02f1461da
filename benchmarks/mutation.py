"""What one small mutation costs through HTTP and GraphQL, split in parts. Run by append.py.

The whole is measured on a server process with 32 clients on sockets of their own; the parts by calling deeper and
deeper into the same code, 32 calls at a time, and by subtracting. Inside, all 32 wait for one another and share each
way to Postgres; behind sockets fewer arrive together: the last part is that difference.
"""

import asyncio
import contextlib
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import psutil
import uvloop

import graphql_schema.schema
from graphql_schema.context import Context
from graphql_schema.dataset_input import RegisterDatasetInput
from graphql_schema.field import FieldInput
from server.adapters.store.aggregate import Loaded
from server.adapters.store.commands import decide
from server.assembly.assembled import assemble
from server.database import open_database
from server.http.graphql.deadline import Deadline
from server.kernel.caller import Caller, Role
from server.kernel.fields import Field
from server.kernel.ids import Kind, urn
from server.mesh.dataset.domain import RegisterDataset
from server.mesh.dataset.service import DATASETS
from server.mesh.mesh import Mesh
from server.mesh.slices import CODEC
from server.settings import Settings

CLIENTS = 32
KEY = "a key for benchmarks only"
TYPES = {"id": "int", "amount": "decimal(18,2)", "currency": "string"}
FIELDS = tuple(Field(name=name, type=kind) for name, kind in TYPES.items())
MUTATION = """mutation Register($input: RegisterDatasetInput!) {
  registerDataset(input: $input) { dataset { id name revision } events { id type position occurredAt } }
}"""
NOTHING = "{ __typename }"

# Does one thing once; its number is new each time.
Once: TypeAlias = Callable[[int], Awaitable[object]]
_numbers = itertools.count(1)


class Door:
    """A client that keeps its connection: HTTP/1.1, one request after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, path: str, body: bytes | None) -> bytes:
        """The body of the answer to a GET, or to a POST where there is a body."""
        length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n{length}\r\n"
        self._writer.write(head.encode() + (body or b""))
        answered = await self._reader.readuntil(b"\r\n\r\n")
        status, *headers = answered.decode().lower().split("\r\n")
        size = next(int(line.partition(":")[2]) for line in headers if line.startswith("content-length"))
        answer = await self._reader.readexactly(size)
        assert " 200 " in f"{status} ", (status, answer)
        return answer


def variables(number: int) -> dict[str, object]:  # JSON
    """The input of one registration."""
    fields = [{"name": name, "type": kind} for name, kind in TYPES.items()]
    return {"input": {"name": f"orders-{number}", "fields": fields}}


def command(number: int) -> RegisterDataset:
    """One registration as the domain takes it."""
    name = f"orders-{number}"
    return RegisterDataset(
        dataset=urn(Kind.DATASET, name), name=name, fields=FIELDS, contains_pii=None, encryption_enabled=False
    )


async def together(once: Once, times: int) -> None:
    """`times` calls, CLIENTS at a time."""

    async def client() -> None:
        for _ in range(times // CLIENTS):
            await once(next(_numbers))

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


def processor_seconds(process: psutil.Process) -> float:
    """Processor time so far of a process and its children that live, to the nanosecond: ticks are too coarse here."""
    spent = 0
    for one in (process, *process.children(recursive=True)):
        for thread in Path(f"/proc/{one.pid}/task").glob("*/schedstat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended just now
                spent += int(thread.read_text().split()[0])
    return spent / 1e9


@contextlib.contextmanager
def server(dsn: str, folder: Path) -> Iterator[tuple[psutil.Process, str]]:
    """A server process and its address."""
    environment = {"DATA_DIR": str(folder / "server"), "DATABASE_URL": dsn, "PORT": "0", "API_KEY": KEY}
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "serve"], env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        address = next(line for line in process.stdout if "http://" in line).split()[-1]
        yield psutil.Process(process.pid), address
    finally:
        process.terminate()
        process.wait()


async def through_http(
    address: str, process: psutil.Process, postgres: psutil.Process, times: int
) -> dict[str, tuple[float, float, float]]:
    """What is asked -> times a second, and processor microseconds of the server and of Postgres for each."""
    parts = urlsplit(address)
    doors = [Door(*await asyncio.open_connection(parts.hostname, parts.port)) for _ in range(CLIENTS)]

    def nothing(_: int) -> tuple[str, bytes | None]:
        return "/graphql", json.dumps({"query": NOTHING}).encode()

    def mutation(number: int) -> tuple[str, bytes | None]:
        return "/graphql", json.dumps({"query": MUTATION, "variables": variables(number)}).encode()

    found: dict[str, tuple[float, float, float]] = {}
    asked: dict[str, Callable[[int], tuple[str, bytes | None]]] = {
        "GET /health/live": lambda _: ("/health/live", None),
        "query { __typename }": nothing,
        "mutation registerDataset": mutation,
    }
    for name, ask in asked.items():

        async def once(number: int, ask: Callable[[int], tuple[str, bytes | None]] = ask) -> None:
            door = doors.pop()
            answer = await door.ask(*ask(number))
            assert b'"errors"' not in answer, answer
            doors.append(door)

        await together(once, times // 4)  # documents are cached, statements prepared
        begun, ours, theirs = time.perf_counter(), processor_seconds(process), processor_seconds(postgres)
        await together(once, times)
        spent = (processor_seconds(process) - ours, processor_seconds(postgres) - theirs)
        found[name] = (times / (time.perf_counter() - begun), *(1e6 * seconds / times for seconds in spent))
    return found


def operation(mesh: Mesh) -> Context:
    """The context of one operation by the admin."""
    return Context(
        mesh=mesh,
        caller=Caller(name="admin", roles=frozenset({Role.ADMIN})),
        correlation_id="00000000-0000-0000-0000-000000000000",
        deadline=Deadline(60.0),
        base_url="http://localhost",
    )


def given(number: int) -> RegisterDatasetInput:
    """The input as the resolver gets it."""
    fields = [FieldInput(name=name, type=kind) for name, kind in TYPES.items()]
    return RegisterDatasetInput(name=f"orders-{number}", fields=fields)


async def inside(dsn: str, folder: Path, times: int) -> dict[str, float]:
    """Processor microseconds of this process for each call, from the schema down to single steps."""
    settings = Settings(data_dir=folder / "inside", database_url=dsn)
    schema = graphql_schema.schema.build_schema()
    async with open_database(settings) as database, assemble(settings, database) as parts:
        mesh = parts.mesh

        async def executed(number: int) -> None:
            result = await schema.execute(MUTATION, variable_values=variables(number), context_value=operation(mesh))
            assert result.errors is None, result.errors

        async def nothing(_: int) -> None:
            await schema.execute(NOTHING, context_value=operation(mesh))

        async def intended(number: int) -> None:
            operation(mesh).intent("registerDataset", given(number), None)

        async def served(number: int) -> None:
            await mesh.dataset_service.register(
                f"orders-{number}",
                FIELDS,
                contains_pii=None,
                encryption_enabled=False,
                intent=operation(mesh).intent("registerDataset", given(number), None),
            )

        async def loaded(number: int) -> None:
            await mesh.dataset_service._commands.load(DATASETS, urn(Kind.DATASET, f"orders-{number}"))

        async def decided(number: int) -> None:
            asked = command(number)
            decide(DATASETS, asked.dataset, Loaded(asked.dataset, 0, None), asked)

        async def encoded(number: int) -> None:
            CODEC.encode(DATASETS.decider.decide(command(number), None)[0])

        async def row_read(_: int) -> None:
            await mesh.datasets.known("orders-read")

        async def events_read(_: int) -> None:
            await mesh.events.recorded(1, 1)

        await mesh.dataset_service.register(
            "orders-read",
            FIELDS,
            contains_pii=None,
            encryption_enabled=False,
            intent=operation(mesh).intent("registerDataset", given(0), None),
        )
        steps = (executed, nothing, intended, served, loaded, decided, encoded, row_read, events_read)
        return {step.__name__: await spent(step, times) for step in steps}


async def spent(once: Once, times: int) -> float:
    """Processor microseconds of this process for each call."""
    await together(once, times // 4)
    begun = time.process_time()
    await together(once, times)
    return 1e6 * (time.process_time() - begun) / times


def compare(dsn: str, inside_dsn: str, postgres: psutil.Process, folder: Path, times: int) -> None:
    """Print the rates through HTTP, and the parts of one mutation."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        steps = runner.run(inside(inside_dsn, folder, times))
        with server(dsn, folder) as (process, address):
            found = runner.run(through_http(address, process, postgres, times))
    print(f"\n{'through HTTP, ' + str(CLIENTS) + ' clients':40}{'per s':>8}{'server us':>11}{'Postgres us':>13}")
    for name, (rate, ours, theirs) in found.items():
        print(f"{name:40}{rate:8,.0f}{ours:11,.0f}{theirs:13,.0f}")
    _, whole, _ = found["mutation registerDataset"]
    http = found["query { __typename }"][1] - steps["nothing"]
    reads = steps["row_read"] + steps["events_read"]
    parts = {
        "HTTP: uvicorn, Starlette, key, JSON": http,
        "GraphQL: look-up, weight, execution": steps["executed"] - steps["served"] - reads,
        "intent and digest": steps["intended"],
        "load": steps["loaded"],
        "decide": steps["decided"],
        "encode": steps["encoded"],
        "append: writer, read tables, driver, feed": steps["served"]
        - sum(steps[name] for name in ("intended", "loaded", "decided", "encoded")),
        "payload: the row": steps["row_read"],
        "payload: the events": steps["events_read"],
        "fewer calls at once than inside": whole - steps["executed"] - http,
    }
    print(f"\n{'one mutation, processor time of the server':44}{'us':>7}{'share':>8}")
    for name, spent in parts.items():
        print(f"{name:44}{spent:7,.0f}{spent / whole:8.0%}")
    print(f"{'whole':44}{whole:7,.0f}")
