"""A subject in a raw text file: a quick look at its bytes, then the records that hold the id, as they stand there."""

import codecs
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from server.adapters.engine.erasure.files import BatchFiles, Cut
from server.adapters.engine.erasure.raw_records import RawRecords, opened_records
from server.adapters.engine.erasure.subject import Matcher
from server.adapters.engine.ingest.block import Block, Broken, Offsets
from server.adapters.engine.ingest.job import BLOCK_BYTES
from server.adapters.engine.ingest.text_file import PLAIN, Reading, TextFile
from server.adapters.engine.on_demand import compute
from server.kernel.files import UTF_8, CsvOptions, FileFormat

PIECE_BYTES = 4 * 1024 * 1024
_ESCAPED_LETTER = re.compile(
    rb"\\u00[2-7]"
)  # NDJSON may write any letter so; a file that does is read, not only searched


def encoding_of(files: BatchFiles) -> str:
    """Of the characters of raw."""
    return (files.csv or CsvOptions()).encoding if files.format is FileFormat.CSV else UTF_8


def pieces_of(raw: Path, encoding: str) -> Iterator[bytes]:
    """The text of the file in UTF-8, piece by piece; its very bytes where they are UTF-8."""
    decoder = None if encoding in PLAIN else codecs.getincrementaldecoder(encoding)(errors="strict")
    with raw.open("rb", buffering=0) as file:
        while octets := file.read(PIECE_BYTES):
            yield octets if decoder is None else decoder.decode(octets).encode()
        if decoder is not None:
            yield decoder.decode(b"", final=True).encode()


def may_hold(files: BatchFiles, matcher: Matcher) -> bool:
    """Whether the id stands anywhere in the text, if only inside another word."""
    found = _finder(matcher)
    reach = 4 * max(map(len, matcher.spellings))  # bytes in which a spelling may lie over the end of a piece
    in_json = files.format is FileFormat.NDJSON
    last = b""
    for octets in pieces_of(files.raw, encoding_of(files)):
        piece = last + octets
        if found(piece) or (in_json and _ESCAPED_LETTER.search(piece) is not None):
            return True
        last = piece[-reach:]
    return False


def _finder(matcher: Matcher) -> Callable[[bytes], bool]:
    sought = [spelling.encode() for spelling in matcher.sought]
    if not matcher.any_case:
        return lambda piece: any(spelling in piece for spelling in sought)
    if not all(spelling.isascii() for spelling in sought):
        return lambda piece: bool(_found(piece, np.array([0, len(piece)], np.int64), matcher.pattern)[0])

    def found(piece: bytes) -> bool:
        small = piece.lower()
        return any(spelling in small for spelling in sought)

    return found


def cuts_in(files: BatchFiles, matcher: Matcher, rows: Offsets, looked_at: Offsets) -> Iterator[Cut]:
    """The records of raw that go or change. `rows`: ordinals that go; `looked_at`: others that may hold the id."""
    reading = Reading(kind=files.format.value, encoding=encoding_of(files), block_bytes=BLOCK_BYTES)
    with files.raw.open("rb", buffering=0) as landed:
        text = TextFile(landed, None, None, reading)
        records = opened_records(text, files, matcher)
        yield from _Search(files, text, records, matcher, rows, looked_at).cuts()


class _Search:
    def __init__(
        self,
        files: BatchFiles,
        text: TextFile,
        records: RawRecords,
        matcher: Matcher,
        rows: Offsets,
        looked_at: Offsets,
    ) -> None:
        self._text = text
        self._records = records
        self._matcher = matcher
        self._rows = rows
        self._suspects = np.union1d(rows, looked_at)
        self._gaps = files.gaps
        self._line_of: Callable[[int], int] = files.gaps.line_of()
        self._readable = 0

    def cuts(self) -> Iterator[Cut]:
        text, final = self._text, False
        while not final:
            final = text.read_on()
            if not text.pending:
                continue
            block = self._records.read_block(text.pending, line=text.line, final=final)
            yield from sorted((*self._of_rows(block), *self._of_broken(block)), key=lambda cut: cut.start)
            self._readable += block.readable
            text.advance(block.consumed, block.lines_of([block.consumed])[0] - text.line)

    def _of_rows(self, block: Block) -> Iterator[Cut]:
        ordinals = self._gaps.placed(block.ordinals + self._readable)
        suspects = np.isin(ordinals, self._suspects)
        if self._may_hold(block):
            bounds = np.append(block.starts, block.consumed).astype(np.int64)
            suspects |= _found(block.text, bounds, self._matcher.pattern)
        for at in np.flatnonzero(suspects).tolist():
            start, behind, ordinal = int(block.starts[at]), int(block.behinds[at]), int(ordinals[at])
            octets = block.text[start:behind]
            left = None if ordinal in self._rows else self._records.left_of(octets)
            if left != octets:
                yield self._cut(block, start, behind, left, ordinal)

    def _of_broken(self, block: Block) -> Iterator[Cut]:
        """Of a record that cannot be cut into cells nothing is left where it holds the id."""
        if not block.broken or not self._may_hold(block):
            return
        for broken in block.broken:
            if self._matcher.holds(block.text[broken.start : broken.behind].decode()):
                yield self._cut(block, broken.start, broken.behind, None, self._ordinal(broken))

    def _may_hold(self, block: Block) -> bool:
        return bool(_found(block.text, np.array([0, block.consumed], np.int64), self._matcher.pattern)[0])

    def _ordinal(self, broken: Broken) -> int | None:
        return None if broken.ordinal is None else self._gaps.place(self._readable + broken.ordinal)

    def _cut(self, block: Block, start: int, behind: int, instead: bytes | None, ordinal: int | None) -> Cut:
        first, last = block.lines_of([start, behind])
        return Cut(
            start=self._text.offset + start,
            behind=self._text.offset + behind,
            instead=instead,
            ordinal=ordinal,
            line=self._line_of(first),
            lines=last - first,
        )


def _found(text: bytes, bounds: Offsets, pattern: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Of each stretch of UTF-8 between two bounds, whether it holds the pattern."""
    if len(bounds) < 2:
        return np.empty(0, np.bool_)
    buffers = [None, pa.py_buffer(bounds.tobytes()), pa.py_buffer(text)]
    stretches = pa.Array.from_buffers(pa.large_string(), len(bounds) - 1, buffers)
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = (
        compute().match_substring_regex(stretches, pattern).to_numpy(zero_copy_only=False)
    )
    return found
