"""Data lakes in the graph."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from graphql_schema import dataset as datasets
from graphql_schema import event_log as events
from graphql_schema.access import LakeAccess
from graphql_schema.compliance import LakeReport
from graphql_schema.compliance_level import ComplianceLevel
from graphql_schema.context import Info
from graphql_schema.deletion import LakeDeletions
from graphql_schema.guard import guarded, mutation
from graphql_schema.node import Node
from graphql_schema.paging import After, Connection, First, connection, request
from graphql_schema.payload import EVENTS, KEY, Events, MutationPayload, recorded
from graphql_schema.position import position_of
from graphql_schema.scalars import BigInt
from server.adapters.store.commands import Receipt
from server.kernel.ids import Urn
from server.kernel.permission import Permission
from server.mesh.lake.queries import LAKES_BY_NAME, OF_LAKE, LakeRow
from server.mesh.lake.service import Figures

if TYPE_CHECKING:
    from graphql_schema.dataset import Dataset
    from graphql_schema.event import Event


@strawberry.type(description="A data lake: datasets under one set of rules about personal data.")
class DataLake(LakeDeletions, LakeAccess, LakeReport, Node):
    """A data lake at a position."""

    position: strawberry.Private[int]
    revision: int = strawberry.field(
        description="The version of its stream after its last decision: audited accesses leave it as it is."
    )
    lake_id: str = strawberry.field(description="Its id.")
    name: str = strawberry.field(description="Its name.")
    owner: str = strawberry.field(description="Who answers for it.")
    region: str = strawberry.field(description="Where its data stands.")
    compliance_level: ComplianceLevel = strawberry.field(  # type: ignore[valid-type]
        description="How strictly it guards personal data."
    )
    created_at: datetime = strawberry.field(description="When it was created.")

    @strawberry.field(description="The datasets in it, by name.")
    async def datasets(
        self, info: Info, first: First = 50, after: After = None
    ) -> Connection[Annotated["Dataset", strawberry.lazy("graphql_schema.dataset")]]:
        """A page of datasets."""
        page = await info.context.children(OF_LAKE, request(first, after), self.position, self.id)
        return connection(page, lambda row: datasets.dataset_node(row, page.position))

    @guarded(Permission.AUDIT, description="What happened to it and to the datasets in it, oldest first.")
    async def events(
        self, info: Info, first: First = 50, after: After = None
    ) -> Connection[Annotated["Event", strawberry.lazy("graphql_schema.event")]]:
        """A page of events up to the position."""
        return await events.events_about(info, self.id, self.position, first, after)


@strawberry.input(description="A data lake to be created.")
class CreateDataLakeInput:
    """A data lake to be created."""

    lake_id: str = strawberry.field(description="1 to 128 letters, digits, '.', '_' or '-'; unique case aside.")
    name: str = strawberry.field(description="Its name, in 1 to 200 characters.")
    owner: str = strawberry.field(description="Who answers for it, in 1 to 200 characters.")
    region: str = strawberry.field(description="Where its data stands, in 1 to 200 characters.")
    compliance_level: ComplianceLevel | None = strawberry.field(  # type: ignore[valid-type]
        default=ComplianceLevel.STANDARD, description="How strictly it guards personal data, for good."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A dataset that comes into a data lake, or new figures of one that is in it.")
class IngestDatasetInput:
    """A dataset that comes into a data lake."""

    lake: strawberry.ID = strawberry.field(description="The data lake, by URN or id.")
    dataset: strawberry.ID = strawberry.field(description="The dataset, by URN or name.")
    data_source: str = strawberry.field(description="Where its data comes from, in 1 to 200 characters.")
    record_count: BigInt = strawberry.field(description="How many records came, 1 or more.")
    contains_pii: bool | None = strawberry.field(
        default=None,
        description="Whether it holds personal data; GDPR and STRICT lakes need to know. What is true stays true.",
    )
    encryption_enabled: bool | None = strawberry.field(
        default=None, description="Whether it is encrypted at rest; unless said, what stands. STRICT lakes need it."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="A data lake that was created or into which a dataset came.")
class DataLakePayload(MutationPayload):
    """A data lake that was created or into which a dataset came."""

    data_lake: DataLake = strawberry.field(description="The data lake as it now stands.")
    events: Events = strawberry.field(description=EVENTS)


@strawberry.type
class LakeReads:
    """Data lakes on the root and in a catalog."""

    @guarded(Permission.CATALOG, description="A data lake by URN or id.")
    async def data_lake(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="URN or id.")]
    ) -> DataLake | None:
        """The lake, or null."""
        position = await position_of(self, info)
        row = await info.context.mesh.lakes.find(id, position)
        return None if row is None else lake_node(row, position)

    @guarded(Permission.CATALOG, description="Data lakes by name.")
    async def data_lakes(self, info: Info, first: First = 50, after: After = None) -> Connection[DataLake]:
        """A page of lakes."""
        position = await position_of(self, info)
        page = await info.context.mesh.reader.page(LAKES_BY_NAME, request(first, after), position)
        return connection(page, lambda row: lake_node(row, page.position))


@strawberry.type
class LakeMutation:
    """What may be done to data lakes."""

    @mutation("Gives a data lake its id and its compliance level, both for good.")
    async def create_data_lake(
        self, info: Info, input: Annotated[CreateDataLakeInput, strawberry.argument(description="The lake.")]
    ) -> DataLakePayload:
        """CreateLake -> DataLakeCreated."""
        context = info.context
        lake, receipt = await context.mesh.lake_service.create(
            input.lake_id,
            input.name,
            input.owner,
            input.region,
            input.compliance_level or ComplianceLevel.STANDARD,
            intent=context.intent("createDataLake", input, input.idempotency_key),
        )
        return await _payload(info, lake, receipt)

    @mutation("Takes a dataset into a data lake, for good, or tells new figures of one that is in it.")
    async def ingest_dataset(
        self, info: Info, input: Annotated[IngestDatasetInput, strawberry.argument(description="The dataset.")]
    ) -> DataLakePayload:
        """IngestDataset -> DatasetIngested."""
        context = info.context
        lake, receipt = await context.mesh.lake_service.ingest(
            input.lake,
            input.dataset,
            Figures(
                data_source=input.data_source,
                record_count=input.record_count,
                contains_pii=input.contains_pii,
                encryption_enabled=input.encryption_enabled,
            ),
            intent=context.intent("ingestDataset", input, input.idempotency_key),
        )
        return await _payload(info, lake, receipt)


async def _payload(info: Info, lake: Urn, receipt: Receipt) -> DataLakePayload:
    row = await info.context.mesh.lakes.known(lake, position=receipt.position)
    return DataLakePayload(data_lake=lake_node(row, receipt.position), events=await recorded(info, receipt))


def lake_node(row: LakeRow, position: int) -> DataLake:
    """A data lake in the graph."""
    return DataLake(
        id=strawberry.ID(row.id),
        position=position,
        revision=row.revision,
        lake_id=row.lake_id,
        name=row.name,
        owner=row.owner,
        region=row.region,
        compliance_level=ComplianceLevel(row.compliance_level),
        created_at=row.created_at,
    )
