"""The command line: serve, demo, worker, jobs, key, migrate, rebuild, verify, export-schema."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeAlias

import uvloop
from pydantic import ValidationError

from graphql_schema.schema import build_schema
from server.adapters.checkpoints.following import checkpointing
from server.adapters.checkpoints.rotation import rotate
from server.adapters.checkpoints.signing import CheckpointKey
from server.adapters.key_ring import KeyRing
from server.adapters.postgres.connections import connect
from server.adapters.postgres.errors import ClusterError
from server.adapters.runs import RunStatus
from server.adapters.store.rebuild import rebuild
from server.app import serve
from server.assembly.assembled import assemble, worker
from server.assembly.checkpoints import checkpoint_file, checkpoint_places
from server.assembly.tools import checkpoint_key_file, clock, privacy_key_file
from server.database import open_address, open_database
from server.demo import demo
from server.jobs import NAMES, Jobs, outcomes
from server.kernel.errors import Refused
from server.mesh.access.keys import KeyTooShort
from server.mesh.erasure.watching import watching
from server.mesh.publishing.following import following
from server.mesh.slices import CODEC, PROJECTIONS, TABLES
from server.schedule import schedule
from server.settings import Settings
from server.signals import until_stopped
from server.verification.finding import Unreadable
from server.verification.verify import Question, verify


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
        checkpointing(parts.checkpoints),
        worker(settings, database, parts),
        following(parts.delta),
        watching(parts.reappearances),
        schedule(Jobs(database.pool, parts), settings.schedule_seconds),
    ):
        say("the worker is ready")
        await until_stopped()
    return 0


async def run_job(settings: Settings, name: str, at: datetime | None) -> int:
    """`lakemesh jobs NAME`: look once, and do the runs that this makes, or wait for whoever does them."""
    async with open_database(settings) as database, assemble(settings, database) as parts:
        jobs = Jobs(database.pool, parts)
        done = await jobs.do(name, at)
        say(f"{name}: {done.told}")
        if not done.runs:
            return 0
        async with worker(settings, database, parts):
            ended = await jobs.ended(done.runs)
    for line in outcomes(ended):
        say(f"{name}: {line}")
    return 0 if all(run.status is RunStatus.SUCCEEDED for run in ended) else 1


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
        async with assemble(settings, database) as parts:
            logs = await parts.delta.rebuild()
    say(f"rebuilt {len(done.tables)} tables from {done.events} events")
    if logs:
        say(f"Delta logs rebuilt: {logs}")
    return 0


async def run_verify(settings: Settings) -> int:
    """`lakemesh verify`: the verifier alone, on this database and on the checkpoints of DATA_DIR."""
    async with open_address(settings) as dsn:
        found = await verify(Question(dsn=dsn, places=checkpoint_places(settings), live=True))
    for line in found.lines():
        say(line)
    return 0 if found.intact else 1


async def rotate_privacy_key(settings: Settings) -> int:
    """`lakemesh key rotate-privacy`: servers that run use the new version from their next run on."""
    version = KeyRing(privacy_key_file(settings)).rotate()
    say(f"new tokens and pseudonyms are of version {version} (h{version}:, p{version}:); a replay renews the old ones")
    return 0


async def rotate_checkpoint_key(settings: Settings) -> int:
    """`lakemesh key rotate-checkpoint`: servers that run sign with the new key from their next checkpoint on."""
    key = CheckpointKey(checkpoint_key_file(settings))
    public_key = await asyncio.to_thread(rotate, key, checkpoint_file(settings), clock())
    say(f"new checkpoints are signed by {public_key}; the key before it has signed that")
    return 0


async def export_schema(_: Settings) -> int:
    """`lakemesh export-schema`."""
    say(build_schema().as_str())
    return 0


Command: TypeAlias = Callable[[Settings], Coroutine[Any, Any, int]]

KEY_ACTIONS: dict[str, Command] = {
    "rotate-privacy": rotate_privacy_key,
    "rotate-checkpoint": rotate_checkpoint_key,
}
COMMANDS: dict[str, tuple[str, Command]] = {
    "serve": ("run the server", run_server),
    "demo": ("run the server on an empty folder and play a small mesh on it", run_demo),
    "worker": ("do runs for servers with WORKER=none, or beside them", run_worker),
    "migrate": ("bring the database to today's shape", run_migrate),
    "rebuild": ("make the read tables again from the log", run_rebuild),
    "verify": ("recompute the log's hash chain and check its checkpoints; status 1 where it breaks", run_verify),
    "export-schema": ("print the GraphQL schema", export_schema),
}


def instant(text: str) -> datetime:
    """What `--at` says, in UTC where it names no zone."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an instant; write it as 2026-01-31T12:00:00Z") from None
    return given if given.tzinfo is not None else given.replace(tzinfo=UTC)


def asked(arguments: Sequence[str] | None) -> Command:
    """The command that the arguments ask for."""
    parser = argparse.ArgumentParser(prog="lakemesh", description="A data-mesh catalog that moves its data.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (text, _) in COMMANDS.items():
        commands.add_parser(name, help=text, description=text)
    text = "look once for what is due, and do it"
    told = "; ".join(f"{name}: {what}" for name, what in NAMES.items())
    jobs = commands.add_parser("jobs", help=text, description=f"{text}. {told}")
    jobs.add_argument("name", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    jobs.add_argument("--at", type=instant, metavar="INSTANT", help="as of then, in ISO 8601; else as of now")
    text = "add a version to the key of tokens and pseudonyms, or begin with a new key of checkpoints"
    key = commands.add_parser("key", help=text, description=text)
    key.add_argument("action", choices=KEY_ACTIONS, metavar="ACTION", help=", ".join(KEY_ACTIONS))
    given = parser.parse_args(arguments)
    if given.command == "jobs":
        return lambda settings: run_job(settings, given.name, given.at)
    return KEY_ACTIONS[given.action] if given.command == "key" else COMMANDS[given.command][1]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its status."""
    command = asked(arguments)
    try:
        settings = Settings()
        logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        logging.getLogger("alembic").setLevel(logging.WARNING)  # at INFO it tells of itself, not of us
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            status = runner.run(command(settings))
    except (ClusterError, KeyTooShort, Refused) as error:
        sys.exit(f"lakemesh: {error}")
    except Unreadable as error:
        say(f"not verified: {error}")
        status = 2
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
