"""Locks on files and folders that stand, between processes; the system lets go of them with their holder."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def path_locked(path: Path, *, wait: bool = True) -> Generator[None]:
    """Be the only one who holds `path` while the block runs.

    Raises: FileNotFoundError; BlockingIOError, where somebody else holds it and `wait` is false.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
