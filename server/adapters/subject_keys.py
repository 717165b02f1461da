"""Keys of erasure requests: one private file each, whose destruction makes the subject's id unreadable for ever."""

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from server.adapters.keys import KEY_BYTES, load_key, read_private
from server.adapters.storage.durable import sync_folder
from server.kernel.errors import PreconditionFailed


class SubjectKeys:
    """32 random bytes for each request, in a folder outside the database. A folder is made with the first key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make(self, request: uuid.UUID) -> bytes:
        """The key of a request, made where there is none yet. It is on the disk before this returns."""
        return load_key(self._file(request))

    def read(self, request: uuid.UUID) -> bytes | None:
        """The key of a request; None once it is destroyed. Raises: PreconditionFailed, for a file that is none."""
        try:
            key = read_private(self._file(request), KEY_BYTES + 1)
        except FileNotFoundError:
            return None
        if len(key) != KEY_BYTES:
            raise PreconditionFailed(
                f"the key file of erasure request {request} does not hold a key; restore the folder of subjects' keys"
            )
        return key

    def destroy(self, request: uuid.UUID) -> None:
        """Overwrite the key and take its file away; nothing where there is none."""
        file = self._file(request)
        try:
            descriptor = os.open(file, os.O_WRONLY)
        except FileNotFoundError:
            return
        try:
            os.write(descriptor, os.urandom(KEY_BYTES))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        file.unlink(missing_ok=True)
        sync_folder(self._folder)

    def made(self) -> Iterator[tuple[uuid.UUID, datetime]]:
        """The requests that have a key, each with the instant of its making."""
        if not self._folder.is_dir():
            return
        for file in self._folder.iterdir():
            request = _uuid(file.name)
            if request is not None:
                yield request, datetime.fromtimestamp(file.stat().st_mtime, UTC)

    def _file(self, request: uuid.UUID) -> Path:
        return self._folder / str(request)


def _uuid(name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(name)
    except ValueError:
        return None
