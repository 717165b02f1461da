"""Staged files: counted and digested while they are written, gone unless they are committed."""

import fcntl
import hashlib
import threading
from pathlib import Path

from server.adapters.storage.durable import refusing_when_full


class StagedWriter:
    """Writes one staged file block by block. Its methods block and may be called from any thread."""

    def __init__(self, path: Path) -> None:
        with refusing_when_full():
            self._file = path.open("wb", buffering=0)
        fcntl.flock(self._file, fcntl.LOCK_SH)  # a sweep leaves alone what somebody still writes
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256()
        # A request may be cancelled while a thread still writes: closing waits for that write.
        self._lock = threading.Lock()

    @property
    def sha256(self) -> str:
        """Hex of what was written so far."""
        return self._digest.hexdigest()

    def write(self, block: bytes) -> None:
        """Append a block. Raises: StorageFull."""
        with self._lock, refusing_when_full():
            rest = memoryview(block)
            while rest:
                rest = rest[self._file.write(rest) :]
        self._digest.update(block)
        self.size += len(block)

    def close(self) -> None:
        """End the writing; the file is ready for a commit."""
        with self._lock:
            self._file.close()

    def discard(self) -> None:
        """Remove what was not committed."""
        self.close()
        self.path.unlink(missing_ok=True)


def remove_staged(*paths: Path) -> None:
    """Remove those that are still there: a commit has taken the others."""
    for path in paths:
        path.unlink(missing_ok=True)
