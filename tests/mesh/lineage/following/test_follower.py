"""Following the log: every process has the graph that the events add up to, as soon as it asks."""

import asyncio
import gc
import random
from collections.abc import Sequence

import asyncpg
import pytest

from server.adapters.lineage.graph import EdgeChange, LineageGraph
from server.adapters.postgres.away import PostgresAway
from server.adapters.postgres.connections import open_pool
from server.adapters.store.rebuild import SHADOW, rebuild, swap
from server.mesh.lineage.facts import Event
from server.mesh.lineage.following import changes, loading
from server.mesh.lineage.following import follower as following
from server.mesh.lineage.following.follower import LineageFollower
from server.mesh.lineage.following.standing import Ahead, Standing, standing
from server.mesh.slices import CODEC, PROJECTIONS, TABLES
from tests.mesh.lineage.following.mesh_log import MeshLog, loaded, reached_in_sql, registered, removed

ASSETS = [f"d{number}" for number in range(12)]


def some(log: MeshLog, source: random.Random) -> list[Event]:
    """One to four events that may follow: edges that begin, change and end; at times all of an asset's."""
    events: list[Event] = []
    touched: set[tuple[str, str]] = set()
    for _ in range(source.randrange(1, 5)):
        standing = sorted(pair for pair in log.standing - touched)
        if standing and source.random() < 0.35:
            ends = source.choice(standing)
            gone = [p for p in standing if source.choice(ends) in p] if source.random() < 0.2 else [ends]
            events += [removed(*(urn.partition(":")[2] for urn in pair)) for pair in gone]
            touched |= set(gone)
        else:
            one, other = source.sample(ASSETS, 2)
            pair = (f"dataset:{one}", f"dataset:{other}")
            if pair not in touched:
                kind, confidence = source.randrange(3), source.choice([1.0, 0.9, 0.5])
                events.append(registered(one, other, kind=kind, confidence=confidence))
                touched.add(pair)
    return events


@pytest.mark.parametrize("seed", range(4))
async def test_live_fresh_and_replayed_graphs_and_sql_agree_at_every_position(
    log: MeshLog, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "TOGETHER", (2_000, 1, 2, 3)[seed])
    source = random.Random(seed)
    often, seldom = LineageFollower(log.pool), LineageFollower(log.pool)
    for follower in (often, seldom):
        await follower.start()
    head = 0
    for number in range(60):
        events = some(log, source)
        head = await (log.append(*events) if events else log.something_else())
        assert log.shown(await often.at(head), head) == log.replayed(head)
        if number % 10 == source.randrange(10):
            assert log.shown(await seldom.now(), head) == log.replayed(head)
        before = source.randrange(head + 1)
        assert log.shown(await often.at(before), before) == log.replayed(before)
    graphs = [await often.now(), await seldom.now(), await loaded(log.pool)]
    assert [graph.position for graph in graphs] == [head] * 3
    for position in (head, *source.sample(range(head), 6)):
        truth = await reached_in_sql(log.pool, position)
        assert all(log.reached(graph, position) == truth for graph in graphs)
        assert all(log.shown(graph, position) == log.replayed(position) for graph in graphs)
    assert {graph.size() for graph in graphs} == {len(log.standing)}
    assert {follower.version for follower in (often, seldom)} == {len(log.said)}


async def test_what_was_committed_before_the_question_is_in_the_answer(log: MeshLog, database_url: str) -> None:
    async with asyncio.TaskGroup() as askers:
        pool = await open_pool(database_url)
        followers = [LineageFollower(log.pool), LineageFollower(pool)]

        async def ask(follower: LineageFollower) -> None:
            for _ in range(100):
                seen = len(log.said)  # committed
                graph = await follower.now()
                assert graph.size() >= seen
                assert graph.position >= seen

        async def write() -> None:
            for number in range(100):
                await log.append(registered(f"a{number}", f"b{number}"))

        askers.create_task(write())
        for follower in followers:
            for _ in range(3):
                askers.create_task(ask(follower))
    assert [(await follower.now()).size() for follower in followers] == [100, 100]
    await pool.close()


