"""Claims: locks on files, by which processes of one machine tell one another that they write something.

A lock ends with the process that holds it, so no crash leaves a claim behind.
"""

import fcntl
import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from server.adapters.path_lock import path_locked
from server.adapters.storage.port import BeingWritten


@contextmanager
def claimed(folder: Path, key: str, *, shared: bool = False) -> Generator[None]:
    """Be the only one of all processes who writes `key`, or one of several who share it. Raises: BeingWritten."""
    path = folder / f"{hashlib.sha256(key.encode()).hexdigest()}.claim"
    descriptor = _held(path, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    if descriptor is None:
        raise BeingWritten(
            f"{key!r} is being written by another request: wait until it ends, or choose another address"
        )
    try:
        yield
    finally:
        if _lock(descriptor, fcntl.LOCK_EX):
            path.unlink(missing_ok=True)  # while it is held: whoever opened it meanwhile sees that it is gone
        os.close(descriptor)


def remove_unheld(path: Path) -> bool:
    """Remove a file, unless somebody holds a lock on it; whether it was removed."""
    try:
        with path_locked(path, wait=False):
            path.unlink(missing_ok=True)
    except (FileNotFoundError, BlockingIOError):
        return False
    return True


def _held(path: Path, how: int) -> int | None:
    """A descriptor that holds the lock of the file which stands at `path` now; None where somebody else does."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if not _lock(descriptor, how):
            os.close(descriptor)
            return None
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # its holder ended and removed it between our opening and locking


def _lock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
