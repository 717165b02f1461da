"""The Delta log of one table: read as it stands, brought to what is wanted in one commit, dropped to be made anew."""

import uuid
from collections.abc import Mapping
from datetime import datetime

import orjson
import pyarrow as pa

from server.adapters.delta.commit import APPLICATION, Change, Columns, DataFile, commit_text
from server.adapters.delta.on_demand import deltalake
from server.adapters.storage.durable import refusing_when_full
from server.adapters.storage.local import LocalStorage
from server.kernel.record import record

CHECKPOINT_EVERY = 20  # commits; readers open the newest checkpoint and at most so many small files


class LogDamaged(Exception):
    """The log cannot be read: part of it is missing or is not what a Delta log holds."""


@record
class Wanted:
    """What the table shall hold. `position`: of the catalog, whose content this is; `rows` by path."""

    position: int
    schema: str
    rows: Mapping[str, int]


@record
class Standing:
    """What the log says. `files`: sizes by path; `position` None: nobody told it."""

    version: int
    position: int | None
    columns: Columns
    files: Mapping[str, int]


class DeltaLog:
    """The log below a table's folder. Its methods block: call them from a thread.

    `table` and `log` are prefixes of keys. Whoever calls `bring` and `drop` is alone in doing so; a second one, whose
    exclusion was lost, meets `ObjectExists` and changes nothing.
    """

    def __init__(self, storage: LocalStorage, table: str, log: str) -> None:
        self._storage = storage
        self._table = table
        self._log = log

    @property
    def uri(self) -> str:
        """Where other engines on this machine find the table."""
        return str(self._storage.path(self._table.removesuffix("/")))

    def read(self) -> Standing | None:
        """What stands; None where there is no log. Raises: LogDamaged."""
        if next(iter(self._storage.list(self._log)), None) is None:
            return None
        try:
            table = deltalake().DeltaTable(self.uri)
            found = pa.table(table.get_add_actions()).select(["path", "size_bytes"]).to_pylist()
            about = table.metadata()
            return Standing(
                version=table.version(),
                position=table.transaction_version(APPLICATION),
                columns=Columns(table=str(about.id), made_at=about.created_time, schema=table.schema().to_json()),
                files={each["path"]: each["size_bytes"] for each in found},
            )
        except deltalake().exceptions.DeltaError as error:
            raise LogDamaged(str(error)) from error

    def bring(self, wanted: Wanted, now: datetime) -> bool:
        """Make the table hold what is wanted; whether that took a commit.

        A log that knows a later position is left alone. Raises: LogDamaged, ObjectExists, ObjectMissing, StorageFull.
        """
        standing = self.read()
        if standing is None:
            if not wanted.rows:
                return False
            self._commit(0, self._change(wanted, {}, self._columns(wanted, None, now), first=True), now)
            return True
        if standing.position is not None and standing.position > wanted.position:
            return False
        columns = None if _same(standing.columns.schema, wanted.schema) else self._columns(wanted, standing, now)
        change = self._change(wanted, standing.files, columns, first=False)
        if not (change.added or change.removed or columns):
            return False
        version = standing.version + 1
        self._commit(version, change, now)
        if version % CHECKPOINT_EVERY == 0:
            table = deltalake().DeltaTable(self.uri)
            table.create_checkpoint()
            table.cleanup_metadata()
        return True

    def drop(self) -> None:
        """Remove the log; the files that it named stay."""
        for entry in list(self._storage.list(self._log)):
            self._storage.delete(entry.key)

    def _change(self, wanted: Wanted, files: Mapping[str, int], columns: Columns | None, *, first: bool) -> Change:
        added = tuple(
            DataFile(path=path, size=self._storage.size(f"{self._table}{path}"), rows=rows)
            for path, rows in wanted.rows.items()
            if path not in files
        )
        removed = {path: size for path, size in files.items() if path not in wanted.rows}
        return Change(position=wanted.position, added=added, removed=removed, columns=columns, first=first)

    def _columns(self, wanted: Wanted, standing: Standing | None, now: datetime) -> Columns:
        if standing is not None:
            return Columns(table=standing.columns.table, made_at=standing.columns.made_at, schema=wanted.schema)
        return Columns(table=str(uuid.uuid4()), made_at=_milliseconds(now), schema=wanted.schema)

    def _commit(self, version: int, change: Change, now: datetime) -> None:
        """The number must be free: of two who build on the same version, one is refused."""
        staged = self._storage.staging()
        try:
            with refusing_when_full():
                staged.write_bytes(commit_text(change, _milliseconds(now)))
            self._storage.commit(staged, f"{self._log}{version:020}.json")
        finally:
            staged.unlink(missing_ok=True)


def _same(one: str, other: str) -> bool:
    """Whether two schemas are equal, however their texts are spaced."""
    return bool(orjson.loads(one) == orjson.loads(other))


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
