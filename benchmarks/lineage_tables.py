"""The mesh of the lineage benchmarks in the tables of a real database, as if each edge had been registered."""

from collections.abc import Iterator

import asyncpg
from lineage_mesh import Mesh

_LOGGED = """
insert into events (position, stream, version, type, data, meta, recorded_at, hash)
select valid_from, 'lineage:declared', valid_from, 'LineageRegistered', '{}', '{"shape": 1, "about": []}',
  registered_at, sha256(id::bytea)
from lineage_edge where valid_from > $1
"""
_HEAD = """
update event_head set position = e.position, hash = e.hash, recorded_at = e.recorded_at
from (select * from events order by position desc limit 1) e
"""
_DATASETS = """
insert into dataset (id, valid_from, valid_to, name, revision, fields, schema_version, encryption_enabled,
  created_at, updated_at)
select urn, 1, 9223372036854775807, substr(urn, 9), 1, '[]', 1, false, now(), now() from lineage_asset
"""
_EDGES = """
insert into lineage_edge (id, source, target, source_number, target_number, kind, confidence, valid_from, valid_to,
  transformation, metadata, columns, closes_loop, position, registered_at)
select 'lineage:' || s.urn || '>' || t.urn, s.urn, t.urn, source, target, kind, confidence, valid_from, valid_to,
  '', '{}', '[]', false, valid_from, now()
from given join lineage_asset s on s.number = source join lineage_asset t on t.number = target where valid_from > $1
"""


async def fill(connection: asyncpg.Connection, mesh: Mesh) -> None:
    """Put the mesh into the empty tables: assets with their datasets, edges, one event for each of them."""
    await connection.copy_records_to_table(
        "lineage_asset", records=list(enumerate(mesh.urns)), columns=["number", "urn"]
    )
    await connection.execute(_DATASETS)
    await connection.execute(
        "create temp table given (source int, target int, kind smallint, confidence float8, valid_from bigint,"
        " valid_to bigint)"
    )
    await connection.copy_records_to_table("given", records=list(rows(mesh)))
    await append(connection, 0)
    await connection.execute("vacuum analyze")


def rows(mesh: Mesh) -> Iterator[tuple[int, int, int, float, int, int]]:
    """The intervals, one by one."""
    edges = mesh.edges
    columns = (edges.source, edges.target, edges.kind, edges.confidence, edges.valid_from, edges.valid_to)
    return zip(*(column.tolist() for column in columns), strict=True)


async def append(connection: asyncpg.Connection, after: int) -> None:
    """Register all edges that are given and lie behind a position."""
    await connection.execute(_EDGES, after)
    await connection.execute(_LOGGED, after)
    await connection.execute(_HEAD)


async def register(connection: asyncpg.Connection, edges: list[tuple[int, int]]) -> None:
    """Register new edges between assets that are there, by number."""
    head = await connection.fetchval("select position from event_head")
    given = [
        (source, target, 0, 1.0, head + 1 + n, 9_223_372_036_854_775_807) for n, (source, target) in enumerate(edges)
    ]
    async with connection.transaction():
        await connection.copy_records_to_table("given", records=given)
        await append(connection, head)