async def test_a_graph_that_is_there_already_costs_no_question(log: MeshLog) -> None:
    follower = LineageFollower(log.pool)
    head = await log.append(registered("a", "b"))
    graph = await follower.at(head)
    await log.append(registered("b", "c"))
    assert await follower.at(head) is graph
    assert (graph.position, graph.size()) == (head, 1)
    assert log.shown(await follower.now(), head) == {("dataset:a", "dataset:b"): (0, 1.0)}


async def test_a_position_moves_on_where_nothing_concerned_lineage(log: MeshLog) -> None:
    follower = LineageFollower(log.pool)
    await log.append(registered("a", "b"))
    graph = await follower.now()
    head = await log.something_else()
    assert await follower.at(head) is graph
    assert (graph.position, graph.last_change, follower.version) == (2, 1, 1)


async def test_many_who_ask_at_once_share_a_statement(log: MeshLog, monkeypatch: pytest.MonkeyPatch) -> None:
    follower = LineageFollower(log.pool)
    await follower.start()
    asked: list[int] = []
    release = asyncio.Event()

    async def counted(pool: asyncpg.Pool, seen: Standing) -> Ahead:
        asked.append(1)
        if len(asked) == 1:
            await release.wait()
        return await standing(pool, seen)

    monkeypatch.setattr(following, "standing", counted)
    first = asyncio.create_task(follower.now())
    while not asked:
        await asyncio.sleep(0)
    head = await log.append(registered("a", "b"))
    later = [asyncio.create_task(follower.at(head)) for _ in range(20)]
    gone = asyncio.create_task(follower.now())
    await asyncio.sleep(0)
    gone.cancel()
    release.set()
    graphs = await asyncio.gather(first, *later)
    assert len(asked) == 2
    assert {graph.position for graph in graphs} == {head}


