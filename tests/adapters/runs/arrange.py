"""What the tests of runs start from."""

import asyncio

import asyncpg
from sqlalchemy.dialects.postgresql import dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from server.adapters.runs import Handler, ProcessKind, Run, RunContext, RunOutcome, RunRequest, queue_schema
from server.adapters.runs.tables import ProcessRunRow
from server.kernel.ids import Urn

SALES = Urn("dataset:sales")


async def make_tables(pool: asyncpg.Pool) -> None:
    """The table of runs and the queue's, as a migration makes them."""
    table = ProcessRunRow.__table__
    statements = [CreateTable(table), *(CreateIndex(index) for index in sorted(table.indexes, key=lambda i: i.name))]
    async with pool.acquire() as connection, connection.transaction():
        for statement in [*(str(made.compile(dialect=dialect())) for made in statements), *queue_schema()]:
            await connection.execute(statement)


def ask(
    kind: ProcessKind = ProcessKind.APPEND,
    *,
    batch: str | None = None,
    dataset: Urn | None = SALES,
    key: str | None = None,
    digest: bytes = b"input",
    **payload: object,
) -> RunRequest:
    """A request for a run."""
    return RunRequest(
        kind=kind,
        dataset=dataset,
        batch_id=batch,
        actor="ann",
        correlation_id="c-1",
        command_key=key,
        input_digest=digest,
        payload=payload,
    )


def always(outcome: RunOutcome | BaseException) -> Handler:
    """A handler that does nothing but end in this way."""

    async def handle(context: RunContext) -> RunOutcome:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return handle


async def queued(pool: asyncpg.Pool) -> int:
    """How many jobs the queue holds, taken or not."""
    return int(await pool.fetchval("select count(*) from pgqueuer"))


class Gate:
    """A handler that tells when it began and ends when it is let."""

    def __init__(self) -> None:
        self.began: asyncio.Queue[Run] = asyncio.Queue()
        self.go = asyncio.Semaphore(0)
        self.inside = self.most = 0

    async def __call__(self, context: RunContext) -> RunOutcome:
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.began.put(context.run)
        try:
            await self.go.acquire()
        finally:
            self.inside -= 1
        return RunOutcome()


async def begun(gate: Gate) -> Run:
    async with asyncio.timeout(30):
        return await gate.began.get()
