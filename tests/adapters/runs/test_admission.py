"""Which run may go: against a model, over random orders of starts and ends."""

import asyncio
import uuid

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.adapters.runs import ProcessKind, Run, RunBoard, RunSignals
from server.adapters.runs.claims import Claim, Claims, Verdict
from server.kernel.ids import Urn
from tests.adapters.runs.arrange import ask

ENDED = Verdict(progress=1.0, rows_done=0)
BATCHES = ("a", "A", "b", "c", None)
steps = st.lists(
    st.one_of(
        st.sampled_from(BATCHES).map(lambda batch: ("start", batch)), st.integers(0, 5).map(lambda n: ("end", n))
    ),
    max_size=14,
)


def collide(one: Run, other: Run) -> bool:
    """The rule, said again: the same batch, or one of them on the whole dataset."""
    return one.batch_id is None or other.batch_id is None or one.batch_id.lower() == other.batch_id.lower()


def may_go(going: list[Run], waiting: list[Run]) -> list[Run]:
    """The waiting runs that collide neither with one that goes nor with an earlier one that waits."""
    return [
        run for place, run in enumerate(waiting) if not any(collide(run, other) for other in [*going, *waiting[:place]])
    ]


async def play(dsn: str, story: list[tuple[str, str | int | None]]) -> None:
    dataset = Urn(f"dataset:{uuid.uuid4()}")
    async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool, RunSignals(dsn) as signals:
        board = RunBoard(pool, signals)
        claims = Claims(pool, uuid.uuid4(), [ProcessKind.QUALITY_CHECK], 3600)
        going: list[Claim] = []
        waiting: list[Run] = []

        async def look() -> None:
            expected = may_go([claim.run for claim in going], waiting)
            taken = [claim for claim in await claims.take(50, ()) if claim.run.dataset == dataset]
            assert sorted(claim.run.id for claim in taken) == sorted(run.id for run in expected)
            going.extend(taken)
            waiting[:] = [run for run in waiting if run not in expected]

        for what, which in [*story, *([("end", 0)] * len(story))]:
            if what == "start":
                batch = which if isinstance(which, str) else None
                waiting.append(await board.start(ask(ProcessKind.QUALITY_CHECK, batch=batch, dataset=dataset)))
            elif going:
                assert isinstance(which, int)
                await claims.settle(going.pop(which % len(going)), ENDED)
            await look()
        assert (going, waiting) == ([], [])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=steps)
def test_runs_go_when_nothing_that_they_collide_with_goes_or_came_before(
    migrated_url: str, story: list[tuple[str, str | int | None]]
) -> None:
    asyncio.run(play(migrated_url, story))


async def test_another_dataset_and_no_dataset_wait_for_nobody(board: RunBoard, pool: asyncpg.Pool) -> None:
    claims = Claims(pool, uuid.uuid4(), [ProcessKind.REPLAY, ProcessKind.EMULATE], 3600)
    runs = [
        await board.start(ask(kind, dataset=dataset))
        for kind, dataset in [
            (ProcessKind.REPLAY, Urn("dataset:one")),
            (ProcessKind.REPLAY, Urn("dataset:two")),
            (ProcessKind.EMULATE, None),
            (ProcessKind.EMULATE, None),
        ]
    ]
    assert [claim.run.id for claim in await claims.take(9, ())] == [run.id for run in runs]


async def test_starts_and_ends_at_once_lose_no_run(board: RunBoard, pool: asyncpg.Pool) -> None:
    claims = Claims(pool, uuid.uuid4(), [ProcessKind.QUALITY_CHECK], 3600)

    async def start() -> None:
        for number in range(12):
            await board.start(ask(ProcessKind.QUALITY_CHECK, batch=f"b{number % 2}"))

    async def end() -> int:
        ended = 0
        while ended < 36:
            taken = await claims.take(9, ())
            await asyncio.gather(*(claims.settle(claim, ENDED) for claim in taken))
            ended += len(taken)
        return ended

    async with asyncio.timeout(60):
        assert (await asyncio.gather(end(), start(), start(), start()))[0] == 36
    assert await pool.fetchval("select count(*) from process_run where status <> 'SUCCEEDED'") == 0


async def test_of_colliding_runs_that_start_at_once_one_goes(board: RunBoard, pool: asyncpg.Pool) -> None:
    claims = Claims(pool, uuid.uuid4(), [ProcessKind.QUALITY_CHECK], 3600)
    for number in range(8):
        dataset = Urn(f"dataset:d{number}")
        asked = [ask(ProcessKind.QUALITY_CHECK, batch="b", dataset=dataset) for _ in range(6)]
        await asyncio.gather(*(board.start(one) for one in asked))
        assert len(await claims.take(9, ())) == 1
