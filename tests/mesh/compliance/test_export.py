"""Exports of the audit trail: every event once and in order, in every format, under a signature that holds."""

import asyncio
import csv
import hashlib
import io
import re
import subprocess
import sys
import tracemalloc
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import asyncpg
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from server.adapters.checkpoints.signing import CheckpointKey
from server.adapters.sealed_addresses import AddressExpired
from server.kernel.data_format import DataFormat
from server.kernel.errors import BadUserInput, Forbidden, NotFound
from server.mesh.compliance import export
from server.mesh.compliance.period import Period
from tests.mesh.compliance.conftest import HISTORY, OF_EU, Exports
from tests.mesh.compliance.histories import EU, START, Past, read, stand

PAGE = Path(__file__).parents[3] / "docs" / "compliance.md"


def split(content: bytes) -> tuple[bytes, list[dict[str, Any]], bytes]:
    """The bytes before the last line, their lines, and the last line."""
    *lines, last = content.splitlines(keepends=True)
    return b"".join(lines), [orjson.loads(line) for line in lines], last


def shown(position: int) -> dict[str, Any]:
    """An event of HISTORY as an export shows it."""
    past: Past = HISTORY[position - 1]
    return {
        "position": position,
        "type": type(past.event).__name__,
        "stream": past.stream,
        "version": [one.stream for one in HISTORY[:position]].count(past.stream),
        "actor": "ann",
        "correlationId": f"c{position}",
        "recordedAt": f"2026-01-01T00:00:0{past.second}.000000Z",
        "data": {name: getattr(past.event, name) for name in past.event.__dataclass_fields__},
        "hash": "01",
    }


async def test_ndjson_is_an_event_on_each_line_and_a_signed_last_one(exports: Exports) -> None:
    body, lines, last = split(await exports.trail())
    assert lines == [shown(position) for position in OF_EU]
    assert exports.proven(last) == {
        "statement": "lakemesh-audit-export-1",
        "lake": "lake:eu",
        "from": None,
        "to": "2026-01-01T00:00:05.000000Z",
        "format": "NDJSON",
        "afterPosition": 0,
        "uptoPosition": 9,
        "count": 4,
        "firstPosition": 1,
        "lastPosition": 9,
        "sha256": hashlib.sha256(body).hexdigest(),
    }


async def test_csv_gives_every_cell_as_it_is(exports: Exports) -> None:
    text = (await exports.trail(DataFormat.CSV)).decode()
    header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert header == ["position", "type", "stream", "version", "actor", "correlationId", "recordedAt", "data", "hash"]
    for row, position in zip(rows, OF_EU, strict=True):
        found: dict[str, Any] = dict(zip(header, row, strict=True))
        found |= {name: int(found[name]) for name in ("position", "version")} | {"data": orjson.loads(found["data"])}
        assert found == shown(position)
    assert text.count("\r\n") == 5


@pytest.mark.parametrize("format", [DataFormat.PARQUET, DataFormat.ARROW])
async def test_tables_keep_their_types(exports: Exports, format: DataFormat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "GROUP", 3)
    source = io.BytesIO(await exports.trail(format))
    table = pq.read_table(source) if format is DataFormat.PARQUET else pa.ipc.open_stream(source).read_all()
    for row, position in zip(table.to_pylist(), OF_EU, strict=True):
        data, at = orjson.loads(row.pop("data")), row.pop("recordedAt")
        assert {**row, "data": data, "recordedAt": at.isoformat(timespec="microseconds")} == {
            **shown(position),
            "recordedAt": shown(position)["recordedAt"].replace("Z", "+00:00"),
        }
    assert [str(kind) for kind in table.schema.types] == [
        *("int64", "string", "string", "int32", "string", "string", "timestamp[us, tz=UTC]", "string", "string"),
    ]


@pytest.mark.parametrize("format", list(DataFormat))
async def test_the_detached_signature_is_about_the_very_bytes(exports: Exports, format: DataFormat) -> None:
    token = await exports.token(format)
    content, signed = await exports.content(token), await exports.service.signature(token)
    if format is DataFormat.NDJSON:
        content, _, last = split(content)
        assert last == signed
    said = exports.proven(signed)
    assert (said["format"], said["count"], said["sha256"]) == (format.value, 4, hashlib.sha256(content).hexdigest())
    assert await exports.service.signature(token) == signed


@pytest.mark.parametrize("format", list(DataFormat))
async def test_no_event_is_still_a_file(exports: Exports, format: DataFormat) -> None:
    token = await exports.token(format, Period(to=START - timedelta(days=1)))
    content = await exports.content(token)
    if format is DataFormat.NDJSON:
        assert content == await exports.service.signature(token)
    if format is DataFormat.CSV:
        assert len(content.splitlines()) == 1
    if format is DataFormat.PARQUET:
        assert pq.read_table(io.BytesIO(content)).num_rows == 0
    if format is DataFormat.ARROW:
        assert pa.ipc.open_stream(content).read_all().num_rows == 0
    said = exports.proven(await exports.service.signature(token))
    assert (said["count"], said["firstPosition"], said["lastPosition"]) == (0, None, None)


@pytest.mark.parametrize(("group", "stride"), [(1, 1), (1, 100), (2, 3), (4, 9), (100, 2)])
async def test_however_the_log_is_cut_no_event_is_lost_or_told_twice(
    exports: Exports, monkeypatch: pytest.MonkeyPatch, group: int, stride: int
) -> None:
    whole = await exports.trail()
    monkeypatch.setattr(export, "GROUP", group)
    monkeypatch.setattr(export, "STRIDE", stride)
    assert await exports.trail() == whole


