"""Another process on the same DATA_DIR, and the questions that the tests ask of a server."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg

_PROGRAM = """
import sys
from pathlib import Path
from server.adapters.postgres.cluster import EmbeddedPostgres

with EmbeddedPostgres.start(Path(sys.argv[1])) as server:
    print(server.dsn, flush=True)
    sys.stdin.readline()
"""

PATIENCE = 60.0  # seconds until a test gives up; no test needs more than a few


class Neighbour:
    """A process that uses the server until told to leave."""

    def __init__(self, data_dir: Path, *, uid: int | None = None, python: str = sys.executable) -> None:
        self.process = subprocess.Popen(
            [python, "-c", _PROGRAM, str(data_dir)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            user=uid,
            group=uid,
            extra_groups=None if uid is None else [],
        )

    def dsn(self) -> str:
        """The address it got, as soon as the server answers it."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        """Ask it to stop, without waiting."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """Send kill -9 and wait until it is gone."""
        self.process.kill()
        self.process.wait(PATIENCE)


@contextlib.contextmanager
def neighbour(data_dir: Path, *, uid: int | None = None, python: str = sys.executable) -> Iterator[Neighbour]:
    """A neighbour that has left, orderly unless it was killed, when the block ends."""
    other = Neighbour(data_dir, uid=uid, python=python)
    try:
        yield other
    finally:
        with contextlib.suppress(BrokenPipeError):  # it is gone already
            other.leave()
        other.process.communicate(timeout=PATIENCE)


def ask(dsn: str, question: str) -> object:
    """The first value that the server answers."""

    async def run() -> object:
        connection = await asyncpg.connect(dsn, timeout=PATIENCE)
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(run())


def ask_when_back(dsn: str, question: str) -> object:
    """As `ask`, waiting for a server that is being started again."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask(dsn, question)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            assert time.monotonic() < deadline, "the server did not come back"


def server_pid(data_dir: Path) -> int:
    """The process id of the server."""
    return int((data_dir / "postgres/postmaster.pid").read_text().split("\n", 1)[0])


def kill_server(data_dir: Path) -> None:
    """Send kill -9 to the server's first process."""
    os.kill(server_pid(data_dir), signal.SIGKILL)


def starts(data_dir: Path) -> int:
    """How often the server was started."""
    return (data_dir / "postgres.log").read_text().count("starting PostgreSQL")
