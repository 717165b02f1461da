"""Datasets in the graph."""

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from graphql_schema import batch as batches
from graphql_schema import contract as contracts
from graphql_schema import domain as domains
from graphql_schema import event_log as events
from graphql_schema import lake as lakes
from graphql_schema import product as products
from graphql_schema import run as runs
from graphql_schema.asset import Asset
from graphql_schema.context import Info
from graphql_schema.dataset_input import DatasetFilter, RegisterDatasetInput, RequestReplayInput, dataset_filter
from graphql_schema.field import Field, field, given_schema
from graphql_schema.guard import guarded, mutation
from graphql_schema.paging import After, Connection, First, connection, request
from graphql_schema.payload import EVENTS, Events, MutationPayload, recorded, recorded_by_run, run_position
from graphql_schema.position import position_of
from graphql_schema.record import DatasetRecords
from graphql_schema.schema_version import (
    EvolveSchemaInput,
    SchemaFormat,
    SchemaVersion,
    schema_version,
)
from server.adapters.schemas.formats import written
from server.http.graphql.weight import price
from server.kernel.compatibility_rules import Compatibility
from server.kernel.fields import check_fields
from server.kernel.permission import Permission
from server.mesh.contract.queries import OF_DATASET
from server.mesh.dataset.queries import DatasetRow, fields_of
from server.mesh.dataset.queries import datasets as listing

if TYPE_CHECKING:
    from graphql_schema.batch import Batch, BatchFilter
    from graphql_schema.contract import DataContract
    from graphql_schema.domain import Domain
    from graphql_schema.event import Event
    from graphql_schema.lake import DataLake
    from graphql_schema.product import DataProduct
    from graphql_schema.run import ProcessRun