async def test_a_period_has_the_events_from_its_first_to_its_last_instant(exports: Exports) -> None:
    period = Period(since=START + timedelta(seconds=2), to=START + timedelta(seconds=4))
    _, lines, last = split(await exports.trail(period=period))
    assert [line["position"] for line in lines] == [4, 7]
    said = exports.proven(last)
    bounds = (said["from"], said["to"], said["afterPosition"], said["uptoPosition"])
    assert bounds == ("2026-01-01T00:00:02.000000Z", "2026-01-01T00:00:04.000000Z", 3, 8)


async def test_ends_where_the_log_stood_when_the_address_was_made(
    exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "GROUP", 1)
    token = await exports.token()
    opened = await exports.service.open(token)
    pieces = opened.pieces()
    content = await anext(pieces) + await anext(pieces)
    async with exports.pool.acquire() as connection:
        more = [read(EU, "a", "late", 6) for _ in range(20)]
        await stand(cast(asyncpg.Connection, connection), [*HISTORY, *more], behind=len(HISTORY))
    content += b"".join([piece async for piece in pieces])
    assert [line["position"] for line in split(content)[1]] == OF_EU
    assert await exports.content(token) == content
    assert len(split(await exports.trail())[1]) == 24


async def test_holds_no_connection_while_its_client_takes_its_time(exports: Exports) -> None:
    pieces = (await exports.service.open(await exports.token())).pieces()
    await anext(pieces)
    await anext(pieces)
    async with asyncio.timeout(30):  # the pool has one connection
        assert await exports.pool.fetchval("select 1") == 1
    await pieces.aclose()
    assert (exports.pool.get_size(), exports.pool.get_idle_size()) == (1, 1)


async def test_a_client_that_leaves_while_postgres_answers_frees_the_connection(exports: Exports) -> None:
    pieces = (await exports.service.open(await exports.token())).pieces()
    await anext(pieces)
    reading = asyncio.ensure_future(anext(pieces))
    while exports.pool.get_idle_size() == 1:  # until it reads
        await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await exports.pool.fetchval("select 1") == 1
    assert (exports.pool.get_size(), exports.pool.get_idle_size()) == (1, 1)


async def test_a_hundred_thousand_events_pass_in_the_memory_of_some(exports: Exports) -> None:
    await exports.pool.execute(
        "insert into events select 9 + n, 'lake:eu', 100 + n, 'AccessAudited',"
        " jsonb_build_object('purpose', repeat('p', 200)), jsonb_build_object('about', jsonb_build_array('lake:eu'),"
        " 'actor', 'ann', 'correlation_id', 'c'), now(), '\\x01' from generate_series(1, 100000) n"
    )
    opened = await exports.service.open(await exports.token())
    size, digest, tail = 0, hashlib.sha256(), b""
    tracemalloc.start()
    try:
        async for piece in opened.pieces():
            digest.update(tail)
            size, tail = size + len(piece), piece
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    said = exports.proven(tail)
    assert (said["count"], said["lastPosition"], said["sha256"]) == (100_004, 100_009, digest.hexdigest())
    assert size > 38_000_000
    assert peak < 8_000_000


async def test_an_address_works_for_a_quarter_of_an_hour(exports: Exports) -> None:
    token = await exports.token()
    exports.now += timedelta(minutes=14)
    assert (await exports.service.open(token)).filename == "eu-audit.ndjson"
    exports.now += timedelta(minutes=1)
    for use in (exports.service.open, exports.service.signature):
        with pytest.raises(AddressExpired, match=r"this address expired at .*; ask exportAudit again"):
            await use(token)


async def test_refuses_an_address_that_it_did_not_make(exports: Exports) -> None:
    token = await exports.token()
    forged = ("x", token[:-1] + ("A" if token[-1] != "A" else "B"), exports.sealer.seal("address", b"{}"))
    for text in forged:
        for use in (exports.service.open, exports.service.signature):
            with pytest.raises(Forbidden, match="this export address was not made by this server"):
                await use(text)


async def test_refuses_an_unknown_lake_and_a_period_that_ends_before_it_begins(exports: Exports) -> None:
    with pytest.raises(NotFound, match="data lake 'nowhere' is not known"):
        await exports.token(lake="nowhere")
    with pytest.raises(NotFound, match="data lake 'us' is not known"):
        await exports.token(lake="us", position=1)
    with pytest.raises(BadUserInput, match=r"from .* lies after"):
        await exports.token(period=Period(since=START + timedelta(seconds=3), to=START))


@pytest.mark.parametrize("format", [DataFormat.NDJSON, DataFormat.CSV])
async def test_the_documented_check_finds_every_change(exports: Exports, tmp_path: Path, format: DataFormat) -> None:
    token = await exports.token(format)
    trail, signature, script = tmp_path / "trail", tmp_path / "signature", tmp_path / "check.py"
    trail.write_bytes(await exports.content(token))
    signature.write_bytes(await exports.service.signature(token))
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (code,) = [block for block in blocks if "uptoPosition" in block]
    script.write_text(code, "utf-8")
    detached = [] if format is DataFormat.NDJSON else [str(signature)]
    check = partial(subprocess.run, capture_output=True, text=True, check=False)
    command = [sys.executable, str(script), str(trail)]
    found = check([*command, exports.key.public_key, *detached])
    assert (found.stdout, found.returncode) == ("intact: 4 events of lake:eu up to position 9\n", 0), found.stderr
    other = CheckpointKey(tmp_path / "other.key").public_key
    assert "InvalidSignature" in check([*command, other, *detached]).stderr
    trail.write_bytes(trail.read_bytes().replace(b"@eve", b"@bob"))
    assert "these are not the bytes that were signed" in check([*command, exports.key.public_key, *detached]).stderr
