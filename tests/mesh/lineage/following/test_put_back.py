"""A database that was put back to a backup: the graph is that of the log that stands, not of the one that is gone."""

from functools import partial

from server.mesh.lineage.following.follower import LineageFollower
from tests.mesh.lineage.following.mesh_log import MeshLog, registered


async def test_a_database_put_back_to_a_backup_is_loaded_anew(log: MeshLog) -> None:
    follower = LineageFollower(log.pool)
    await log.append(registered("a", "b"))
    await log.append(registered("b", "c"))
    await follower.now()
    await put_back(log)
    back = await follower.now()
    assert (back.position, back.size(), follower.version) == (1, 1, 1)
    await log.append(registered("c", "x"))
    await log.append(registered("x", "y"))
    assert set(log.shown(await follower.now(), 3)) == {
        ("dataset:a", "dataset:b"),
        ("dataset:c", "dataset:x"),
        ("dataset:x", "dataset:y"),
    }


async def test_another_log_of_the_same_length_is_not_taken_for_the_one_that_was_read(log: MeshLog) -> None:
    follower = LineageFollower(log.pool)
    await log.append(registered("a", "b"))
    await log.append(registered("b", "c"))
    await follower.now()
    await put_back(log)
    assert await log.append(registered("c", "x")) == 2
    graph = await follower.now()
    assert (graph.position, follower.version) == (2, 2)
    assert set(log.shown(graph, 2)) == {("dataset:a", "dataset:b"), ("dataset:c", "dataset:x")}


async def test_a_head_before_the_graph_is_that_of_a_backup(log: MeshLog) -> None:
    follower = LineageFollower(log.pool)
    await log.append(registered("a", "b"))
    await log.append(registered("b", "c"))
    graph = await follower.now()
    head = partial(log.pool.fetchval, "select position from event_head")
    assert await follower.stood(head) == 2
    assert await follower.at(2) is graph
    await put_back(log)
    assert await follower.stood(head) == 1
    await log.append(registered("c", "x"))  # by another process: this one has looked at nothing but the head
    assert set(log.shown(await follower.at(2), 2)) == {("dataset:a", "dataset:b"), ("dataset:c", "dataset:x")}


async def put_back(log: MeshLog) -> None:
    """The database as it stood after the first of two events."""
    await log.pool.execute("alter table events disable trigger all")
    await log.pool.execute("delete from events where position = 2")
    await log.pool.execute("delete from lineage_edge where valid_from = 2")
    await log.pool.execute("delete from lineage_asset where number = 2")
    await log.pool.execute("update event_head h set position = 1, hash = e.hash from events e where e.position = 1")
