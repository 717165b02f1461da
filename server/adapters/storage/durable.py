"""Durable files: on the disk, whole and under their name before anybody is told."""

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from server.kernel.errors import Unavailable

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, the quota, the largest file allowed


class StorageFull(Unavailable):
    """The disk has no room for what is being written."""


@contextmanager
def refusing_when_full() -> Generator[None, None, None]:
    """Turn the system's word for a full disk or a used-up quota into a refusal. Raises: StorageFull."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageFull("storage is full: free some space on the server, then try again") from error
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish_once(staged: Path, target: Path) -> None:
    """Move a finished file to a name that must be free, in one step that readers see whole or not at all.

    Both on one file system that has hard links: a link refuses a taken name, a rename would replace it.
    Raises: FileExistsError, and then `staged` stays.
    """
    descriptor = os.open(staged, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.link(staged, target)
    sync_folder(target.parent)
    staged.unlink(missing_ok=True)
