"""A file of any kind that may hold a subject: an upload whose schema nobody knows yet."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

import duckdb

from server.adapters.engine.erasure.subject import Matcher, Subject
from server.adapters.engine.ingest.recognised import PARQUET

PIECE_BYTES = 4 * 1024 * 1024
ROWS_AT_ONCE = 10_000
_USUAL = ("utf-8", "latin-1", "utf-16", "utf-32")  # in which the id is looked for; raw bytes tell none
_BARE = {name: (f"{name}-le", f"{name}-be") for name in ("utf-16", "utf-32")}  # without the mark of their order
_AROUND = 8  # bytes beside a find that say whether it is a word


def holds_subject(
    cursor: duckdb.DuckDBPyConnection, path: Path, subject: Subject, encodings: Collection[str] = ()
) -> bool:
    """Whether the id stands in the file as a cell or a word. `encodings`: of texts, besides the usual ones."""
    matcher = Matcher(subject)
    with path.open("rb") as file:
        if file.read(len(PARQUET)) == PARQUET:
            return stands_in_bytes(path, matcher) or _in_parquet(cursor, path, matcher)
    codecs = [codec for name in dict.fromkeys((*_USUAL, *encodings)) for codec in _BARE.get(name, (name,))]
    return any(stands_in_bytes(path, matcher, codec) for codec in codecs)


def stands_in_bytes(path: Path, matcher: Matcher, encoding: str = "utf-8") -> bool:
    """Whether the id stands in the bytes of the file as a word of text."""
    cases = (str, str.lower, str.upper) if matcher.any_case else (str,)
    texts = {case(text) for text in matcher.spellings for case in cases}
    spelled = {octets for text in texts if (octets := _written(text, encoding)) is not None}
    if encoding != "utf-8":
        spelled -= {text.encode() for text in texts}
    if not spelled:
        return False
    flags = re.IGNORECASE if matcher.any_case else re.NOFLAG
    wanted = re.compile(b"|".join(map(re.escape, sorted(spelled, key=len, reverse=True))), flags)
    reach = max(map(len, spelled)) + 2 * _AROUND
    for piece in _pieces(path, reach):
        for found in wanted.finditer(piece):
            around = piece[max(0, found.start() - _AROUND) : found.end() + _AROUND]
            if matcher.holds(around.decode(encoding, errors="replace")):
                return True
    return False


def _written(text: str, encoding: str) -> bytes | None:
    """None where the encoding cannot write the text."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return None


def _pieces(path: Path, reach: int) -> Iterator[bytes]:
    last = b""
    with path.open("rb", buffering=0) as file:
        while octets := file.read(PIECE_BYTES):
            yield last + octets
            last = octets[-reach:]


def _in_parquet(cursor: duckdb.DuckDBPyConnection, path: Path, matcher: Matcher) -> bool:
    """A file that only looks like Parquet holds nothing that could be appended."""
    try:
        texts = cursor.sql("select columns(*)::varchar from read_parquet($path)", params={"path": str(path)})
        for batch in texts.to_arrow_reader(ROWS_AT_ONCE):
            for column in batch.columns:
                if any(matcher.holds(cell) for cell in column.to_pylist() if cell is not None):
                    return True
    except duckdb.Error:
        return False
    return False