@strawberry.type(description="A dataset: a name, a schema, and the batches that fill it.")
class Dataset(DatasetRecords, Asset):
    """A dataset at a position."""

    product_id: strawberry.Private[str | None]
    domain_id: strawberry.Private[str | None]
    lake_id: strawberry.Private[str | None]
    revision: int = strawberry.field(description="The version of its stream: what `expectedVersion` takes.")
    name: str = strawberry.field(description="Its name.")
    schema: list[Field] = strawberry.field(description="The columns of the current schema, in order.")
    schema_version: int = strawberry.field(description="Which version of the schema is current.")
    contains_pii: bool | None = strawberry.field(
        description="Whether it holds personal data; null where nobody has said."
    )
    encryption_enabled: bool = strawberry.field(description="Whether its owner says that it is encrypted at rest.")
    created_at: datetime = strawberry.field(description="When it was registered.")
    updated_at: datetime = strawberry.field(description="When it changed last.")

    @strawberry.field(description="The data product that it is an output port of.")
    async def product(self, info: Info) -> Annotated["DataProduct", strawberry.lazy("graphql_schema.product")] | None:
        """Its product, or null."""
        if self.product_id is None:
            return None
        row = await info.context.load("product", self.position, self.product_id)
        return products.product_node(row, self.position)

    @strawberry.field(description="The domain that it belongs to: that of its product, or its own.")
    async def domain(self, info: Info) -> Annotated["Domain", strawberry.lazy("graphql_schema.domain")] | None:
        """Its domain, or null."""
        if self.domain_id is None:
            return None
        row = await info.context.load("domain", self.position, self.domain_id)
        return domains.domain_node(row, self.position)

    @strawberry.field(description="The data lake that it is in.")
    async def lake(self, info: Info) -> Annotated["DataLake", strawberry.lazy("graphql_schema.lake")] | None:
        """Its lake, or null."""
        if self.lake_id is None:
            return None
        row = await info.context.load("lake", self.position, self.lake_id)
        return lakes.lake_node(row, self.position)

    @strawberry.field(description="Every version of the schema, oldest first.")
    async def schema_history(self, info: Info) -> list[SchemaVersion]:
        """The versions up to the position."""
        rows = await info.context.load("dataset.schemas", self.position, self.id)
        return [schema_version(row) for row in rows]

    @strawberry.field(description="The current schema in another format.", metadata=price(50))
    async def schema_as(
        self,
        info: Info,
        format: Annotated[SchemaFormat, strawberry.argument(description="Which one.")],  # type: ignore[valid-type]
    ) -> str:
        """The schema's text, written in a thread: the library behind it may have to be loaded."""
        row = await info.context.load("dataset", self.position, self.id)
        return await asyncio.to_thread(written, format, row.name, row.schema_version, fields_of(row))

    @strawberry.field(description="The contracts for it, by id.")
    async def contracts(
        self, info: Info, first: First = 50, after: After = None
    ) -> Connection[Annotated["DataContract", strawberry.lazy("graphql_schema.contract")]]:
        """A page of contracts."""
        page = await info.context.children(OF_DATASET, request(first, after), self.position, self.id)
        return connection(page, lambda row: contracts.contract_node(row, page.position))

    @strawberry.field(description="Its batches, oldest first.")
    async def batches(
        self,
        info: Info,
        filter: Annotated[
            Annotated["BatchFilter", strawberry.lazy("graphql_schema.batch")] | None,
            strawberry.argument(description="Which of them."),
        ] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[Annotated["Batch", strawberry.lazy("graphql_schema.batch")]]:
        """A page of batches."""
        every = batches.batch_listing(filter, parent="dataset")
        page = await info.context.children(every, request(first, after), self.position, self.id)
        return connection(page, lambda row: batches.batch_node(row, page.position))

    @guarded(Permission.AUDIT, description="What happened to it, its contracts and its batches, oldest first.")
    async def events(
        self, info: Info, first: First = 50, after: After = None
    ) -> Connection[Annotated["Event", strawberry.lazy("graphql_schema.event")]]:
        """A page of events up to the position."""
        return await events.events_about(info, self.id, self.position, first, after)


@strawberry.type(description="A dataset that was registered or changed.")
class DatasetPayload(MutationPayload):
    """A dataset that was registered or changed."""

    dataset: Dataset = strawberry.field(description="The dataset as it now stands.")
    events: Events = strawberry.field(description=EVENTS)


@strawberry.type(description="A replay that was started.")
class ReplayPayload(MutationPayload):
    """A replay that was started."""

    dataset: Dataset = strawberry.field(description="The dataset as it now stands.")
    run: Annotated["ProcessRun", strawberry.lazy("graphql_schema.run")] = strawberry.field(description="The replay.")
    events: Events = strawberry.field(description=EVENTS)


@strawberry.type
class DatasetReads:
    """Datasets on the root and in a catalog."""

    @guarded(Permission.CATALOG, description="A dataset by URN or name.")
    async def dataset(
        self, info: Info, name: Annotated[strawberry.ID, strawberry.argument(description="URN or name.")]
    ) -> Dataset | None:
        """The dataset, or null."""
        position = await position_of(self, info)
        row = await info.context.mesh.datasets.find(name, position)
        return None if row is None else dataset_node(row, position)

    @guarded(Permission.CATALOG, description="Datasets by name.")
    async def datasets(
        self,
        info: Info,
        filter: Annotated[DatasetFilter | None, strawberry.argument(description="Which of them.")] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[Dataset]:
        """A page of datasets."""
        position = await position_of(self, info)
        page = await info.context.mesh.reader.page(listing(dataset_filter(filter)), request(first, after), position)
        return connection(page, lambda row: dataset_node(row, page.position))


@strawberry.type
class DatasetMutation:
    """What may be done to datasets."""

    @mutation("Gives a dataset its name and its first schema.")
    async def register_dataset(
        self, info: Info, input: Annotated[RegisterDatasetInput, strawberry.argument(description="The dataset.")]
    ) -> DatasetPayload:
        """RegisterDataset -> DatasetRegistered."""
        context = info.context
        receipt = await context.mesh.dataset_service.register(
            input.name,
            check_fields(await given_schema(input.fields, input.schema, input.schema_text, input.schema_format)),
            contains_pii=input.contains_pii,
            encryption_enabled=bool(input.encryption_enabled),
            product=input.product,
            domain=input.domain,
            intent=context.intent("registerDataset", input, input.idempotency_key),
        )
        row = await context.mesh.datasets.known(input.name, position=receipt.position)
        return DatasetPayload(dataset=dataset_node(row, receipt.position), events=await recorded(info, receipt))

    @mutation("Gives a dataset another schema, unless that would break the readers that `compatibility` names.")
    async def evolve_schema(
        self, info: Info, input: Annotated[EvolveSchemaInput, strawberry.argument(description="The schema.")]
    ) -> DatasetPayload:
        """EvolveSchema -> DatasetSchemaEvolved."""
        context = info.context
        dataset, receipt = await context.mesh.dataset_service.evolve(
            input.dataset,
            await given_schema(input.fields, input.schema, input.schema_text, input.schema_format),
            input.compatibility or Compatibility.BACKWARD,
            expected=input.expected_version,
            intent=context.intent("evolveSchema", input, input.idempotency_key),
        )
        row = await context.mesh.datasets.known(dataset, position=receipt.position)
        return DatasetPayload(dataset=dataset_node(row, receipt.position), events=await recorded(info, receipt))

    @mutation("Reprocesses every unquarantined batch of the dataset from its raw file, with today's schema and rules.")
    async def request_replay(
        self, info: Info, input: Annotated[RequestReplayInput, strawberry.argument(description="The replay.")]
    ) -> ReplayPayload:
        """RequestReplay -> ReplayRequested, BatchReplayed for each batch, ReplayCompleted."""
        context = info.context
        wait = context.wait(input.wait_seconds)
        run = await context.mesh.replays.request(
            input.dataset,
            input.reason or "",
            intent=context.intent("requestReplay", input, input.idempotency_key),
            wait_seconds=wait,
        )
        position = await run_position(info, run)
        row = await context.mesh.datasets.known(input.dataset, position=position)
        return ReplayPayload(
            dataset=dataset_node(row, position),
            run=runs.run_node(run, position),
            events=await recorded_by_run(info, run),
        )


def dataset_node(row: DatasetRow, position: int) -> Dataset:
    """A dataset in the graph."""
    return Dataset(
        id=strawberry.ID(row.id),
        position=position,
        product_id=row.product,
        domain_id=row.domain,
        lake_id=row.lake,
        revision=row.revision,
        name=row.name,
        schema=[field(column) for column in fields_of(row)],
        schema_version=row.schema_version,
        contains_pii=row.contains_pii,
        encryption_enabled=row.encryption_enabled,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
