"""The files of the embedded server in DATA_DIR, and how a cluster comes into being."""

import hashlib
import os
import secrets
import shutil
import stat
import subprocess
from pathlib import Path
from urllib.parse import quote

from server.adapters.postgres.binaries import Binaries
from server.adapters.postgres.errors import ClusterError
from server.adapters.postgres.locks import FileLock
from server.adapters.postgres.privileges import Account
from server.kernel.record import record

ROLE = DATABASE = "lakemesh"

PORT = 5432  # only a part of the socket's file name

_LONGEST_SOCKET = 103  # bytes: what fits every system's sockaddr_un (macOS has the shortest, 104 with its NUL)


@record
class DataDir:
    """DATA_DIR, absolute. All names here are pure functions of it, so processes need not agree on any."""

    path: Path

    @property
    def cluster(self) -> Path:
        """Postgres' own data directory."""
        return self.path / "postgres"

    @property
    def running(self) -> Path:
        """Lock that the server's processes hold as long as one of them lives."""
        return self.path / "postgres.lock"

    @property
    def users(self) -> Path:
        """Lock shared by every process that uses the server."""
        return self.path / "postgres.users"

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.path / "postgres.log"

    @property
    def password(self) -> Path:
        """The role's password; made with the cluster and moved with it."""
        return self.cluster / "lakemesh.password"

    @property
    def sockets(self) -> Path:
        """Folder of the server's socket: the cluster; where that path is too long, one in /tmp named by its digest."""
        if len(os.fsencode(self.cluster / f".s.PGSQL.{PORT}")) <= _LONGEST_SOCKET:
            return self.cluster
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        return Path("/tmp") / f"lakemesh-{os.geteuid()}-{digest}"  # noqa: S108 - its owner and mode are checked

    def dsn(self, database: str = DATABASE) -> str:
        """Address for asyncpg. Raises: FileNotFoundError before there is a cluster."""
        password = self.password.read_text("ascii")
        return f"postgresql://{ROLE}:{password}@/{database}?host={quote(str(self.sockets))}&port={PORT}"


def prepare(data: DataDir, binaries: Binaries, account: Account, lock: FileLock) -> None:
    """Make the cluster where there is none, and the folder of its socket.

    `lock` is the lock `running`. Raises: ClusterError when what is there cannot be used.
    """
    version = data.cluster / "PG_VERSION"
    if version.exists():
        major = version.read_text("ascii", errors="replace").strip()
        if major != str(binaries.major):
            raise ClusterError(
                f"the cluster in DATA_DIR was made by Postgres {major}, the programs found are of version "
                f"{binaries.major}; name a folder with version {major} in LAKEMESH_PG_BIN, move the cluster "
                "with pg_upgrade, or set DATABASE_URL"
            )
        if not data.password.exists():
            raise ClusterError(
                "the cluster in DATA_DIR lacks its file lakemesh.password; restore it from a backup, "
                "choose another DATA_DIR, or set DATABASE_URL"
            )
    elif data.cluster.exists() and any(data.cluster.iterdir()):
        raise ClusterError(
            "the folder postgres in DATA_DIR holds files and is no Postgres cluster (PG_VERSION is missing); "
            "move it away, choose another DATA_DIR, or set DATABASE_URL"
        )
    else:
        _create_cluster(data, binaries, account, lock)
    if data.sockets != data.cluster:
        _claim_sockets(data.sockets, account)


def _create_cluster(data: DataDir, binaries: Binaries, account: Account, lock: FileLock) -> None:
    fresh, secret = data.path / "postgres.new", data.path / "postgres.password"
    shutil.rmtree(fresh, ignore_errors=True)
    secret.unlink(missing_ok=True)
    secret.touch(0o600)
    secret.write_text(secrets.token_hex(16), "ascii")
    fresh.mkdir(0o700)
    for path in (fresh, secret):
        account.own(path)
    arguments = ["-D", str(fresh), "-U", ROLE, "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8"]
    # -N: the one sync below does for all files what initdb would do one by one, ten times slower on a busy disk
    command = [binaries.initdb, "-N", "--no-instructions", *arguments, *_locale(binaries)]
    # It inherits the lock: if we are killed meanwhile, the next start waits for its end before it clears up.
    with account.launch(command, output=subprocess.PIPE, keep=[lock.descriptor]) as initdb:
        said, _ = initdb.communicate()
    if initdb.returncode != 0:
        raise ClusterError(f"initdb failed ({last_words(data, said)}); make DATA_DIR usable, or set DATABASE_URL")
    secret.replace(fresh / data.password.name)
    os.sync()
    fresh.replace(data.cluster)
    _sync_folder(data.path)


def _locale(binaries: Binaries) -> list[str]:
    """C.UTF-8 whatever the environment says; from 17 on Postgres' own, which no C library can change or lack."""
    if binaries.major >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C.UTF-8"]


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _claim_sockets(folder: Path, account: Account) -> None:
    """Make the folder, or see that the one there is ours: anybody may write beside it."""
    try:
        folder.mkdir(0o700)
        account.own(folder)
    except FileExistsError:
        found = folder.lstat()
        owner = os.geteuid() if account.uid is None else account.uid
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or stat.S_IMODE(found.st_mode) != 0o700:
            raise ClusterError(
                "the path of DATA_DIR is too long for a socket, and the folder for it among the temporary files "
                "belongs to somebody else; choose a shorter DATA_DIR, or set DATABASE_URL"
            ) from None


def last_words(data: DataDir, output: bytes) -> str:
    """The last lines that a program printed, without this machine's paths."""
    lines = [line for line in output.decode(errors="replace").replace(str(data.path), "DATA_DIR").splitlines() if line]
    return " | ".join(lines[-3:]) or "it said nothing"
