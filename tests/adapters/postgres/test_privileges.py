import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.adapters.postgres.binaries import find_binaries
from server.adapters.postgres.cluster import ClusterError, EmbeddedPostgres
from tests.adapters.postgres.neighbour import ask, neighbour, server_pid

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")

NOBODY = 65534


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account can enter, as pytest's own is not."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def no_namespaces(tmp_path, monkeypatch) -> None:
    """A system on which `unshare` is forbidden, as in most containers."""
    unshare = tmp_path / "bin" / "unshare"
    unshare.parent.mkdir()
    unshare.write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n")
    unshare.chmod(0o755)
    monkeypatch.setenv("PATH", str(unshare.parent), prepend=os.pathsep)


def modes(*below: Path) -> dict[Path, tuple[int, int, int]]:
    """Mode and owners of the folders and everything above them."""
    found = {}
    for path in {above for folder in below for above in (folder, *folder.parents)}:
        status = path.stat()
        found[path] = (status.st_mode, status.st_uid, status.st_gid)
    return found


def nobody_runs(*command: str) -> bool:
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, env=env)
        return done.returncode == 0
    except (FileNotFoundError, PermissionError):
        return False


def open_python() -> str:
    """An interpreter like ours that every account may run, on code that every account may read."""
    same = f"import sys, server.adapters.postgres.cluster; assert sys.version_info[:2] == {sys.version_info[:2]}"
    for python in (sys.executable, "/usr/local/bin/python3", "/usr/bin/python3"):
        if nobody_runs(python, "-c", same):
            return python
    pytest.skip("Python is closed to other accounts here")


def test_root_runs_it_in_a_closed_folder_and_changes_no_mode(tmp_path):
    tmp_path.chmod(0o700)
    before = modes(tmp_path, find_binaries().folder)
    with EmbeddedPostgres.start(tmp_path / "data") as server:
        assert ask(server.dsn, "select 1") == 1
        inside = Path(f"/proc/{server_pid(tmp_path / 'data')}/uid_map").read_text().split()
    assert inside == ["1000", "0", "1"]
    assert modes(tmp_path, find_binaries().folder) == before
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert {path.stat().st_uid for path in (tmp_path / "data").rglob("*")} == {0}


@pytest.mark.usefixtures("no_namespaces")
def test_root_without_namespaces_runs_it_as_another_account_and_changes_no_mode(open_folder):
    if not nobody_runs(find_binaries().postgres, "-V"):
        pytest.skip("the Postgres programs are closed to other accounts here")
    data_dir = open_folder / "data"
    before = modes(open_folder, find_binaries().folder)
    with EmbeddedPostgres.start(data_dir) as server:
        assert ask(server.dsn, "select 1") == 1
        account = Path(f"/proc/{server_pid(data_dir)}").stat().st_uid
    assert account in {entry.pw_uid for entry in pwd.getpwall() if entry.pw_name in ("postgres", "nobody")}
    assert modes(open_folder, find_binaries().folder) == before
    assert (data_dir.stat().st_uid, stat.S_IMODE(data_dir.stat().st_mode)) == (0, 0o710)
    assert {path.stat().st_uid for path in (data_dir / "postgres").rglob("*")} == {account}


def test_an_ordinary_user_runs_it_and_root_stays_with_that_account(open_folder):
    python = open_python()
    data_dir = open_folder / "data"
    data_dir.mkdir(0o700)
    os.chown(data_dir, NOBODY, NOBODY)
    before = modes(open_folder)
    with neighbour(data_dir, uid=NOBODY, python=python) as ordinary:
        assert ask(ordinary.dsn(), "create table kept as select 1 as n") is None
        assert Path(f"/proc/{server_pid(data_dir)}").stat().st_uid == NOBODY
    assert modes(open_folder) == before
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    with EmbeddedPostgres.start(data_dir) as server:
        assert ask(server.dsn, "select n from kept") == 1
        assert Path(f"/proc/{server_pid(data_dir)}").stat().st_uid == NOBODY
    with neighbour(data_dir, uid=NOBODY, python=python) as ordinary:
        assert ask(ordinary.dsn(), "select n from kept") == 1


@pytest.mark.usefixtures("no_namespaces")
def test_root_that_cannot_step_down_is_told_what_to_do(open_folder):
    closed = open_folder / "closed"
    closed.mkdir(0o700)
    with pytest.raises(ClusterError) as refused:
        EmbeddedPostgres.start(closed / "data")
    assert str(refused.value) == (
        "Postgres refuses to run as root, and this system allows neither a user namespace nor another account "
        "that can reach DATA_DIR and the Postgres programs; run as an ordinary user, or set DATABASE_URL"
    )
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert list((closed / "data").iterdir()) == []
