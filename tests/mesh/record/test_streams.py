"""Streams by address: every format read back, every change between address and use honoured."""

import csv
import io
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from server.adapters.sealed_addresses import AddressExpired
from server.kernel.data_format import DataFormat
from server.kernel.errors import BadUserInput, Forbidden, LimitExceeded, PreconditionFailed
from server.kernel.filters import Asked, FilterOp
from server.kernel.layer import Layer
from server.mesh.record.queries import CURSOR, Selection
from server.mesh.record.streams import ADDRESS, RecordStreams
from tests.mesh.at_work import AtWork, at_work

FIELDS = [
    {"name": "n", "type": "int"},
    {"name": 'word, or "two"', "type": "string"},
    {"name": "price", "type": "decimal(10,2)"},
    {"name": "at", "type": "datetime"},
    {"name": "j", "type": "json"},
]
WORD = FIELDS[1]["name"]
TEXT = (
    'n,"word, or ""two""",price,at,j\n'
    '1,"a ""b"", c\n日本",2.50,2024-02-29T12:00:00Z,"{""a"": 1.0}"\n'
    '-9223372036854775808,"",,2024-02-29T12:00:00.000001+01:00,\n'
    ",,-0.01,,null\n"
)
AT = [datetime(2024, 2, 29, 12, tzinfo=UTC), datetime(2024, 2, 29, 11, 0, 0, 1, tzinfo=UTC), None]
VALUES = {
    "n": [1, -(2**63), None],
    WORD: ['a "b", c\n日本', "", None],
    "price": [Decimal("2.50"), None, Decimal("-0.01")],
    "at": AT,
    "j": ['{"a": 1.0}', None, "null"],
}


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    """The dataset `d` with the batch `b1` of three rows."""
    async with at_work(database_url, tmp_path) as mesh:
        await mesh.dataset("d", FIELDS)
        await mesh.append("d", "b1", TEXT)
        yield mesh


async def token(mesh: AtWork, arguments: str = "", catalog: str = "") -> str:
    field = f'dataset(name: "d") {{ streamUrl{arguments} {{ url method headers expiresAt }} }}'
    data = await mesh.ask(f"{{ {catalog} {{ {field} }} }}" if catalog else f"{{ {field} }}")
    found = (data["catalog"] if catalog else data)["dataset"]["streamUrl"]
    assert (found["method"], found["headers"]) == ("GET", {})
    assert found["url"].startswith("http://lakemesh.test/stream/")
    return str(found["url"].rpartition("/")[2])


async def streamed(mesh: AtWork, address: str) -> bytes:
    opened = await mesh.parts.mesh.record_streams.open(address, None, "c-1")
    return b"".join([piece async for piece in opened.pieces()])


async def lines(mesh: AtWork, address: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (await streamed(mesh, address)).splitlines()]


async def test_ndjson_is_a_row_on_each_line(mesh: AtWork) -> None:
    rows = await lines(mesh, await token(mesh, '(fields: ["n", "price", "j", "at"])'))
    assert rows == [
        {"_id": "b1-000000000000", "n": 1, "price": 2.5, "j": {"a": 1.0}, "at": "2024-02-29T12:00:00.000000Z"},
        {"_id": "b1-000000000001", "n": -(2**63), "price": None, "j": None, "at": "2024-02-29T11:00:00.000001Z"},
        {"_id": "b1-000000000002", "n": None, "price": -0.01, "j": None, "at": None},
    ]


async def test_csv_tells_an_empty_text_from_null(mesh: AtWork) -> None:
    text = (await streamed(mesh, await token(mesh, "(format: CSV)"))).decode()
    header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert header == ["_id", "_batch_id", "_created_at", "n", WORD, "price", "at", "j"]
    assert [row[3:] for row in rows] == [
        ["1", 'a "b", c\n日本', "2.50", "2024-02-29T12:00:00.000000Z", '{"a": 1.0}'],
        ["-9223372036854775808", "", "", "2024-02-29T11:00:00.000001Z", ""],
        ["", "", "-0.01", "", "null"],
    ]
    ends = text.split("\r\n")
    assert (len(ends), ends[-1]) == (5, "")
    assert ',-9223372036854775808,"",,' in ends[2]
    assert ",,,-0.01,," in ends[3]


