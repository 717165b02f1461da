"""The audit trail in bytes: events as lines of NDJSON or CSV, or as a table of Parquet or Arrow, group by group."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol, assert_never

import orjson
import pyarrow as pa
from pyarrow import parquet

from server.kernel.data_format import DataFormat
from server.kernel.instants import precise_text

LINE_END = "\r\n"  # RFC 4180


class Line(NamedTuple):
    """An event as it leaves, its columns in this order. `data`: the text of its JSON, as stored; `hash`: hex."""

    position: int
    type: str
    stream: str
    version: int
    actor: str
    correlationId: str  # noqa: N815  # the name that readers see, as in the graph
    recordedAt: datetime  # noqa: N815
    data: str
    hash: str


FIELDS: "list[pa.Field[Any]]" = [
    pa.field("position", pa.int64()),
    pa.field("type", pa.string()),
    pa.field("stream", pa.string()),
    pa.field("version", pa.int32()),
    pa.field("actor", pa.string()),
    pa.field("correlationId", pa.string()),
    pa.field("recordedAt", pa.timestamp("us", tz="UTC")),
    pa.field("data", pa.string()),
    pa.field("hash", pa.string()),
]
TABLE = pa.schema(FIELDS)


class TrailWriter(Protocol):
    """Makes the bytes of one trail; the same groups give the same bytes."""

    def head(self) -> bytes:
        """What stands before the first event."""
        ...

    def group(self, lines: Sequence[Line]) -> bytes:
        """Some events, at least one."""
        ...

    def end(self) -> bytes:
        """What stands behind the last event."""
        ...


def trail_writer(format: DataFormat) -> TrailWriter:
    """A writer for one trail."""
    match format:
        case DataFormat.NDJSON:
            return _Ndjson()
        case DataFormat.CSV:
            return _Csv()
        case DataFormat.PARQUET:
            return _Table(lambda sink: parquet.ParquetWriter(sink, TABLE, compression="zstd"))
        case DataFormat.ARROW:
            return _Table(lambda sink: pa.ipc.new_stream(sink, TABLE))
        case _:
            assert_never(format)


class _Ndjson:
    def head(self) -> bytes:
        return b""

    def group(self, lines: Sequence[Line]) -> bytes:
        return b"".join(orjson.dumps(_shown(line)) + b"\n" for line in lines)

    def end(self) -> bytes:
        return b""


def _shown(line: Line) -> dict[str, Any]:  # JSON values
    return {
        **line._asdict(),
        "recordedAt": precise_text(line.recordedAt),
        "data": orjson.Fragment(line.data),  # as stored: a number read and written again might lose digits
    }


class _Csv:
    """Cells stand as they are, also those that a spreadsheet would take for a formula: the digest is of the truth."""

    def head(self) -> bytes:
        return _csv([Line._fields])

    def group(self, lines: Sequence[Line]) -> bytes:
        return _csv([(*line[:6], precise_text(line.recordedAt), *line[7:]) for line in lines])

    def end(self) -> bytes:
        return b""


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator=LINE_END).writerows(rows)
    return text.getvalue().encode()


class _Table:
    """A writer of Arrow's that finds its bytes taken away after each group."""

    def __init__(self, opening: Any) -> None:  # a sink -> a writer, which Arrow types as two unrelated classes
        self._sink = _Sink()
        self._writer: Any = opening(self._sink)

    def head(self) -> bytes:
        return self._sink.taken()

    def group(self, lines: Sequence[Line]) -> bytes:
        columns = zip(*lines, strict=True)
        arrays = [pa.array(column, kind) for column, kind in zip(columns, TABLE.types, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=TABLE))
        return self._sink.taken()

    def end(self) -> bytes:
        self._writer.close()
        return self._sink.taken()


class _Sink:
    """A file that keeps only what nobody has taken, and still knows how long it is."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._length = 0

    def write(self, content: bytes) -> int:
        piece = bytes(content)
        self._pieces.append(piece)
        self._length += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._length

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """What was written may still be taken."""

    def taken(self) -> bytes:
        found = b"".join(self._pieces)
        self._pieces.clear()
        return found
