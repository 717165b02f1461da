"""As whom Postgres runs: it refuses root, so root steps down without touching anything outside DATA_DIR."""

import os
import pwd
import stat
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from server.adapters.postgres.binaries import Binaries
from server.adapters.postgres.errors import ClusterError
from server.kernel.record import record

_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")

_PROBE = 'test -x "$1" && exec "$0" -V'  # can this account enter DATA_DIR and run the server program?


@record
class Account:
    """The account of the server's processes: `prefix` stands before each command, `uid` and `gid` replace ours."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def launch(self, command: Sequence[str], *, output: int, keep: Sequence[int] = ()) -> "subprocess.Popen[bytes]":
        """Start a program in a session of its own, so that a Ctrl-C for us does not reach it.

        `keep` are descriptors that it inherits. Raises: OSError when the account may not be taken on.
        """
        return subprocess.Popen(  # noqa: S603 - our own programs, no shell input
            [*self.prefix, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=keep,
            cwd="/",  # ours may be closed to the account
            env=_environment(),
            start_new_session=True,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        )

    def own(self, path: Path) -> None:
        """Give a file or folder that we made to the account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def choose_account(binaries: Binaries, data_dir: Path, cluster: Path) -> Account:
    """Ourselves; for root the cluster's owner, else root under another number, else `postgres` or `nobody`.

    Raises: ClusterError when root can step down in none of these ways.
    """
    if os.geteuid() != 0:
        return Account()
    for account in _below_root(cluster):
        _open_door(account, data_dir)
        if _admitted(account, binaries, data_dir):
            return account
    raise ClusterError(
        "Postgres refuses to run as root, and this system allows neither a user namespace nor another account "
        "that can reach DATA_DIR and the Postgres programs; run as an ordinary user, or set DATABASE_URL"
    )


def _below_root(cluster: Path) -> Iterator[Account]:
    owner = cluster.stat() if cluster.exists() else None
    if owner is not None and owner.st_uid != 0:
        yield Account(uid=owner.st_uid, gid=owner.st_gid)
        return
    yield Account(prefix=_NAMESPACE)
    if owner is not None:
        return  # files of root cannot be given to Postgres under another account
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        yield Account(uid=entry.pw_uid, gid=entry.pw_gid)


def _open_door(account: Account, data_dir: Path) -> None:
    """Let the account pass through DATA_DIR, not list it."""
    now = data_dir.stat()
    if account.gid is None or now.st_uid != 0 or stat.S_IMODE(now.st_mode) != 0o700:
        return
    os.chown(data_dir, -1, account.gid)
    data_dir.chmod(0o710)


def _admitted(account: Account, binaries: Binaries, data_dir: Path) -> bool:
    command = ["/bin/sh", "-c", _PROBE, binaries.postgres, str(data_dir)]
    try:
        return account.launch(command, output=subprocess.DEVNULL).wait(timeout=30) == 0
    except OSError:
        return False


def _environment() -> dict[str, str]:
    """Ours without what would change the server's locale, time zone or connections."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