@pytest.mark.parametrize("format", ["PARQUET", "ARROW"])
async def test_columns_keep_their_types(mesh: AtWork, format: str) -> None:
    content = await streamed(mesh, await token(mesh, f"(format: {format})"))
    source = io.BytesIO(content)
    table = pq.read_table(source) if format == "PARQUET" else pa.ipc.open_stream(source).read_all()
    assert table.select(list(VALUES)).to_pydict() == VALUES
    types = {name: str(table.schema.field(name).type) for name in ("_created_at", "n", "price")}
    assert types == {"_created_at": "timestamp[us, tz=UTC]", "n": "int64", "price": "decimal128(10, 2)"}
    assert list((mesh.parts.storage.root / ".staging").glob("*.part")) == []


async def test_no_row_is_still_a_file(mesh: AtWork) -> None:
    none = '(filter: [{field: "n", op: IN, value: []}], format: %s)'
    assert await streamed(mesh, await token(mesh, none % "NDJSON")) == b""
    assert len((await streamed(mesh, await token(mesh, none % "CSV"))).splitlines()) == 1
    arrow = pa.ipc.open_stream(await streamed(mesh, await token(mesh, none % "ARROW"))).read_all()
    parquet = pq.read_table(io.BytesIO(await streamed(mesh, await token(mesh, none % "PARQUET"))))
    assert (arrow.num_rows, parquet.num_rows, arrow.schema.names) == (0, 0, parquet.schema.names)


async def test_gives_the_rows_that_stand_when_it_is_used(mesh: AtWork) -> None:
    address = await token(mesh, '(fields: ["_batch_id"])')
    assert [row["_batch_id"] for row in await lines(mesh, address)] == ["b1"] * 3
    await mesh.append("d", "b2", TEXT)
    await mesh.do("quarantineBatch", batchId="b1", reason="wrong")
    assert [row["_batch_id"] for row in await lines(mesh, address)] == ["b2"] * 3


async def test_of_a_catalog_of_the_past_it_gives_that_or_nothing(mesh: AtWork) -> None:
    position = await mesh.parts.mesh.events.head()
    await mesh.append("d", "b2", TEXT)
    address = await token(mesh, '(fields: ["_batch_id"])', f"catalog(atPosition: {position})")
    assert [row["_batch_id"] for row in await lines(mesh, address)] == ["b1"] * 3
    await mesh.do("quarantineBatch", batchId="b1", reason="wrong")
    with pytest.raises(PreconditionFailed, match="batch 'b1' is quarantined or expired now"):
        await streamed(mesh, address)


async def test_a_field_dropped_since_is_named(mesh: AtWork) -> None:
    address = await token(mesh, '(fields: ["j"])')
    await mesh.do("evolveSchema", dataset="d", fields=FIELDS[:-1], compatibility="NONE")
    with pytest.raises(BadUserInput, match="column 'j' is not in the rows of this layer"):
        await streamed(mesh, address)


async def test_refuses_forged_foreign_and_expired_addresses(mesh: AtWork) -> None:
    streams = mesh.parts.mesh.record_streams
    sealer = streams._addresses._sealer
    for forged in ("", "AAAA" * 30, sealer.seal(CURSOR, zlib.compress(b"{}"))):
        with pytest.raises(Forbidden, match="this address was not made by this server"):
            await streams.open(forged, None, "c-1")
    address = await token(mesh)
    later = RecordStreams(
        mesh.parts.mesh.records,
        mesh.parts.engine,
        mesh.parts.storage,
        sealer,
        mesh.parts.mesh.access_audit,
        lambda: datetime.now(UTC) + timedelta(minutes=15),
    )
    with pytest.raises(AddressExpired, match="this address expired at"):
        await later.open(address, None, "c-1")
    assert sealer.open(ADDRESS, address)
    earlier = sealer.seal(ADDRESS, zlib.compress(b'{"dataset": "dataset:d", "layer": "BRONZE"}'))
    with pytest.raises(AddressExpired, match="made by an earlier version"):
        await streams.open(earlier, None, "c-1")


async def test_refuses_a_filter_too_long_for_an_address(mesh: AtWork) -> None:
    head = await mesh.parts.mesh.events.head()
    table = await mesh.context(mesh.admin).table(Layer.BRONZE, "dataset:d", head)
    many = tuple(f"{place * 7919:x}{place**3:x}" for place in range(900))
    asked = Selection(filters=(Asked(field=WORD, op=FilterOp.IN, value=list(many)),))
    with pytest.raises(LimitExceeded, match="8000 are allowed"):
        mesh.parts.mesh.record_streams.address(
            table, asked, None, DataFormat.NDJSON, position=None, reading=mesh.context(mesh.admin).reading
        )
    assert await mesh.parts.mesh.records.count(table, asked) == 0
