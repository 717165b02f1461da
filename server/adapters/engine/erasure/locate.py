"""Locating a subject in the files of a batch: a quick scan first, as most batches hold nothing of one person."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import duckdb
import numpy as np

from server.adapters.engine.erasure.bronze_rows import FoundRows, rows_by_number, rows_by_text
from server.adapters.engine.erasure.files import BatchFiles, Cut, Mended, Traces
from server.adapters.engine.erasure.raw_parquet import found_in_parquet, stands_in_footer
from server.adapters.engine.erasure.raw_records import TIMES
from server.adapters.engine.erasure.raw_text import cuts_in, may_hold
from server.adapters.engine.erasure.set_aside import RejectChange, rejects_change, samples_left
from server.adapters.engine.erasure.subject import Matcher, Subject
from server.adapters.engine.ingest.block import Offsets, shown_record
from server.kernel.files import FileFormat


def locate(cursor: duckdb.DuckDBPyConnection, files: BatchFiles, subject: Subject) -> Traces:
    """Where the subject stands. Raises: InvalidData, where raw cannot be read."""
    matcher = Matcher(subject)
    in_text = files.format is not FileFormat.PARQUET
    rows = rows_by_number(cursor, files.bronze, files.fields, matcher)
    # every text of bronze stands in the text of raw: where that holds nothing, only numbers may be spelled otherwise
    if in_text and not rows and not may_hold(files, matcher):
        return Traces()
    found = rows_by_text(cursor, files.bronze, files.fields, matcher)
    found = FoundRows(rows=found.rows | rows, mended=found.mended)
    cuts: tuple[Cut, ...] = ()
    raw_mended: frozenset[Mended] = frozenset()
    raw_footer = False
    if in_text:
        looked_at = placed({one.ordinal for one in found.mended})
        cuts = tuple(cuts_in(files, matcher, placed(found.rows), looked_at))
        in_raw = frozenset(cut.ordinal for cut in cuts if cut.instead is None and cut.ordinal is not None)
        found = FoundRows(rows=found.rows | in_raw, mended=found.mended)
    else:
        in_parquet = found_in_parquet(files, matcher, found)
        found, raw_mended = FoundRows(rows=in_parquet.rows, mended=found.mended), in_parquet.mended
        raw_footer = stands_in_footer(files.raw, matcher)
    mended = [one for one in found.mended if one.ordinal not in found.rows]
    traces = Traces(
        rows=tuple(sorted(found.rows)),
        mended=_ordered(mended),
        cuts=cuts,
        raw_mended=_ordered(raw_mended),
        raw_footer=raw_footer,
    )
    return _with_set_aside(files, traces, matcher)


def _with_set_aside(files: BatchFiles, traces: Traces, matcher: Matcher) -> Traces:
    rows = touched_rows(traces)
    samples = tuple(path for path in files.samples if samples_left(path, rows, matcher, files.keys) is not None)
    rejects = files.rejects is not None and rejects_change(files.rejects, reject_change(files, traces, matcher))
    return replace(traces, rejects=rejects, samples=samples)


def touched_rows(traces: Traces) -> frozenset[int]:
    """The ordinals of rows that go or change."""
    return frozenset((*traces.rows, *(one.ordinal for one in traces.mended)))


def reject_change(files: BatchFiles, traces: Traces, matcher: Matcher) -> RejectChange:
    """The same among rejects: they show a record of text as it stands in raw, one of Parquet as JSON."""
    instead: dict[int, Callable[[str], str]] = {}
    for cut in traces.cuts:
        if cut.instead is not None:
            instead[cut.line] = partial(_as_in_raw, octets=cut.instead)
    for one in traces.raw_mended:
        instead[one.ordinal + 1] = partial(_shown_without, files=files, matcher=matcher)
    gone = (cut.line for cut in traces.cuts if cut.instead is None)
    return RejectChange(ordinals=placed(traces.rows), lines=placed(gone), instead=instead)


def _as_in_raw(_: str, *, octets: bytes) -> str:
    return shown_record(octets)


def _shown_without(shown: str, *, files: BatchFiles, matcher: Matcher) -> str:
    return matcher.left_of_json(shown, times=files.columns_of(*TIMES), keys=files.keys) or ""


def placed(numbers: Iterable[int]) -> Offsets:
    """The numbers, ascending."""
    return np.array(sorted(numbers), np.int64)


def _ordered(mended: Iterable[Mended]) -> tuple[Mended, ...]:
    return tuple(sorted(mended, key=lambda one: (one.ordinal, one.column)))
