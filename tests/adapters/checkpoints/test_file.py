import errno
import hashlib
import json
from pathlib import Path

import pytest

from server.adapters.checkpoints import file as files
from server.adapters.checkpoints.file import CheckpointFile
from server.adapters.checkpoints.statement import Checkpoint, NewKey
from server.adapters.storage.durable import StorageFull
from server.kernel.errors import PreconditionFailed

KEY = NewKey(public_key="new", at="2026-01-31T12:00:00+00:00", signature="s", signed_by="old")


def checkpoint(position: int) -> Checkpoint:
    return Checkpoint(
        position=position, hash="ab" * 32, at="2026-01-31T12:00:00+00:00", signature="sig", public_key="key"
    )


@pytest.fixture(params=[65_536, 700, 250])
def file(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CheckpointFile:
    """Read in pieces of several sizes; a line has some 230 bytes."""
    monkeypatch.setattr(files, "TAIL_BYTES", request.param)
    return CheckpointFile(tmp_path / "checkpoints")


def filled(file: CheckpointFile, count: int) -> None:
    with file.alone():
        for position in range(1, count + 1):
            file.append(checkpoint(position))


def test_there_is_none_at_first(file: CheckpointFile) -> None:
    with file.alone():
        assert (file.last(), file.last_key(), file.digest(), file.after(0)) == (None, None, "", [])
    assert file.folder.stat().st_mode & 0o777 == 0o700


def test_each_line_names_the_digest_of_the_one_before_it(file: CheckpointFile) -> None:
    filled(file, 3)
    lines = file.path.read_bytes().splitlines()
    assert [json.loads(line)["previous"] for line in lines] == [
        "",
        *(hashlib.sha256(line).hexdigest() for line in lines[:2]),
    ]
    assert json.loads(lines[1]) == {
        "position": 2,
        "hash": "ab" * 32,
        "at": "2026-01-31T12:00:00+00:00",
        "signature": "sig",
        "publicKey": "key",
        "previous": hashlib.sha256(lines[0]).hexdigest(),
    }
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_reads_back_what_was_added(file: CheckpointFile) -> None:
    filled(file, 9)
    assert file.last() == checkpoint(9)
    assert file.after(0) == [checkpoint(position) for position in range(1, 10)]
    assert file.after(7) == [checkpoint(8), checkpoint(9)]
    assert file.after(9) == []


def test_finds_a_checkpoint_and_a_key_behind_others(file: CheckpointFile) -> None:
    with file.alone():
        file.append(KEY)
        file.append(checkpoint(1))
        file.append(checkpoint(2))
        assert file.last_key() == KEY
        file.append(KEY)
        assert file.last() == checkpoint(2)


@pytest.mark.parametrize("torn", [b"{", b'{"position": 3', b"x" * 249])
def test_what_a_crash_cut_off_is_no_line_and_goes_with_the_next(file: CheckpointFile, torn: bytes) -> None:
    filled(file, 2)
    whole = file.path.read_bytes()
    file.path.write_bytes(whole + torn)
    with file.alone():
        assert file.last() == checkpoint(2)
        file.append(checkpoint(3))
    assert file.path.read_bytes().startswith(whole + b'{"position":3')
    assert file.after(0) == [checkpoint(1), checkpoint(2), checkpoint(3)]


def test_a_line_that_never_reached_the_disk_is_none(file: CheckpointFile, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(file, 2)
    whole = file.path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patched, file.alone():
        patched.setattr(files.os, "fsync", full)
        with pytest.raises(StorageFull):
            file.append(checkpoint(3))
    assert file.path.read_bytes() == whole


def test_refuses_to_go_on_behind_a_line_that_somebody_wrote(file: CheckpointFile) -> None:
    filled(file, 2)
    file.path.write_bytes(file.path.read_bytes() + b"nonsense\n")
    with file.alone(), pytest.raises(PreconditionFailed, match="a line that is no checkpoint"):
        file.last()
