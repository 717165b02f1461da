"""The embedded Postgres: one server for all processes on a DATA_DIR, kept running while one of them uses it."""

import asyncio
import contextlib
import logging
import threading
import time
from pathlib import Path
from types import TracebackType

import asyncpg

from server.adapters.postgres.binaries import Binaries, find_binaries
from server.adapters.postgres.datadir import DATABASE, DataDir, last_words, prepare
from server.adapters.postgres.errors import ClusterError
from server.adapters.postgres.locks import FileLock
from server.adapters.postgres.privileges import Account, choose_account
from server.adapters.postgres.process import halt, launch, log_end

__all__ = ["ClusterError", "EmbeddedPostgres"]

_log = logging.getLogger(__name__)

_READY_SECONDS = 60.0  # replaying a long write-ahead log takes its time

_LOOK_SECONDS = 0.2  # how often each user looks whether the server still lives

_LONGEST_PAUSE = 10.0  # seconds between tries to bring a server back


class _StillStarting(ClusterError):
    """The server lives and does not answer yet; stopping it would throw its recovery away."""


class EmbeddedPostgres:
    """A use of the server on one DATA_DIR. All uses, in this process or others, are equal.

    Two locks carry it. The server's own processes hold `running`; whoever finds it free starts the server.
    Every use holds a share of `users`; the one that can hold it alone is the last and stops the server.
    """

    def __init__(self, data: DataDir, binaries: Binaries, account: Account) -> None:
        self._data = data
        self._binaries = binaries
        self._account = account
        self._users = FileLock(data.users)
        self._leaving = threading.Event()
        self._watch = threading.Thread(target=self._keep_running, name="postgres-watch", daemon=True)
        self._dsn = ""

    @classmethod
    def start(cls, data_dir: Path) -> "EmbeddedPostgres":
        """Start the server or attach to the one that runs, and return when it answers. Blocks: call it in a thread.

        Raises: ClusterError.
        """
        data = DataDir(path=data_dir.resolve())
        try:
            data.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            binaries = find_binaries()
            server = cls(data, binaries, choose_account(binaries, data.path, data.cluster))
            server._join()
        except OSError as error:
            raise ClusterError(
                f"DATA_DIR cannot hold a Postgres cluster ({error.strerror or type(error).__name__}); choose a folder "
                "that this user owns, with free space, or set DATABASE_URL"
            ) from error
        return server

    @property
    def dsn(self) -> str:
        """Address of the database, for asyncpg. It outlives restarts of the server."""
        return self._dsn

    def stop(self) -> None:
        """Leave the server; the last one to leave stops it. Stopping twice is harmless.

        Raises: ClusterError when the server does not end.
        """
        if self._leaving.is_set():
            return
        self._leaving.set()
        if self._watch.ident is not None:
            self._watch.join()
        with self._users:
            if self._users.exclude():
                halt(self._data)
                self._drop_sockets()

    def __enter__(self) -> "EmbeddedPostgres":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _join(self) -> None:
        self._users.share()
        try:
            self._ensure()
        except _StillStarting:
            self._users.close()
            raise
        except BaseException:
            self.stop()
            raise
        self._dsn = self._data.dsn()
        self._watch.start()

    def _ensure(self) -> None:
        """Start the server unless it runs, and return when it answers or we leave."""
        deadline, launched = time.monotonic() + _READY_SECONDS, False
        while not self._leaving.is_set():
            lock = FileLock.taken(self._data.running)
            if lock is not None:
                with lock:
                    if launched:
                        words = last_words(self._data, log_end(self._data))
                        raise ClusterError(f"Postgres stopped while starting ({words}); or set DATABASE_URL")
                    prepare(self._data, self._binaries, self._account, lock)
                    launch(self._data, self._binaries, self._account, lock)
                launched = True
            trouble = _trouble(self._data)
            if trouble is None:
                return
            if time.monotonic() > deadline:
                raise _StillStarting(
                    f"Postgres did not answer within {_READY_SECONDS:.0f} seconds, perhaps it still recovers; "
                    "start again in a moment, or set DATABASE_URL"
                ) from trouble
            self._leaving.wait(0.01)

    def _keep_running(self) -> None:
        pause = _LOOK_SECONDS
        while not self._leaving.wait(pause):
            lock = FileLock.taken(self._data.running)
            if lock is None:
                continue
            lock.close()
            _log.warning("Postgres is gone; starting it again")
            try:
                self._ensure()
                pause = _LOOK_SECONDS
            except Exception:  # whatever it is, the next try may succeed, and nobody else would try
                pause = min(2 * pause, _LONGEST_PAUSE)
                _log.exception("Postgres did not come back; next try in %.1f seconds", pause)

    def _drop_sockets(self) -> None:
        if self._dsn and self._data.sockets != self._data.cluster:  # we got in, so the folder is ours
            with contextlib.suppress(OSError):  # another program's file in it, or gone already
                self._data.sockets.rmdir()


def _trouble(data: DataDir) -> Exception | None:
    """What keeps the server from answering, which may pass; nothing when it answers.

    Raises: ClusterError for what will not pass.
    """
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:  # leaves the thread's own loop alone
        try:
            runner.run(_select_one(data))
        except asyncpg.InvalidPasswordError as error:
            raise ClusterError(
                "the cluster in DATA_DIR does not accept the password kept in it; restore lakemesh.password, "
                "or set DATABASE_URL"
            ) from error
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as e:
            return e
    return None


async def _select_one(data: DataDir) -> None:
    try:
        connection = await asyncpg.connect(data.dsn(), timeout=5)
    except asyncpg.InvalidCatalogNameError:
        connection = await asyncpg.connect(data.dsn("postgres"), timeout=5)
        with contextlib.suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):  # another was faster
            await connection.execute(f"create database {DATABASE}")
    try:
        await connection.execute("select 1")
    finally:
        await connection.close()
