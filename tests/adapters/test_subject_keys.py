"""Keys of erasure requests in their files."""

import os
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from server.adapters.subject_keys import SubjectKeys
from server.kernel.errors import PreconditionFailed

ONE, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)


def test_a_key_is_private_and_stays_the_same(tmp_path: Path) -> None:
    keys = SubjectKeys(tmp_path / "keys" / "subjects")
    made = keys.make(ONE)
    assert (len(made), keys.make(ONE), keys.read(ONE)) == (32, made, made)
    assert SubjectKeys(tmp_path / "keys" / "subjects").read(ONE) == made
    file = tmp_path / "keys" / "subjects" / str(ONE)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (made, 0o600)
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert keys.make(OTHER) != made


def test_a_destroyed_key_is_overwritten_before_its_name_goes(tmp_path: Path) -> None:
    keys = SubjectKeys(tmp_path)
    made = keys.make(ONE)
    with (tmp_path / str(ONE)).open("rb") as still_open:
        keys.destroy(ONE)
        left = still_open.read()
    assert len(left) == 32
    assert left != made
    assert (keys.read(ONE), list(tmp_path.iterdir())) == (None, [])
    keys.destroy(ONE)  # again, as after a crash


def test_lists_the_requests_that_have_a_key(tmp_path: Path) -> None:
    keys = SubjectKeys(tmp_path / "none yet")
    assert list(keys.made()) == []
    keys.make(ONE)
    keys.make(OTHER)
    os.utime(tmp_path / "none yet" / str(ONE), (86_400, 86_400))
    (tmp_path / "none yet" / "notes.txt").write_text("not a key")
    assert dict(keys.made())[ONE] == datetime(1970, 1, 2, tzinfo=UTC)
    assert set(dict(keys.made())) == {ONE, OTHER}


def test_refuses_a_file_that_is_no_key(tmp_path: Path) -> None:
    keys = SubjectKeys(tmp_path)
    keys.make(ONE)
    (tmp_path / str(ONE)).write_bytes(b"short")
    with pytest.raises(PreconditionFailed, match="does not hold a key; restore the folder"):
        keys.read(ONE)
    (tmp_path / str(ONE)).chmod(0o644)
    with pytest.raises(PreconditionFailed, match="is open to others"):
        keys.read(ONE)
