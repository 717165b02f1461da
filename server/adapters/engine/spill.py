"""Where the engine spills: a folder of each process's own, as two engines in one folder would share their files."""

import fcntl
import os
import shutil
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from server.adapters.path_lock import path_locked


@contextmanager
def spill_folder(root: Path) -> Generator[Path]:
    """A folder that is this process's alone while the block runs. What dead processes left in `root` is removed."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path_locked(root):  # one process at a time looks who lives, and joins them
        _remove_dead(root)
        folder = root / uuid.uuid4().hex
        folder.mkdir(mode=0o700)
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def clear_spill(root: Path) -> None:
    """Remove what dead processes left."""
    with path_locked(root):
        _remove_dead(root)


def _remove_dead(root: Path) -> None:
    for left in root.iterdir():
        _remove_unheld(left)


def _remove_unheld(left: Path) -> None:
    try:
        with path_locked(left, wait=False):
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()
    except (BlockingIOError, FileNotFoundError):  # its process lives, or removed it just now
        return
