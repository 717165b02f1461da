"""The command line: serve, demo, worker, migrate, rebuild, verify, export-schema."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NoReturn

import uvloop
from pydantic import ValidationError

from graphql_schema.schema import build_schema
from server.adapters.postgres.connections import connect
from server.adapters.postgres.errors import ClusterError
from server.adapters.store.rebuild import rebuild
from server.adapters.store.verify import verify
from server.app import serve
from server.assembly import assemble, worker
from server.database import open_database
from server.demo import demo
from server.kernel.errors import Refused
from server.mesh.access.keys import KeyTooShort
from server.mesh.slices import CODEC, PROJECTIONS, TABLES
from server.settings import Settings
from server.signals import until_stopped


def say(line: str) -> None:
    """A line for the person at the terminal."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def announce(address: str, new_key: str | None) -> None:
    """Tell where the server is, and its key if one was made."""
    if new_key is not None:
        say(f"admin key, shown this once: {new_key}")
    say(f"Lakemesh is ready: {address}/graphql")


async def run_server(settings: Settings) -> int:
    """`lakemesh serve`."""
    await serve(settings, announce)
    return 0


async def run_demo(settings: Settings) -> int:
    """`lakemesh demo`."""
    return await demo(settings, say)


async def run_worker(settings: Settings) -> int:
    """`lakemesh worker`."""
    async with (
        open_database(settings) as database,
        assemble(settings, database) as parts,
        worker(settings, database, parts),
    ):
        say("the worker is ready")
        await until_stopped()
    return 0


async def run_migrate(settings: Settings) -> int:
    """`lakemesh migrate`."""
    async with open_database(settings) as database:
        say(f"{database.label} is up to date")
    return 0


async def run_rebuild(settings: Settings) -> int:
    """`lakemesh rebuild`."""
    async with open_database(settings) as database:
        connection = await connect(database.dsn)
        try:
            done = await rebuild(connection, CODEC, PROJECTIONS, TABLES)
        finally:
            await connection.close()
    say(f"rebuilt {len(done.tables)} tables from {done.events} events")
    return 0


async def run_verify(settings: Settings) -> int:
    """`lakemesh verify`."""
    async with open_database(settings) as database:
        found = await verify(database.pool)
    if found.intact:
        say(f"intact: {found.checked} events, head {found.head}")
        return 0
    say(f"broken at position {found.first_broken}: the log is not what was recorded")
    return 1


async def export_schema(_: Settings) -> int:
    """`lakemesh export-schema`."""
    say(build_schema().as_str())
    return 0


COMMANDS: dict[str, tuple[str, Callable[[Settings], Coroutine[Any, Any, int]]]] = {
    "serve": ("run the server", run_server),
    "demo": ("run the server on an empty folder and play a small mesh on it", run_demo),
    "worker": ("do runs for servers with WORKER=none, or beside them", run_worker),
    "migrate": ("bring the database to today's shape", run_migrate),
    "rebuild": ("make the read tables again from the log", run_rebuild),
    "verify": ("recompute the log's hash chain; status 1 where it breaks", run_verify),
    "export-schema": ("print the GraphQL schema", export_schema),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its status."""
    parser = argparse.ArgumentParser(prog="lakemesh", description="A data-mesh catalog that moves its data.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (text, _) in COMMANDS.items():
        commands.add_parser(name, help=text, description=text)
    chosen = parser.parse_args(arguments).command
    try:
        settings = Settings()
        logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        logging.getLogger("alembic").setLevel(logging.WARNING)  # at INFO it tells of itself, not of us
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            status = runner.run(COMMANDS[chosen][1](settings))
    except (ClusterError, KeyTooShort, Refused) as error:
        sys.exit(f"lakemesh: {error}")
    except ValidationError as error:
        faults = "; ".join(f"{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors())
        sys.exit(f"lakemesh: settings: {faults}")
    leave(status)


def leave(status: int) -> NoReturn:
    """End the process at once: all is closed, and from Python 3.12 on DuckDB's binding would complain of leaks."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
