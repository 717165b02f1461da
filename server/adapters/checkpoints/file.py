"""The file of checkpoints: lines that are only ever added, each with the digest of the one before it."""

import hashlib
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from server.adapters.checkpoints.statement import Checkpoint, NewKey, read, written
from server.adapters.path_lock import path_locked
from server.adapters.storage.durable import refusing_when_full, sync_folder
from server.kernel.errors import PreconditionFailed

NAME = "checkpoints.ndjson"
TAIL_BYTES = 65_536  # holds more than a hundred lines


class CheckpointFile:
    """The file in a folder of its own. Whoever reads it to add to it holds `alone`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / NAME

    @contextmanager
    def alone(self) -> Generator[None]:
        """Be the only process at the file; the system lets go of the lock with the process."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path_locked(self.folder):
            yield

    def append(self, entry: Checkpoint | NewKey) -> None:
        """Add a line; it is on the disk when this returns. Raises: StorageFull, and then nothing was added."""
        new = not self.path.exists()
        line = written(entry, self.digest()) + b"\n"
        with refusing_when_full():
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                end = _whole(descriptor)
                try:
                    os.pwrite(descriptor, line, end)
                    os.fsync(descriptor)
                except OSError:
                    os.ftruncate(descriptor, end)
                    raise
            finally:
                os.close(descriptor)
        if new:
            sync_folder(self.folder)

    def digest(self) -> str:
        """SHA-256 of the last line without its end, hex; empty where there is none."""
        last = next(self._newest_first(), None)
        return "" if last is None else hashlib.sha256(last).hexdigest()

    def last(self) -> Checkpoint | None:
        """The newest checkpoint. Raises: PreconditionFailed."""
        return next((entry for entry in self._entries(self._newest_first()) if isinstance(entry, Checkpoint)), None)

    def last_key(self) -> NewKey | None:
        """The newest rotation of the key. Raises: PreconditionFailed."""
        return next((entry for entry in self._entries(self._newest_first()) if isinstance(entry, NewKey)), None)

    def after(self, position: int) -> list[Checkpoint]:
        """The checkpoints behind a position, oldest first. Raises: PreconditionFailed."""
        found: list[Checkpoint] = []
        for entry in self._entries(self._newest_first()):
            if isinstance(entry, Checkpoint):
                if entry.position <= position:
                    break
                found.append(entry)
        return found[::-1]

    def _entries(self, lines: Iterator[bytes]) -> Iterator[Checkpoint | NewKey]:
        for line in lines:
            try:
                yield read(line)
            except (ValueError, KeyError, TypeError):
                raise PreconditionFailed(
                    f"{NAME} holds a line that is no checkpoint: find out who changed it, keep the file as evidence,"
                    " and put a copy from elsewhere back"
                ) from None

    def _newest_first(self) -> Iterator[bytes]:
        """Whole lines from the end, without their ends; a line that a crash cut off was never a claim."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            begin = max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES)
            file.seek(begin)
            newest = file.read().split(b"\n")[:-1][1 if begin else 0 :]
            yield from reversed(newest)
            if begin:
                file.seek(0)
                lines = file.read().split(b"\n")[:-1]
                yield from reversed(lines[: len(lines) - len(newest)])


def _whole(descriptor: int) -> int:
    """Where the next line begins, once a line that a crash cut off is gone."""
    size = os.fstat(descriptor).st_size
    begin = max(0, size - TAIL_BYTES)
    end = begin + os.pread(descriptor, TAIL_BYTES, begin).rfind(b"\n") + 1
    if end < size:
        os.ftruncate(descriptor, end)
    return end
