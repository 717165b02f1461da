"""Secret keys in files: made once, kept private."""

import os
import secrets
import stat
import uuid
from contextlib import suppress
from pathlib import Path

from server.adapters.storage.durable import publish_once
from server.kernel.errors import PreconditionFailed

KEY_BYTES = 32


def load_key(path: Path) -> bytes:
    """The 32 bytes of the key at `path`, made at random where there is none.

    Processes that start at once get the same key. Raises: PreconditionFailed, for a file that is not private to
    its owner or not a key.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        _create(path)
        return _read(path)


def read_private(path: Path, most: int) -> bytes:
    """Up to `most` bytes of a file that only its owner may open. Raises: PreconditionFailed, FileNotFoundError."""
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        content = file.read(most)
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise PreconditionFailed(
            f"key file {path.name!r} is open to others (mode {mode:04o}): make it private with chmod 600,"
            " or remove it to get a new key"
        )
    return content


def write_private(path: Path, content: bytes) -> None:
    """A new file that only its owner may open, on the disk when this returns. Raises: FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> bytes:
    content = read_private(path, KEY_BYTES + 1)
    if len(content) != KEY_BYTES:
        raise PreconditionFailed(
            f"key file {path.name!r} does not hold a key: it needs exactly {KEY_BYTES} bytes;"
            " restore it, or remove it to get a new key"
        )
    return content


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        write_private(staged, secrets.token_bytes(KEY_BYTES))
        with suppress(FileExistsError):  # another process was faster: its key is the key
            publish_once(staged, path)
    finally:
        staged.unlink(missing_ok=True)
