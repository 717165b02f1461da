"""Registering and removing at random, together, and from two processes: always what a plain model says."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import asyncpg
import pytest

from server.adapters.postgres.connections import connect, open_engine, open_pool
from server.adapters.postgres.migrate import migrate
from server.adapters.side_process.process import SideProcess
from server.adapters.store.rebuild import rebuild
from server.adapters.store.verify import verify
from server.database import Database, open_store
from server.kernel.errors import NotFound, PreconditionFailed, Refused
from server.kernel.ids import Urn
from server.kernel.intent import Intent
from server.mesh.lineage.assets import Assets
from server.mesh.lineage.claims import Claim
from server.mesh.lineage.columns.from_sql import SqlColumns
from server.mesh.lineage.facts import LineageRemoved
from server.mesh.lineage.following.follower import LineageFollower
from server.mesh.lineage.service import LineageService
from server.mesh.slices import CODEC, PROJECTIONS, TABLES

ROWS = "select to_jsonb(t) from {} t order by id, valid_from"


@dataclass
class Mesh:
    """Two services on one database, each with a writer and a graph of its own as two processes have them."""

    pool: asyncpg.Pool
    services: tuple[LineageService, LineageService]

    @property
    def service(self) -> LineageService:
        return self.services[0]

    async def standing(self) -> set[tuple[int, int]]:
        rows = await self.pool.fetch("select source, target from lineage_edge where valid_to = 9223372036854775807")
        return {(int(row["source"].rpartition("/")[2]), int(row["target"].rpartition("/")[2])) for row in rows}

    async def head(self) -> int:
        return int(await self.pool.fetchval("select position from event_head"))


@pytest.fixture
async def mesh(database_url: str) -> AsyncIterator[Mesh]:
    engine = open_engine(database_url)
    await migrate(engine)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        pool = await open_pool(database_url)
        stack.push_async_callback(pool.close)
        database = Database(dsn=database_url, listen_dsn=database_url, pool=pool, engine=engine, label="Postgres")
        first, second = [await open_service(database, stack) for _ in range(2)]
        yield Mesh(pool, (first, second))


async def open_service(database: Database, stack: AsyncExitStack) -> LineageService:
    store = await open_store(database, stack)
    follower, columns = LineageFollower(database.pool), SqlColumns(SideProcess(), store.reader)
    stack.push_async_callback(follower.stop)
    return LineageService(store.commands, store.reader, Assets(store.reader), follower, columns, 10_000)


def intent(key: str | None = None) -> Intent:
    return Intent(
        actor="ann", correlation_id="c", key=key or f"~{uuid.uuid4()}", digest=bytes(32), keyed=key is not None
    )


def urn(name: object) -> Urn:
    return Urn(f"external:n/{name}")


async def register(service: LineageService, source: object, target: object, *, allow_cycle: bool = False) -> bool:
    """Whether the edge was taken; a loop is the only refusal."""
    claim = Claim(source=urn(source), target=urn(target), metadata={}, allow_cycle=allow_cycle)
    try:
        await service.register(claim, intent=intent())
    except PreconditionFailed as refused:
        path = refused.details["path"]
        assert (path[:2], path[-1]) == ([urn(source), urn(target)], urn(source))
        return False
    return True


def reaches(edges: set[tuple[int, int]], start: int, end: int) -> bool:
    seen, waiting = {start}, [start]
    while waiting:
        here = waiting.pop()
        if here == end:
            return True
        nearer = {b for a, b in edges if a == here} - seen
        seen |= nearer
        waiting += nearer
    return False


@pytest.mark.parametrize("seed", range(3))
async def test_random_changes_leave_the_edges_of_a_model_without_loops(mesh: Mesh, seed: int) -> None:
    chance, edges = random.Random(seed), set[tuple[int, int]]()
    services = mesh.services
    for _ in range(150):
        service, pair = chance.choice(services), (chance.randrange(8), chance.randrange(8))
        if chance.random() < 0.3:
            try:
                await service.remove(urn(pair[0]), urn(pair[1]), None, intent=intent())
                edges.remove(pair)
            except NotFound:
                assert pair not in edges
        else:
            taken = await register(service, *pair)
            assert taken is (pair in edges or not reaches(edges, pair[1], pair[0]))
            edges |= {pair} if taken else set()
    assert await mesh.standing() == edges
    assert not any(reaches(edges - {(a, b)}, b, a) for a, b in edges)


async def test_a_rebuild_from_nothing_gives_the_same_rows_and_numbers(mesh: Mesh, database_url: str) -> None:
    service, chance = mesh.service, random.Random(5)
    await asyncio.gather(*(register(service, chance.randrange(9), chance.randrange(9)) for _ in range(60)))
    for a, b in sorted(await mesh.standing())[::3]:
        await service.remove(urn(a), urn(b), "for the test", intent=intent())
    await asyncio.gather(*(register(service, chance.randrange(12), chance.randrange(12)) for _ in range(30)))
    connection = await connect(database_url)
    names = ("lineage_edge", "external_asset")
    try:
        before = [await connection.fetch(ROWS.format(name)) for name in names]
        numbers = await connection.fetch("select * from lineage_asset order by number")
        assert [row["number"] for row in numbers] == list(range(12))
        await connection.execute("delete from lineage_asset")
        await rebuild(connection, CODEC, PROJECTIONS, TABLES)
        assert [await connection.fetch(ROWS.format(name)) for name in names] == before
        assert await connection.fetch("select * from lineage_asset order by number") == numbers
    finally:
        await connection.close()
    assert (await verify(mesh.pool, 0)).intact


async def test_halves_of_a_loop_from_two_processes_at_once_are_never_both_taken(mesh: Mesh) -> None:
    mine, other = mesh.services
    for number in range(0, 24, 2):
        taken = await asyncio.gather(register(mine, number, number + 1), register(other, number + 1, number))
        assert sorted(taken) == [False, True]


async def test_many_at_once_from_two_processes_end_without_a_conflict(mesh: Mesh) -> None:
    services = mesh.services
    taken = await asyncio.gather(*(register(services[n % 2], n % 7, 10 + n) for n in range(48)))
    assert taken == [True] * 48
    assert len(await mesh.standing()) == 48


async def test_a_chain_registered_at_once_with_its_closing_edge_lacks_one(mesh: Mesh) -> None:
    service = mesh.service
    taken = await asyncio.gather(*(register(service, n, (n + 1) % 12) for n in range(12)))
    assert sorted(taken) == [False] + [True] * 11


async def test_what_is_asked_for_twice_at_once_is_recorded_once(mesh: Mesh) -> None:
    service = mesh.service
    same = [register(service, 1, 2) for _ in range(8)]
    assert await asyncio.gather(*same) == [True] * 8
    claim = Claim(source=urn(3), target=urn(4), metadata={})
    answers = await asyncio.gather(*(service.register(claim, intent=intent("ann|k")) for _ in range(8)))
    assert {receipt.first for _, receipt in answers} == {2}
    assert await mesh.head() == 2


async def test_two_who_introduce_one_asset_in_two_spellings_at_once_do_not_both(mesh: Mesh) -> None:
    services = mesh.services

    async def introduce(service: LineageService, name: str, target: int) -> str | None:
        claim = Claim(source=urn(name), target=urn(target), metadata={})
        try:
            await service.register(claim, intent=intent())
        except Refused as refused:
            return refused.code
        return None

    for number in range(6):
        answers = await asyncio.gather(
            *(introduce(services[n % 2], f"{'aA'[n // 2]}{number}", 100 * number + n) for n in range(4))
        )
        assert answers in ([None, None, "ALREADY_EXISTS", "ALREADY_EXISTS"], ["ALREADY_EXISTS"] * 2 + [None] * 2)


async def test_a_turn_ends_every_edge_of_an_asset_and_only_those(mesh: Mesh) -> None:
    service = mesh.service
    for pair in ((1, 2), (2, 3), (3, 4), (4, 1)):
        await register(service, *pair, allow_cycle=True)
    async with service.turn() as turn:
        ended = turn.removals(Urn(turn.graph.urn(1)), "gone")
        assert turn.check.version == 4
        assert turn.removals(urn("nobody"), None) == ()
    wanted = {
        LineageRemoved(source=urn(source), target=urn(target), reason="gone"): (urn(source), urn(target))
        for source, target in ((1, 2), (2, 3))
    }
    assert {new.event: new.about for new in ended} == wanted
