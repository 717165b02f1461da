"""The server's process: how it is started, found and ended."""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

from server.adapters.postgres.binaries import Binaries
from server.adapters.postgres.datadir import PORT, DataDir
from server.adapters.postgres.errors import ClusterError
from server.adapters.postgres.locks import FileLock
from server.adapters.postgres.privileges import Account

_SETTINGS = {
    "port": str(PORT),
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_parallel_workers_per_gather": "0",  # needs /dev/shm, which is small in containers
    "jit": "off",  # compiles longer than our queries run
    "timezone": "UTC",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    # Errors reach the one who asked. In the log their messages, details and statements could hold personal data.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
}

_LOG_BYTES = 10 * 2**20  # at a start, a longer log becomes the one old log that is kept

_FAST_SECONDS = 8.0  # for the checkpoint of an orderly stop; containers are killed after 10

_LAST_SECONDS = 20.0


def launch(data: DataDir, binaries: Binaries, account: Account, lock: FileLock) -> None:
    """Start the server, which from then on holds the lock `running` in place of the caller's `lock`."""
    _clear_stale(data)
    settings = _SETTINGS | {"unix_socket_directories": str(data.sockets)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    command = [binaries.postgres, "-D", str(data.cluster), *options]
    if data.log.exists() and data.log.stat().st_size > _LOG_BYTES:
        data.log.replace(data.log.with_suffix(".log.1"))
    output = os.open(data.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        child = account.launch(command, output=output, keep=[lock.descriptor])
    finally:
        os.close(output)
        lock.close()
    threading.Thread(target=child.wait, name="postgres-reaper", daemon=True).start()


def log_end(data: DataDir) -> bytes:
    """The last 4 kB of the log."""
    with data.log.open("rb") as log:
        log.seek(max(0, data.log.stat().st_size - 4096))
        return log.read()


def halt(data: DataDir) -> None:
    """End the server, orderly if it can be, and return when none of its processes is left.

    Raises: ClusterError when it does not end.
    """
    began, sent = time.monotonic(), None
    while (lock := FileLock.taken(data.running)) is None:
        waited = time.monotonic() - began
        wanted = signal.SIGINT if waited < _FAST_SECONDS else signal.SIGQUIT
        pid = _server_pid(data)
        if pid is not None and sent is not wanted and _folder_of(pid) in (None, data.cluster.resolve()):
            with contextlib.suppress(ProcessLookupError):  # it ended since we looked
                os.kill(pid, wanted)
            sent = wanted
        if waited > _LAST_SECONDS:
            raise ClusterError("Postgres did not stop when asked to; end its processes by hand")
        time.sleep(0.01)
    lock.close()


def _server_pid(data: DataDir) -> int | None:
    """The process id that the server wrote down, if there is such a process that we may signal."""
    try:
        pid = int((data.cluster / "postmaster.pid").read_text("ascii").split("\n", 1)[0])
        os.kill(pid, 0)
    except (FileNotFoundError, ValueError, ProcessLookupError, PermissionError):
        return None
    return pid


def _folder_of(pid: int) -> Path | None:
    """Where a process works (Postgres: in its cluster), if this system tells."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None


def _clear_stale(data: DataDir) -> None:
    """Remove the pid files of a server that was killed: its number may by now be another program's.

    The lock says that none of our servers lives. Raises: ClusterError when one that was started by hand does.
    """
    pid = _server_pid(data)
    if pid is not None and _folder_of(pid) == data.cluster.resolve():
        raise ClusterError(
            "a Postgres that this server did not start runs on the cluster in DATA_DIR; stop it, or set DATABASE_URL"
        )
    (data.cluster / "postmaster.pid").unlink(missing_ok=True)
    for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
        (data.sockets / name).unlink(missing_ok=True)
