"""What the lake asks of a store of objects: immutable, written once, found by key."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from server.kernel.errors import AlreadyExists, Conflict, NotFound


class ObjectExists(AlreadyExists):
    """The key is taken; objects are never replaced."""


class ObjectMissing(NotFound):
    """No object stands under the key."""


class BeingWritten(Conflict):
    """Somebody else is writing the object."""


class StoredObject(NamedTuple):
    """One line of a listing. `size` in bytes; `modified` in UTC, when its bytes were last written."""

    key: str
    size: int
    modified: datetime


class Storage(Protocol):
    """A store. Work is done on local files on both sides: read from `read_path`, written to `staging`, then `commit`.

    The methods block: call them from a thread.
    """

    def exists(self, key: str) -> bool:
        """Whether an object stands under `key`."""
        ...

    def size(self, key: str) -> int:
        """Bytes. Raises: ObjectMissing."""
        ...

    def read_path(self, key: str) -> Path:
        """A local file with the object's bytes, only to be read; a remote store fetches it first.

        Raises: ObjectMissing.
        """
        ...

    def staging(self) -> Path:
        """The path of a private local file, not there yet: its caller writes it, then commits or unlinks it."""
        ...

    def claim(self, key: str, *, shared: bool = False) -> AbstractContextManager[None]:
        """Be the only one who writes `key`, or one who shares it, until the block ends or the process does.

        Raises: BeingWritten.
        """
        ...

    def commit(self, staged: Path, key: str) -> None:
        """Make a closed staged file the object under `key`: whole, durable, only if the key is free.

        The staged file is gone afterwards; it stays when the commit is refused. Raises: ObjectExists, StorageFull.
        """
        ...

    def copy(self, source: str, key: str) -> None:
        """A second object with the same bytes and a life of its own.

        Raises: ObjectMissing, ObjectExists, StorageFull.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove the object for good; nothing happens where there is none."""
        ...

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Objects whose key starts with `prefix`, which is empty or ends with '/'; in no particular order."""
        ...

    def sweep_staging(self, older_than: datetime) -> int:
        """Remove staged files last written before an instant, unless an upload still writes them; answers how many."""
        ...
