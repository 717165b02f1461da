"""Batches in the graph."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from graphql_schema import contract as contracts
from graphql_schema import dataset as datasets
from graphql_schema import event_log as events
from graphql_schema import grant as grants
from graphql_schema.context import Info
from graphql_schema.enumeration import enumeration
from graphql_schema.guard import guarded
from graphql_schema.layer import Layer
from graphql_schema.node import Node
from graphql_schema.paging import After, Connection, First, connection, request
from graphql_schema.position import position_of
from graphql_schema.report import PrivacyReport, QualityReport, RejectedRow, privacy_report, quality_report
from graphql_schema.scalars import BigInt
from server.adapters.store.listing import Listing
from server.kernel.ids import Kind, reference
from server.kernel.layer import Layer as LayerName
from server.kernel.permission import Permission
from server.mesh.audit.service import Action
from server.mesh.batch.queries import BatchFilter as Query
from server.mesh.batch.queries import BatchRow, batches
from server.mesh.batch.state import BatchStatus as Status
from server.mesh.retention.expiry import expires_at

if TYPE_CHECKING:
    from graphql_schema.contract import DataContract
    from graphql_schema.dataset import Dataset
    from graphql_schema.event import Event
    from graphql_schema.grant import ConsumptionGrant

BatchStatus = enumeration(
    Status,
    name="BatchStatus",
    description="How far a batch has come.",
    APPENDED="Its rows are typed and stored.",
    QUALITY_PASSED="Its last check passed.",
    QUALITY_FAILED="Its last check failed.",
    ANONYMIZED="Privacy rules were applied.",
    PUBLISHED="Consumers may be granted it.",
    QUARANTINED="It is set apart: consumers see nothing of it.",
    EXPIRED="Its time is over and its rows are gone.",
)


@strawberry.type(description="Why a batch is set apart.")
class Quarantine:
    """Why a batch is set apart."""

    reason: str = strawberry.field(description="The reason given.")
    by: str = strawberry.field(description="Who set it apart.")
    at: datetime = strawberry.field(description="When.")


@strawberry.type(description="The rows that came at once, and their life from append to expiry.")
class Batch(Node):
    """A batch at a position."""

    position: strawberry.Private[int]
    row: strawberry.Private[BatchRow]
    revision: int = strawberry.field(description="The version of its stream: what `expectedVersion` takes.")
    batch_id: str = strawberry.field(description="Its id, as it was chosen.")
    contract_version: int = strawberry.field(description="The version of the contract that it came under.")
    status: BatchStatus = strawberry.field(description="How far it has come.")  # type: ignore[valid-type]
    layers: list[Layer] = strawberry.field(description="The layers in which its rows stand now.")  # type: ignore[valid-type]
    file_url: str | None = strawberry.field(
        description="What was uploaded; null for records created through the graph."
    )
    row_count: BigInt = strawberry.field(description="Rows in bronze.")
    rejected_row_count: BigInt = strawberry.field(
        description="Rows that did not fit the schema: set aside, with line and reason, never silently dropped."
    )
    size_bytes: BigInt = strawberry.field(description="Size of the uploaded file.")
    checksum: str = strawberry.field(description="SHA-256 of the uploaded file, hex.")
    quarantine: Quarantine | None = strawberry.field(description="Why it is set apart; null where it is not.")
    schema_version: int = strawberry.field(description="The version of the dataset's schema that its rows follow.")
    appended_at: datetime = strawberry.field(description="When it was recorded.")
    published_at: datetime | None = strawberry.field(description="When it was published.")

    @strawberry.field(
        description="When its contract lets it go, or let it go: `retentionDays` after `appendedAt`; null where it is"
        " kept for ever."
    )
    async def expires_at(self, info: Info) -> datetime | None:
        """By the contract at the position; once it has expired, as it was then."""
        if self.row.expires_at is not None:
            return self.row.expires_at
        contract = await info.context.load("contract", self.position, self.row.contract)
        return expires_at(self.row.appended_at, contract.retention_days)

    @strawberry.field(description="The dataset that it belongs to.")
    async def dataset(self, info: Info) -> Annotated["Dataset", strawberry.lazy("graphql_schema.dataset")]:
        """Its dataset."""
        row = await info.context.load("dataset", self.position, self.row.dataset)
        return datasets.dataset_node(row, self.position)

    @strawberry.field(description="The contract that it came under.")
    async def contract(self, info: Info) -> Annotated["DataContract", strawberry.lazy("graphql_schema.contract")]:
        """Its contract."""
        row = await info.context.load("contract", self.position, self.row.contract)
        return contracts.contract_node(row, self.position)

    @guarded(Permission.ROWS, description="The rows that were set aside, in the order of the file.")
    async def rejected_rows(
        self,
        info: Info,
        first: Annotated[int | None, strawberry.argument(description="How many at most: 0 to 500.")] = 20,
    ) -> list[RejectedRow]:
        """Line, column and reason; never the row's text."""
        read = info.context.mesh.batch_service.rejected_rows
        rejects = await info.context.audit.through(
            self.row.dataset, Action.REJECTS, lambda: read(self.row, 20 if first is None else first)
        )
        return [RejectedRow(line=BigInt(one.line), column=one.column, reason=one.reason) for one in rejects]

    @strawberry.field(description="Its quality checks, oldest first.")
    async def quality_reports(self, info: Info) -> list[QualityReport]:
        """The checks up to the position."""
        rows = await info.context.load("batch.quality", self.position, self.id)
        return [quality_report(row, self.row) for row in rows]

    @strawberry.field(description="Its anonymisations, oldest first.")
    async def privacy_reports(self, info: Info) -> list[PrivacyReport]:
        """The anonymisations up to the position."""
        return [privacy_report(row) for row in await info.context.load("batch.privacy", self.position, self.id)]

    @guarded(Permission.ROWS, description="Who was granted it, ended grants among them.")
    async def grants(self, info: Info) -> list[Annotated["ConsumptionGrant", strawberry.lazy("graphql_schema.grant")]]:
        """The grants up to the position."""
        rows = await info.context.load("batch.grants", self.position, self.id)
        return [grants.grant_node(row, self.position) for row in rows]

    @guarded(Permission.AUDIT, description="What happened to it, oldest first.")
    async def events(
        self, info: Info, first: First = 50, after: After = None
    ) -> Connection[Annotated["Event", strawberry.lazy("graphql_schema.event")]]:
        """A page of events up to the position."""
        return await events.events_of(info, self.id, self.position, first, after)


