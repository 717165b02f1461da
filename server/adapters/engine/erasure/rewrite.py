"""Rewriting the files of a batch without a subject: each that changes, to a path that nobody reads yet."""

import filecmp
import shutil
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pyarrow.parquet as parquet

from server.adapters.engine.erasure.cut_out import cut_out
from server.adapters.engine.erasure.files import BatchFiles, Mended, Rewritten, Targets, Traces
from server.adapters.engine.erasure.layer_file import Erased, LayerChange, rewrite_layer
from server.adapters.engine.erasure.locate import placed, reject_change, touched_rows
from server.adapters.engine.erasure.raw_parquet import rewrite_parquet
from server.adapters.engine.erasure.raw_text import encoding_of
from server.adapters.engine.erasure.set_aside import rewrite_rejects, samples_left
from server.adapters.engine.erasure.subject import Matcher, Subject
from server.adapters.engine.exhausted import refusing_when_exhausted
from server.adapters.engine.ingest.gaps import NO_GAPS, write_gaps
from server.kernel.fields import TypeName
from server.kernel.files import FileFormat

BRONZE_LEVEL, LEVEL = 1, 3  # of zstd, as the layers are written otherwise


def rewrite(
    cursor: duckdb.DuckDBPyConnection, files: BatchFiles, traces: Traces, subject: Subject, targets: Targets
) -> Rewritten:
    """Write what changes. After a failure no target is there. Raises: LimitExceeded, StorageFull."""
    try:
        with refusing_when_exhausted():
            return _Rewriting(cursor, files, traces, Matcher(subject), targets).done()
    except BaseException:
        singles = (targets.raw, targets.gaps, targets.rejects, targets.bronze, targets.silver, targets.gold)
        for path in (*singles, *targets.samples):
            path.unlink(missing_ok=True)
        raise


class _Rewriting:
    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        files: BatchFiles,
        traces: Traces,
        matcher: Matcher,
        targets: Targets,
    ) -> None:
        self._cursor = cursor
        self._files = files
        self._traces = traces
        self._matcher = matcher
        self._targets = targets
        self._written: set[Path] = set()
        self._emptied: set[Path] = set()

    def done(self) -> Rewritten:
        raw = self._raw()
        rejects = self._rejects()
        self._samples()
        bronze, silver, gold = self._layers()
        return Rewritten(
            written=frozenset(self._written),
            emptied=frozenset(self._emptied),
            raw_sha256=None if raw is None else raw[0],
            size_bytes=None if raw is None else raw[1],
            erased_bronze=bronze.gone,
            erased_silver=silver.gone,
            erased_gold=gold.gone,
            erased_rejects=rejects.gone,
            row_count=bronze.left,
            rejected_row_count=rejects.left,
        )

    def _raw(self) -> tuple[str, int] | None:
        files, traces, targets = self._files, self._traces, self._targets
        if files.format is not FileFormat.PARQUET:
            if not traces.cuts:
                return None
            written = cut_out(files.raw, traces.cuts, encoding_of(files), targets.raw)
        elif traces.rows or traces.raw_mended or traces.raw_footer:
            change = self._change(traces.raw_mended)
            written = rewrite_parquet(self._cursor, files, targets.raw, change, self._matcher)
        else:
            return None
        self._written.add(targets.raw)
        self._gaps()
        return written

    def _gaps(self) -> None:
        gone = [cut for cut in self._traces.cuts if cut.instead is None]
        gaps = self._files.gaps.widened(self._traces.rows, ((cut.line, cut.lines) for cut in gone if cut.lines))
        if gaps != NO_GAPS:
            write_gaps(self._targets.gaps, gaps)
            self._written.add(self._targets.gaps)

    def _rejects(self) -> Erased:
        rejects = self._files.rejects
        if rejects is None:
            return Erased(gone=0, left=0)
        if not self._traces.rejects:
            return Erased(gone=0, left=_rows_of(rejects))
        change = reject_change(self._files, self._traces, self._matcher)
        done = rewrite_rejects(rejects, self._targets.rejects, change)
        (self._written if done.left else self._emptied).add(self._targets.rejects)
        return done

    def _samples(self) -> None:
        touched = touched_rows(self._traces)
        for source, target in zip(self._files.samples, self._targets.samples, strict=True):
            if source not in self._traces.samples:
                continue
            if (left := samples_left(source, touched, self._matcher, self._files.keys)) is not None:
                target.write_bytes(left)
                self._written.add(target)

    def _layers(self) -> tuple[Erased, Erased, Erased]:
        files, targets = self._files, self._targets
        none = Erased(gone=0, left=0)
        if not self._traces.rows and not self._traces.mended:
            return Erased(gone=0, left=_rows_of(files.bronze)), none, none
        bronze = self._layer(files.bronze, targets.bronze, BRONZE_LEVEL)
        silver = none if files.silver is None else self._layer(files.silver, targets.silver, LEVEL)
        if files.gold is None:
            return bronze, silver, none
        source, made, done = files.bronze, targets.bronze, bronze
        if files.silver is not None:
            source, made, done = files.silver, targets.silver, silver
        if filecmp.cmp(source, files.gold, shallow=False):  # published as it was: it stays so
            shutil.copyfile(made, targets.gold)
            self._written.add(targets.gold)
            return bronze, silver, done
        return bronze, silver, self._layer(files.gold, targets.gold, LEVEL)

    def _layer(self, source: Path, target: Path, level: int) -> Erased:
        done = rewrite_layer(source, target, self._change(self._traces.mended), self._matcher, level=level)
        self._written.add(target)
        return done

    def _change(self, mended: Iterable[Mended]) -> LayerChange:
        by_column: dict[str, list[int]] = {}
        for one in mended:
            by_column.setdefault(one.column, []).append(one.ordinal)
        return LayerChange(
            rows=placed(self._traces.rows),
            mended={column: placed(ordinals) for column, ordinals in by_column.items()},
            json_columns=self._files.columns_of(TypeName.JSON),
            keys=self._files.keys,
        )


def _rows_of(path: Path) -> int:
    with parquet.ParquetFile(path) as file:
        return file.metadata.num_rows
