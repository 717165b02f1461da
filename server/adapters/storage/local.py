"""Objects on the local disk: one folder, one file for each key."""

import fcntl
import os
import shutil
import uuid
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from server.adapters.storage.claim import claimed, remove_unheld
from server.adapters.storage.durable import publish_once, refusing_when_full, sync_folder
from server.adapters.storage.layout import KEY_PATTERN, check_key
from server.adapters.storage.port import ObjectExists, ObjectMissing, StoredObject
from server.kernel.errors import Unavailable

# A delete may prune a folder while a commit makes or uses it; each further round needs another such delete.
_ROUNDS = 64


class LocalStorage:
    """The store below one folder, on a file system with hard links. Made private to this user where it is not there."""

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.root = root.resolve()
        self._staging = self.root / ".staging"
        self._staging.mkdir(mode=0o700, exist_ok=True)
        self._alive: str | None = None

    def path(self, key: str) -> Path:
        """Where the object of `key` stands or would stand. Raises: BadUserInput, for what is no key."""
        return self.root / check_key(key)

    def exists(self, key: str) -> bool:
        """Whether an object stands under `key`."""
        return self.path(key).is_file()

    def size(self, key: str) -> int:
        """Bytes. Raises: ObjectMissing."""
        return self.read_path(key).stat().st_size

    def read_path(self, key: str) -> Path:
        """The object's own file, only to be read. Raises: ObjectMissing."""
        path = self.path(key)
        if not path.is_file():
            raise ObjectMissing(f"no file stands under {key!r}; it was removed or never written")
        return path

    def staging(self) -> Path:
        """The path of a private file that does not exist yet, on the same file system as the objects."""
        if self._alive is None:
            self._alive = self._living()
        return self._staging / f"{self._alive}.{uuid.uuid4().hex}.part"

    def claim(self, key: str, *, shared: bool = False) -> AbstractContextManager[None]:
        """Be the only one who writes `key`, or one who shares it, until the block ends or the process does.

        Raises: BeingWritten.
        """
        return claimed(self._staging, check_key(key), shared=shared)

    def commit(self, staged: Path, key: str) -> None:
        """Make a closed staged file the object under `key`: whole, durable, only if the key is free.

        Raises: ObjectExists, StorageFull.
        """
        assert staged.parent == self._staging, "only files of staging() can be committed"
        target = self.path(key)
        staged.chmod(staged.stat().st_mode & 0o555)
        for _ in range(_ROUNDS):
            try:
                with refusing_when_full():
                    self._make_folders(target.parent)
                    publish_once(staged, target)
            except (FileExistsError, FileNotFoundError, NotADirectoryError):
                if self._is_taken(target):
                    raise ObjectExists(f"a file stands under {key!r} already; files are never replaced") from None
                if not staged.exists():
                    raise
            else:
                return
        raise Unavailable(f"the folder of {key!r} is being removed over and over; try again")

    def exchange(self, staged: Path, key: str) -> None:
        """Put a closed staged file in the place of an object, in one step: only of what nobody else counts on."""
        assert staged.parent == self._staging, "only files of staging() can be committed"
        target = self.path(key)
        staged.chmod(staged.stat().st_mode & 0o555)
        staged.replace(target)
        sync_folder(target.parent)

    def copy(self, source: str, key: str) -> None:
        """A second object with the same bytes. Raises: ObjectMissing, ObjectExists, StorageFull."""
        # Not a hard link: it would share the source's age, and a sweep of old orphans would take a fresh copy.
        origin = self.read_path(source)
        staged = self.staging()
        try:
            with refusing_when_full():
                shutil.copyfile(origin, staged)
            self.commit(staged, key)
        finally:
            staged.unlink(missing_ok=True)

    def delete(self, key: str) -> None:
        """Remove the object and the folders that it leaves empty; nothing happens where there is none."""
        path = self.path(key)
        try:
            path.unlink()
            sync_folder(path.parent)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return
        self._prune(path.parent)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Objects whose key starts with `prefix`, which is empty or ends with '/'; in no particular order."""
        assert not prefix or prefix.endswith("/"), "a prefix is a folder: it ends with '/'"
        folder = self.path(prefix[:-1]) if prefix else self.root
        for place, _, names in os.walk(folder):
            for path in (Path(place, name) for name in names):
                key = path.relative_to(self.root).as_posix()
                if not KEY_PATTERN.fullmatch(key):  # staged, or not ours
                    continue
                try:
                    found = path.stat()
                except FileNotFoundError:  # deleted while we were listing
                    continue
                yield StoredObject(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def sweep_staging(self, older_than: datetime) -> int:
        """Remove staged files last written before an instant, unless an upload still writes them; answers how many."""
        old = [path for path in self._staging.iterdir() if _written_before(path, older_than)]
        return sum(remove_unheld(path) and path.suffix == ".part" for path in old)

    def sweep_dead(self) -> int:
        """Remove the staged files of processes that have ended; answers how many."""
        left = 0
        for alive in list(self._staging.glob("*.alive")):
            if remove_unheld(alive):
                left += sum(remove_unheld(path) for path in list(self._staging.glob(f"{alive.stem}.*.part")))
        return left

    def _living(self) -> str:
        """The first part of the names of staged files: a file of that name is locked as long as this store is used."""
        name = uuid.uuid4().hex
        held = os.open(self._staging / f"{name}.alive", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(held, fcntl.LOCK_EX)
        weakref.finalize(self, os.close, held)
        return name

    def _is_taken(self, target: Path) -> bool:
        """By an object, by a folder of objects, or because an object stands where a folder would have to."""
        return target.exists() or any(parent.is_file() for parent in target.parents)

    def _make_folders(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # All the way up: another process may have made a folder and not yet synced its name.
        for parent in folder.parents:
            if not parent.is_relative_to(self.root):
                break
            sync_folder(parent)

    def _prune(self, folder: Path) -> None:
        while folder != self.root:
            try:
                folder.rmdir()
            except OSError:  # not empty, or already gone
                return
            folder = folder.parent


def _written_before(path: Path, instant: datetime) -> bool:
    try:
        return path.stat().st_mtime < instant.timestamp()
    except FileNotFoundError:  # committed or removed meanwhile
        return False
