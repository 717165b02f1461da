"""Runs in the graph."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.scalars import JSON

from graphql_schema import batch as batches
from graphql_schema import dataset as datasets
from graphql_schema.context import Info
from graphql_schema.enumeration import enumeration
from graphql_schema.guard import guarded
from graphql_schema.node import Node
from graphql_schema.paging import After, Connection, First, connection, request
from graphql_schema.scalars import BigInt
from server.adapters.runs import ProcessKind as KindOfProcess
from server.adapters.runs import Run, RunFilter
from server.adapters.runs import RunStatus as Status
from server.kernel.ids import Kind, name_of, reference
from server.kernel.permission import Permission

if TYPE_CHECKING:
    from graphql_schema.batch import Batch
    from graphql_schema.dataset import Dataset

ProcessKind = enumeration(
    KindOfProcess,
    name="ProcessKind",
    description="What a run does.",
    APPEND="Types the rows of an upload.",
    REPLAY="Makes the batches of a dataset anew.",
    QUALITY_CHECK="Judges a batch by quality rules.",
    ANONYMIZE="Applies privacy rules to a batch.",
    PUBLISH="Makes a batch ready for consumers.",
    ERASE="Removes the rows of a person.",
    EXPIRE="Removes the rows of batches whose time is over.",
    COMPACT="Joins small files.",
    EMULATE="Makes synthetic rows.",
)
RunStatus = enumeration(
    Status,
    name="RunStatus",
    description="How far a run is.",
    QUEUED="It waits for a worker.",
    RUNNING="A worker does it.",
    SUCCEEDED="It is done.",
    FAILED="It ended with an error.",
)


@strawberry.type(description="A piece of work on data: durable, done once, picked up again after a crash.")
class ProcessRun(Node):
    """A run as it stood when it was read."""

    run: strawberry.Private[Run]
    position: strawberry.Private[int | None]  # what its batch and dataset are about; None: the operation's now
    kind: ProcessKind = strawberry.field(description="What it does.")  # type: ignore[valid-type]
    status: RunStatus = strawberry.field(description="How far it is.")  # type: ignore[valid-type]
    progress: float = strawberry.field(description="0 to 1.")
    rows_done: BigInt = strawberry.field(description="How many rows it has worked on.")
    batch_id: str | None = strawberry.field(
        description="Of the batch that the run is making or changing, also before the batch is there."
    )
    created_at: datetime = strawberry.field(description="When it was asked for.")
    started_at: datetime | None = strawberry.field(description="When a worker took it.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")

    @strawberry.field(description="The dataset that it works on.")
    async def dataset(self, info: Info) -> Annotated["Dataset", strawberry.lazy("graphql_schema.dataset")] | None:
        """Its dataset now."""
        position = await info.context.now() if self.position is None else self.position
        row = await info.context.load("dataset", position, self.run.dataset) if self.run.dataset else None
        return None if row is None else datasets.dataset_node(row, position)

    @strawberry.field(description="The batch that it works on, once it is there.")
    async def batch(self, info: Info) -> Annotated["Batch", strawberry.lazy("graphql_schema.batch")] | None:
        """Its batch now."""
        if self.run.batch_id is None:
            return None
        position = await info.context.now() if self.position is None else self.position
        row = await info.context.load("batch", position, f"{Kind.BATCH}:{self.run.batch_id}")
        return None if row is None else batches.batch_node(row, position)

    @guarded(Permission.ROWS, description="Why it failed.")
    def error(self) -> str | None:
        """The message."""
        return self.run.error

    @guarded(Permission.ROWS, description="The code that the mutation would have answered.")
    def error_code(self) -> str | None:
        """The code."""
        return self.run.error_code

    @guarded(Permission.ROWS, description="The details that the mutation would have answered.")
    def error_details(self) -> JSON | None:
        """The details."""
        return None if self.run.error_details is None else JSON(dict(self.run.error_details))


@strawberry.input(description="Which runs are meant: those that match everything given.")
class ProcessRunFilter:
    """Which runs are meant."""

    kind: ProcessKind | None = strawberry.field(default=None, description="Of this kind.")  # type: ignore[valid-type]
    status: RunStatus | None = strawberry.field(default=None, description="In this status.")  # type: ignore[valid-type]
    dataset: strawberry.ID | None = strawberry.field(default=None, description="On this dataset, by URN or name.")
    batch: strawberry.ID | None = strawberry.field(default=None, description="On this batch, by URN or id.")


@strawberry.type
class RunQuery:
    """Runs on the root: they are about now."""

    @guarded(Permission.CATALOG, description="A run by URN.")
    async def process_run(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="URN or UUID.")]
    ) -> ProcessRun | None:
        """The run, or null."""
        run = await info.context.mesh.runs.find(reference(Kind.RUN, id, field="id"))
        return None if run is None else run_node(run)

    @guarded(Permission.CATALOG, description="Runs, oldest first.")
    async def process_runs(
        self,
        info: Info,
        filter: Annotated[ProcessRunFilter | None, strawberry.argument(description="Which of them.")] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[ProcessRun]:
        """A page of runs."""
        page = await info.context.mesh.runs.page(run_filter(filter), request(first, after))
        return connection(page, run_node)


@strawberry.type
class RunSubscription:
    """Runs as they go on."""

    @strawberry.subscription(
        description="The run now and at each change, to its end.", metadata={"permission": Permission.CATALOG}
    )
    async def process_run(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="URN or UUID.")]
    ) -> AsyncGenerator[ProcessRun, None]:
        """Each state of the run once."""
        info.context.require(Permission.CATALOG)
        mesh = info.context.mesh
        async for run in mesh.runs.changes(reference(Kind.RUN, id, field="id")):
            info.context.renew()
            yield run_node(run, await mesh.events.head())


def run_filter(given: ProcessRunFilter | None) -> RunFilter:
    """The filter as the board takes it."""
    if given is None:
        return RunFilter()
    return RunFilter(
        kind=given.kind,
        status=given.status,
        dataset=None if given.dataset is None else reference(Kind.DATASET, given.dataset, field="dataset"),
        batch=None if given.batch is None else name_of(reference(Kind.BATCH, given.batch, field="batch")),
    )


def run_node(run: Run, position: int | None = None) -> ProcessRun:
    """A run in the graph; its batch and dataset as of `position`, or now."""
    return ProcessRun(
        id=strawberry.ID(run.id),
        run=run,
        position=position,
        kind=run.kind,
        status=run.status,
        progress=run.progress,
        rows_done=BigInt(run.rows_done),
        batch_id=run.batch_id,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
    )
