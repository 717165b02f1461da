"""The key that signs checkpoints is replaced: the old one signs that the new one follows it, in the same file."""

import secrets
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.adapters.checkpoints.file import CheckpointFile
from server.adapters.checkpoints.signing import CheckpointKey, public_text
from server.adapters.checkpoints.statement import sign_new_key
from server.adapters.keys import KEY_BYTES, load_key, write_private
from server.adapters.storage.durable import sync_folder


def rotate(key: CheckpointKey, file: CheckpointFile, at: datetime) -> str:
    """Begin with a new key; its public half. Servers that run sign with it from their next checkpoint on."""
    with file.alone():
        settle(key, file)
        coming = _coming(key.path)
        write_private(coming, secrets.token_bytes(KEY_BYTES))
        sync_folder(coming.parent)
        file.append(sign_new_key(key, _public(coming), at, file.digest()))
        _take(coming, key.path)
        return key.public_key


def settle(key: CheckpointKey, file: CheckpointFile) -> None:
    """Finish a rotation that a crash interrupted, or drop it where the file does not know of it. Holds `alone`."""
    coming = _coming(key.path)
    if not coming.exists():
        return
    told = file.last_key()
    if coming.stat().st_size == KEY_BYTES and told is not None and told.public_key == _public(coming):
        _take(coming, key.path)
    else:
        coming.unlink()


def _coming(path: Path) -> Path:
    return path.with_name(f"{path.name}.next")


def _take(coming: Path, path: Path) -> None:
    with suppress(FileNotFoundError):  # another process that found the same rotation unfinished was faster
        coming.replace(path)
    sync_folder(path.parent)


def _public(path: Path) -> str:
    return public_text(Ed25519PrivateKey.from_private_bytes(load_key(path)))
