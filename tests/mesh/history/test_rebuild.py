"""A rebuild makes the read tables of a whole mesh again, row for row."""

import asyncpg

from server.adapters.store.rebuild import rebuild
from server.mesh.slices import CODEC, PROJECTIONS, TABLES
from tests.graph.test_mesh_history import rows
from tests.mesh.history.conftest import OpenedMesh
from tests.mesh.history.twins import Twin, tell
from tests.mesh.history.whole import whole


async def test_every_read_table_is_the_same_again(meshes: OpenedMesh) -> None:
    mesh = await meshes()
    tale = whole(8, 2_000)
    head = await tell(mesh.url, tale.appends)
    connection = await asyncpg.connect(mesh.url)
    before = await rows(connection)
    assert [name for name, stored in before.items() if not stored] == []
    assert before.keys() == {"lineage_asset", *(str(table.__tablename__) for table in TABLES)}
    done = await rebuild(connection, CODEC, PROJECTIONS, TABLES)
    assert done.events == head
    assert await rows(connection) == before
    await connection.close()


async def test_a_log_that_came_in_pieces_makes_the_same_tables(meshes: OpenedMesh) -> None:
    whole_mesh, own = await meshes(), await meshes()
    tale = whole(9, 1_000)
    head = await tell(whole_mesh.url, tale.appends)
    twin = Twin(whole_mesh.pool, own.pool)
    for position in range(99, head, 99):
        await twin.give(position)
    await twin.give(head)
    async with whole_mesh.pool.acquire() as one, own.pool.acquire() as other:
        assert await rows(one) == await rows(other)