@strawberry.input(description="Which batches are meant: those that match everything given.")
class BatchFilter:
    """Which batches are meant."""

    dataset: strawberry.ID | None = strawberry.field(default=None, description="Of this dataset, by URN or name.")
    contract: strawberry.ID | None = strawberry.field(default=None, description="Under this contract, by URN or id.")
    status: BatchStatus | None = strawberry.field(default=None, description="In this status.")  # type: ignore[valid-type]
    layer: Layer | None = strawberry.field(default=None, description="With rows in this layer.")  # type: ignore[valid-type]
    appended_after: datetime | None = strawberry.field(default=None, description="Appended after this instant.")
    appended_before: datetime | None = strawberry.field(default=None, description="Appended before this instant.")


@strawberry.type
class BatchReads:
    """Batches on the root and in a catalog."""

    @guarded(Permission.CATALOG, description="A batch by URN or id.")
    async def batch(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="URN or id.")]
    ) -> Batch | None:
        """The batch, or null."""
        position = await position_of(self, info)
        row = await info.context.mesh.batches.find(id, position)
        return None if row is None else batch_node(row, position)

    @guarded(Permission.CATALOG, description="Batches, oldest first.")
    async def batches(
        self,
        info: Info,
        filter: Annotated[BatchFilter | None, strawberry.argument(description="Which of them.")] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[Batch]:
        """A page of batches."""
        position = await position_of(self, info)
        page = await info.context.mesh.reader.page(batch_listing(filter), request(first, after), position)
        return connection(page, lambda row: batch_node(row, page.position))


def batch_listing(filter: BatchFilter | None, parent: str | None = None) -> Listing[BatchRow]:
    """The batches that the filter means, of all or of each parent."""
    if filter is None:
        return batches(Query(), parent)
    only = Query(
        dataset=None if filter.dataset is None else reference(Kind.DATASET, filter.dataset, field="dataset"),
        contract=None if filter.contract is None else reference(Kind.CONTRACT, filter.contract, field="contract"),
        status=filter.status,
        layer=filter.layer.value.lower() if filter.layer else None,
        appended_after=filter.appended_after,
        appended_before=filter.appended_before,
    )
    return batches(only, parent)


def batch_node(row: BatchRow, position: int) -> Batch:
    """A batch in the graph."""
    quarantine = row.quarantine
    return Batch(
        id=strawberry.ID(row.id),
        position=position,
        row=row,
        revision=row.revision,
        batch_id=row.batch_id,
        contract_version=row.contract_version,
        status=Status(row.status),
        layers=[layer for layer in LayerName if getattr(row, layer.value.lower()) is not None],
        file_url=row.file_url,
        row_count=BigInt(row.row_count),
        rejected_row_count=BigInt(row.rejected_row_count),
        size_bytes=BigInt(row.size_bytes),
        checksum=row.checksum,
        quarantine=None
        if quarantine is None
        else Quarantine(reason=quarantine["reason"], by=quarantine["by"], at=datetime.fromisoformat(quarantine["at"])),
        schema_version=row.schema_version,
        appended_at=row.appended_at,
        published_at=row.published_at,
    )
