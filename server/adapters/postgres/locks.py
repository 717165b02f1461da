"""Locks between processes, which the kernel lets go when their holder dies."""

import fcntl
import os
from pathlib import Path
from types import TracebackType


class FileLock:
    """One opening of a lock file, locked by flock.

    The lock belongs to the opening, not to the process: a child that inherits `descriptor` keeps the lock
    after `close`, until it and all its own children are gone.
    """

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @classmethod
    def taken(cls, path: Path) -> "FileLock | None":
        """The exclusive lock if nobody holds the file, else nothing."""
        lock = cls(path)
        if lock.exclude():
            return lock
        lock.close()
        return None

    def share(self) -> None:
        """Wait until nobody holds the file exclusively, then hold it together with others."""
        fcntl.flock(self.descriptor, fcntl.LOCK_SH)

    def exclude(self) -> bool:
        """Try to hold the file alone; of several who let go of a share for this at once, one succeeds."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Let go. Closing twice is harmless."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> "FileLock":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
