import stat
import subprocess
import sys
from pathlib import Path

import pytest

from server.adapters.keys import load_key
from server.kernel.errors import PreconditionFailed


def test_makes_a_private_key_once(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing.key"
    key = load_key(path)
    assert len(key) == 32
    assert load_key(path) == path.read_bytes() == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["signing.key"]


def test_two_files_hold_two_keys(tmp_path: Path) -> None:
    assert load_key(tmp_path / "signing.key") != load_key(tmp_path / "privacy.key")


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing.key"
    program = (
        "import sys, pathlib; from server.adapters.keys import load_key;"
        "print('ready', flush=True); sys.stdin.readline();"
        "print(load_key(pathlib.Path(sys.argv[1])).hex())"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert {process.communicate(timeout=60)[0].strip() for process in processes} == {path.read_bytes().hex()}
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert [entry.name for entry in path.parent.iterdir()] == ["signing.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o601])
def test_refuses_a_key_that_is_open_to_others(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "signing.key"
    load_key(path)
    path.chmod(mode)
    with pytest.raises(PreconditionFailed) as refused:
        load_key(path)
    assert refused.value.message == (
        f"key file 'signing.key' is open to others (mode {mode:04o}): make it private with chmod 600,"
        " or remove it to get a new key"
    )


@pytest.mark.parametrize("size", [0, 31, 33, 4096])
def test_refuses_a_file_that_is_not_a_key(tmp_path: Path, size: int) -> None:
    path = tmp_path / "signing.key"
    path.touch(mode=0o600)
    path.write_bytes(b"k" * size)
    with pytest.raises(PreconditionFailed) as refused:
        load_key(path)
    assert refused.value.message == (
        "key file 'signing.key' does not hold a key: it needs exactly 32 bytes;"
        " restore it, or remove it to get a new key"
    )
    assert path.read_bytes() == b"k" * size
