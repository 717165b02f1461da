from datetime import UTC, datetime
from pathlib import Path

import pytest

from server.adapters.checkpoints import rotation
from server.adapters.checkpoints.file import CheckpointFile
from server.adapters.checkpoints.rotation import rotate, settle
from server.adapters.checkpoints.signing import CheckpointKey

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def key(tmp_path: Path) -> CheckpointKey:
    return CheckpointKey(tmp_path / "keys" / "checkpoint.key")


@pytest.fixture
def file(tmp_path: Path) -> CheckpointFile:
    return CheckpointFile(tmp_path / "checkpoints")


def test_the_old_key_names_the_new_one_in_the_file(key: CheckpointKey, file: CheckpointFile) -> None:
    old = key.public_key
    new = rotate(key, file, NOW)
    told = file.last_key()
    assert told is not None
    assert (told.signed_by, told.public_key, told.at) == (old, new, "2026-01-31T12:00:00+00:00")
    assert new == key.public_key != old
    assert [path.name for path in key.path.parent.iterdir()] == ["checkpoint.key"]
    assert key.path.stat().st_mode & 0o777 == 0o600


def test_two_rotations_follow_one_another(key: CheckpointKey, file: CheckpointFile) -> None:
    first = key.public_key
    keys = [rotate(key, file, NOW), rotate(key, file, NOW)]
    assert len({first, *keys}) == 3
    assert len(file.path.read_bytes().splitlines()) == 2
    told = file.last_key()
    assert told is not None
    assert (told.signed_by, told.public_key) == (keys[0], keys[1])


@pytest.mark.parametrize("earlier", [0, 1])
def test_a_rotation_cut_off_before_it_was_told_never_was(
    key: CheckpointKey, file: CheckpointFile, monkeypatch: pytest.MonkeyPatch, earlier: int
) -> None:
    for _ in range(earlier):
        rotate(key, file, NOW)
    old = key.public_key
    with monkeypatch.context() as cut:
        cut.setattr(CheckpointFile, "append", _cut)
        with pytest.raises(InterruptedError):
            rotate(key, file, NOW)
    with file.alone():
        settle(key, file)
    assert key.public_key == old
    assert [path.name for path in key.path.parent.iterdir()] == ["checkpoint.key"]
    assert rotate(key, file, NOW) != old


def test_a_rotation_cut_off_after_it_was_told_is_finished(
    key: CheckpointKey, file: CheckpointFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = key.public_key
    with monkeypatch.context() as cut:
        cut.setattr(rotation, "_take", _cut)
        with pytest.raises(InterruptedError):
            rotate(key, file, NOW)
    assert key.public_key == old
    told = file.last_key()
    assert told is not None
    with file.alone():
        settle(key, file)
    assert key.public_key == told.public_key != old
    assert [path.name for path in key.path.parent.iterdir()] == ["checkpoint.key"]


def _cut(*_: object) -> None:
    raise InterruptedError("here the process dies")
