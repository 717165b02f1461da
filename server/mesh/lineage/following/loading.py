"""Loading: the whole lineage graph out of one snapshot of Postgres, by binary COPY."""

import asyncio
import gc
import struct

import asyncpg
import numpy as np
from asyncpg.pool import PoolConnectionProxy

from server.adapters.lineage.graph import Intervals, LineageGraph
from server.kernel.record import record
from server.mesh.lineage.following.standing import Standing, standing

LARGE = 20_000  # edges, closed ones counted, from which building takes long enough to be felt

# A replaced read table shows none of its rows to a snapshot from before: the tables are held first.
_HOLD_SQL = "lock table lineage_asset, lineage_edge in access share mode"
_ASSETS_SQL = "select urn from lineage_asset order by number"
_EDGES_SQL = "select source_number, target_number, kind, confidence, valid_from, valid_to from lineage_edge"
_SIZE_SQL = "select count(*) from (select from lineage_edge limit $1) counted"

# Binary COPY: a signature, flags, the length of an extension; rows of a count and, before each value, its length; -1.
_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_ROW = np.dtype(
    [
        ("values", ">i2"),
        *(("", ">i4"), ("source", ">i4")),
        *(("", ">i4"), ("target", ">i4")),
        *(("", ">i4"), ("kind", ">i2")),
        *(("", ">i4"), ("confidence", ">f8")),
        *(("", ">i4"), ("valid_from", ">i8")),
        *(("", ">i4"), ("valid_to", ">i8")),
    ]
)


@record
class Loaded:
    """A graph, and where the log stood that it reflects."""

    graph: LineageGraph
    standing: Standing


async def small(pool: asyncpg.Pool) -> bool:
    """Whether the graph loads at once."""
    return int(await pool.fetchval(_SIZE_SQL, LARGE)) < LARGE


async def load(pool: asyncpg.Pool) -> Loaded:
    """The graph as of the head, built in a thread."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(_HOLD_SQL)
        stands = await standing(connection)
        urns = await _copied(connection, _ASSETS_SQL, "text")
        rows = await _copied(connection, _EDGES_SQL, "binary")
    return await asyncio.to_thread(_built, urns, rows, stands)


async def _copied(connection: PoolConnectionProxy, query: str, form: str) -> bytearray:
    """What COPY answers."""
    copied = bytearray()

    async def take(block: bytes) -> None:
        copied.extend(block)

    await connection.copy_from_query(query, output=take, format=form)
    return copied


def _built(urns: bytearray, rows: bytearray, stands: Standing) -> Loaded:
    """The graph of both answers; a large one is kept out of the way of the collector, which would walk all of it."""
    edges = columns(rows)
    collecting = gc.isenabled() and len(edges.source) >= LARGE
    if collecting:
        gc.disable()
    try:
        names = urns.decode("ascii").split("\n")[:-1]
        graph = LineageGraph()
        graph.load(names, edges)
        if collecting:
            gc.freeze()
    finally:
        if collecting:
            gc.enable()
    graph.position = stands.position
    return Loaded(graph=graph, standing=stands)


def columns(copied: bytearray) -> Intervals:
    """The rows of a binary COPY of edges, column by column."""
    assert copied.startswith(_SIGNATURE), "a binary COPY begins with its signature"
    (extension,) = struct.unpack_from(">i", copied, len(_SIGNATURE) + 4)
    start = len(_SIGNATURE) + 8 + extension
    count, rest = divmod(len(copied) - start - 2, _ROW.itemsize)
    assert rest == 0, "a row of lineage_edge has another width"
    rows = np.frombuffer(copied, _ROW, count, start)
    return Intervals(
        source=rows["source"].astype(np.int32),
        target=rows["target"].astype(np.int32),
        kind=rows["kind"].astype(np.int8),
        confidence=rows["confidence"].astype(np.float64),
        valid_from=rows["valid_from"].astype(np.int64),
        valid_to=rows["valid_to"].astype(np.int64),
    )
