"""A batch that is ingested, erased from and ingested again, read back from its files."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from server.adapters.engine.erasure.files import BatchFiles, Rewritten, Targets, Traces
from server.adapters.engine.erasure.locate import locate
from server.adapters.engine.erasure.rewrite import rewrite
from server.adapters.engine.erasure.subject import Subject
from server.adapters.engine.ingest.gaps import NO_GAPS, read_gaps
from server.adapters.engine.ingest.ingestion import IngestJob, ingest
from server.kernel.fields import Field
from server.kernel.files import CsvOptions, FileFormat
from server.kernel.subject import normalised

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def columns(**types: str) -> tuple[Field, ...]:
    return tuple(Field(name=name, type=kind) for name, kind in types.items())


class Erasing:
    """One batch in a folder. Each `erase` makes a new generation of files and checks what must always hold."""

    def __init__(
        self,
        folder: Path,
        raw: bytes | Path,
        fields: tuple[Field, ...],
        form: FileFormat = FileFormat.CSV,
        csv: CsvOptions | None = None,
        *,
        ignored: Sequence[str] = (),
        block_bytes: int = 1 << 20,
    ) -> None:
        self.folder, self.fields, self.form, self.csv = folder, fields, form, csv
        self._ignored, self._block_bytes, self._generation = frozenset(ignored), block_bytes, 0
        source = folder / f"raw{form.suffix}"
        if isinstance(raw, bytes):
            source.write_bytes(raw)
        else:
            shutil.copyfile(raw, source)
        self.cursor = duckdb.connect()
        self.cursor.execute("set timezone = 'UTC'")
        self.files = BatchFiles(
            raw=source,
            format=form,
            csv=csv,
            rejects=folder / "rejects",
            bronze=folder / "bronze",
            silver=None,
            gold=None,
            samples=(),
            fields=fields,
        )
        self.ingest_again("bronze", "rejects")
        if not (folder / "rejects").exists():
            self.files = replace(self.files, rejects=None)

    def ingest_again(self, bronze: str = "again", rejects: str = "again.rejects") -> tuple[list[dict], list[dict]]:
        """The rows and rejects that a replay of raw as it is now would make."""
        for name in (bronze, rejects):
            (self.folder / name).unlink(missing_ok=True)
        job = IngestJob(
            fields=self.fields,
            batch="b1",
            created_at=AT,
            bronze=self.folder / bronze,
            rejects=self.folder / rejects,
            raw=None,
            block_bytes=self._block_bytes,
            csv=self.csv or CsvOptions(),
            ignored=self._ignored,
            format=self.form,
            gaps=self.files.gaps,
        )
        ingest(self.cursor, self.files.raw, job, lambda rows, share: None)
        return rows_of(self.folder / bronze), rows_of(self.folder / rejects)

    def locate(self, subject: str) -> Traces:
        return locate(self.cursor, self.files, Subject(text=normalised(subject)))

    def erase(self, subject: str) -> Rewritten:
        self._generation += 1
        new = self.folder / str(self._generation)
        new.mkdir()
        files = self.files
        targets = Targets(
            raw=new / "raw",
            gaps=new / "gaps",
            rejects=new / "rejects",
            bronze=new / "bronze",
            silver=new / "silver",
            gold=new / "gold",
            samples=tuple(new / f"samples{place}" for place in range(len(files.samples))),
        )
        done = rewrite(self.cursor, files, self.locate(subject), Subject(text=normalised(subject)), targets)
        assert set(new.iterdir()) == done.written
        self._take(targets, done)
        assert self.locate(subject) == Traces(), "a second look finds nothing"
        return done

    def _take(self, targets: Targets, done: Rewritten) -> None:
        def now(old: Path | None, target: Path) -> Path | None:
            return target if target in done.written else None if target in done.emptied else old

        files = self.files
        if targets.raw in done.written:
            octets = targets.raw.read_bytes()
            assert (done.raw_sha256, done.size_bytes) == (hashlib.sha256(octets).hexdigest(), len(octets))
        else:
            assert (done.raw_sha256, done.size_bytes) == (None, None)
        bronze = now(files.bronze, targets.bronze)
        assert bronze is not None
        self.files = replace(
            files,
            raw=now(files.raw, targets.raw),
            rejects=now(files.rejects, targets.rejects),
            bronze=bronze,
            silver=now(files.silver, targets.silver),
            gold=now(files.gold, targets.gold),
            samples=tuple(
                target if target in done.written else old
                for old, target in zip(files.samples, targets.samples, strict=True)
            ),
            gaps=read_gaps(targets.gaps) if targets.gaps in done.written else files.gaps,
        )
        assert (self.files.gaps == NO_GAPS) or targets.raw not in done.written or targets.gaps in done.written
        assert (done.row_count, done.rejected_row_count) == (len(self.bronze), len(self.rejects))

    @property
    def raw(self) -> bytes:
        return self.files.raw.read_bytes()

    @property
    def bronze(self) -> list[dict[str, Any]]:
        return rows_of(self.files.bronze)

    @property
    def rejects(self) -> list[dict[str, Any]]:
        return [] if self.files.rejects is None else rows_of(self.files.rejects)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return pq.read_table(path).to_pylist() if path.exists() else []


def ordinals(rows: Sequence[dict[str, Any]]) -> list[int]:
    return [int(row["_id"][-12:]) for row in rows]