async def test_behind_a_great_gap_the_graph_is_loaded_anew(log: MeshLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST", 5)
    follower = LineageFollower(log.pool)
    await log.append(registered("a", "b"))
    first = await follower.now()
    await log.append(*(registered("b", f"c{number}") for number in range(5)))
    assert await follower.now() is first
    head = await log.append(*(removed("b", f"c{number}") for number in range(5)), registered("b", "d"))
    second = await follower.now()
    assert second is not first
    assert log.shown(second, head) == log.replayed(head)
    assert log.shown(second, head - 3) == log.replayed(head - 3)


async def test_many_changes_are_applied_in_parts_that_nobody_reads_half(
    log: MeshLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "TOGETHER", 3)
    follower = LineageFollower(log.pool)
    before = await log.append(registered("a", "b"))
    await follower.now()
    head = await log.append(removed("a", "b"), *(registered("b", f"c{number}") for number in range(10)))
    catching_up = asyncio.create_task(follower.now())
    while not catching_up.done():
        graph = await follower.at(before)
        assert log.shown(graph, before) == {("dataset:a", "dataset:b"): (0, 1.0)}
        await asyncio.sleep(0)
    assert log.shown(await catching_up, head) == log.replayed(head)


async def test_a_graph_whose_changes_could_not_all_be_applied_is_loaded_anew(
    log: MeshLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = LineageFollower(log.pool)
    await log.append(registered("a", "b"))
    first = await follower.now()
    head = await log.append(registered("b", "c"), registered("c", "d"))
    apply = LineageGraph.apply

    def once(graph: LineageGraph, changes: Sequence[EdgeChange]) -> None:
        monkeypatch.setattr(LineageGraph, "apply", apply)
        apply(graph, changes[:1])
        raise MemoryError

    monkeypatch.setattr(LineageGraph, "apply", once)
    with pytest.raises(MemoryError):
        await follower.now()
    second = await follower.now()
    assert second is not first
    assert log.shown(second, head) == log.replayed(head)


async def test_while_postgres_is_away_the_graph_stays_as_it_was(log: MeshLog, database_url: str) -> None:
    pool = await open_pool(database_url, size=1)
    follower = LineageFollower(pool)
    head = await log.append(registered("a", "b"))
    graph = await follower.now()
    await log.append(registered("b", "c"))
    (mine,) = [row["pid"] for row in await pool.fetch("select pg_backend_pid() as pid")]
    async with log.pool.acquire() as other, other.transaction():
        await other.execute("lock table event_head in access exclusive mode")
        asking = [asyncio.create_task(follower.now()) for _ in range(3)]
        waiting = "select exists (select from pg_locks where pid = $1 and not granted)"
        while not await log.pool.fetchval(waiting, mine):
            await asyncio.sleep(0)
        await log.pool.execute("select pg_terminate_backend($1)", mine)
        for asked in asking:
            with pytest.raises(PostgresAway):
                await asked
    assert await follower.at(head) is graph
    assert (graph.position, graph.size()) == (head, 1)
    assert await follower.now() is graph
    assert graph.size() == 2
    await pool.close()


async def test_a_large_graph_loads_behind_the_start_and_who_asks_waits_for_it(
    log: MeshLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "LARGE", 2)
    head = await log.append(registered("a", "b"), registered("b", "c"))
    follower = LineageFollower(log.pool)
    async with log.pool.acquire() as other:
        async with other.transaction():
            await other.execute("lock table lineage_asset in access exclusive mode")
            await follower.start()
            asked = [asyncio.create_task(follower.at(head)), asyncio.create_task(follower.now())]
            while not await other.fetchval("select exists (select from pg_locks where not granted)"):
                await asyncio.sleep(0)
            assert not any(one.done() for one in asked)
        graphs = await asyncio.gather(*asked)
    assert [log.shown(graph, head) for graph in graphs] == [log.replayed(head)] * 2
    assert graphs[0] is graphs[1]
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    gc.unfreeze()
    await follower.stop()


async def test_stopping_ends_a_load_that_is_under_way(log: MeshLog) -> None:
    follower = LineageFollower(log.pool)
    async with log.pool.acquire() as other, other.transaction():
        await other.execute("lock table lineage_edge in access exclusive mode")
        asked = asyncio.create_task(follower.now())
        while not await other.fetchval("select exists (select from pg_locks where not granted)"):
            await asyncio.sleep(0)
        await follower.stop()
        with pytest.raises(asyncio.CancelledError):
            await asked


async def test_a_load_that_meets_the_swap_of_a_rebuild_finds_every_row(log: MeshLog, database_url: str) -> None:
    head = await log.append(registered("a", "b"), registered("b", "c"))
    other = await asyncpg.connect(database_url)
    async with other.transaction():
        await other.execute("lock table lineage_edge in access exclusive mode")
        loads = asyncio.create_task(loading.load(log.pool))
        while not await other.fetchval("select exists (select from pg_locks where not granted)"):
            await asyncio.sleep(0)
        await other.execute(f"create table lineage_edge{SHADOW} (like lineage_edge including all)")
        await other.execute(f"insert into lineage_edge{SHADOW} select * from lineage_edge")
        await swap(other, "lineage_edge")
    await other.close()
    assert log.shown((await loads).graph, head) == log.replayed(head)


async def test_a_rebuild_of_the_read_tables_changes_nothing(log: MeshLog, database_url: str) -> None:
    follower = LineageFollower(log.pool)
    await log.append(registered("a", "b"), registered("b", "c"), registered("c", "d"))
    await log.append(removed("b", "c"))
    graph = await follower.now()
    connection = await asyncpg.connect(database_url)
    await rebuild(connection, CODEC, PROJECTIONS, TABLES)
    await connection.close()
    head = await log.append(registered("b", "e"), registered("a", "b", confidence=0.5))
    assert await follower.now() is graph
    fresh = await loaded(log.pool)
    for position in range(1, head + 1):
        assert log.shown(graph, position) == log.shown(fresh, position) == log.replayed(position)
    assert [graph.urn(number) for number in range(5)] == [fresh.urn(number) for number in range(5)]
